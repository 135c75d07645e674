"""What comes out of a network: quantities, or a single number for yes and no."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import Request, compute


def model(units, activation=None):
    import keras
    from keras import layers

    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(units, activation=activation, name="head", bias_initializer="ones"),
        ]
    )


def kinds_of(notes):
    return {note.kind for note in notes}


def by_tape(network, images, of):
    """The gradient at the images of `of(output)`, by TensorFlow's own tape."""
    images = tf.constant(images.array[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = of(network.model(images))
    return tape.gradient(score, images).numpy()[0]


# ---- Quantities


@pytest.fixture(scope="module")
def quantities():
    return Network(model(3), value_range=(0, 1), task="regression", class_names=["age", "height", "weight"])


def test_the_score_of_a_quantity_is_the_output_itself(quantities, picture):
    values = quantities.model(picture.array[None]).numpy()[0]
    assert quantities.logits(picture) == pytest.approx(values, abs=1e-6)
    assert quantities.readings(picture) == pytest.approx(values, abs=1e-6)
    assert quantities.scores(picture, "height") == pytest.approx(values[1], abs=1e-6)
    assert quantities.outputs(picture)[1] is None
    expected = by_tape(quantities, picture, lambda output: output[0, 1])
    assert quantities.gradient(picture, "height") == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", "softplus"])
def test_the_last_activation_belongs_to_a_quantity(activation, picture):
    network = Network(model(2, activation), value_range=(0, 1), task="regression")
    assert network.head == "none"
    assert network.scores(picture, 1) == pytest.approx(network.model(picture.array[None]).numpy()[0, 1], abs=1e-6)
    expected = by_tape(network, picture, lambda output: output[0, 1])
    assert network.gradient(picture, 1) == pytest.approx(expected, abs=1e-7)


def test_a_quantity_has_no_probability(quantities, picture):
    assert quantities.probability(picture, "age") is None
    with pytest.raises(ValueError, match="A regression network has no probabilities: .*'logit'.* Received: 'probabil"):
        quantities.probabilities(picture)


def test_methods_explain_a_quantity(quantities, picture):
    gradient = compute(Gradient(reduce="none"), quantities, picture, target="weight")
    assert gradient.array == pytest.approx(quantities.gradient(picture, Target(2)))
    maps, slope = quantities.layer_gradient(picture, "weight", "conv")
    cam = compute(GradCAM(final_relu=False), quantities, picture, target="weight").array
    assert cam == pytest.approx(maps @ slope.mean(axis=(0, 1)), abs=1e-7)
    occlusion = compute(Occlusion(window=12, stride=12, fill="black"), quantities, picture, target="weight")
    drop = quantities.scores(picture, "weight") - quantities.scores(np.zeros((12, 12, 3)), "weight")
    assert occlusion.array == pytest.approx(np.full((12, 12), drop), abs=1e-6)
    assert (occlusion.unit, occlusion.class_map) == ("drop in value", None)


def test_occlusion_of_a_probability_is_refused_for_a_quantity(quantities, picture):
    with pytest.raises(ValueError, match="A regression network has no probabilities") as refusal:
        compute(Occlusion(window=4, stride=4, score="probability"), quantities, picture, target="age")
    assert "\n" not in str(refusal.value)
    assert all(preset.score == "logit" for preset in Occlusion.presets(quantities).values())


def test_no_note_speaks_of_classes_or_logits_where_there_are_quantities(quantities, picture):
    single = Network(model(1), value_range=(0, 1), task="regression")
    about_classes = {"unlikely_target", "taken_as_logit", "recognised", "mistaken", "taken_for"}
    for network in (quantities, single):
        assert not about_classes & kinds_of(compute(Gradient(), network, picture, target=0).notes)
        assert not about_classes & kinds_of(compute(MaximalActivation(steps=1), network, target=0).notes)


def test_without_a_target_the_first_quantity_is_meant(quantities, picture):
    assert Request.of(Gradient(), quantities, picture).target == Target(0)
    assert Request.of(Gradient(), quantities, picture).caption.endswith(" · age")


def test_quantities_are_outputs_where_they_have_no_names(picture):
    network = Network(model(2), value_range=(0, 1), task="regression")
    assert network.class_names == ("output 0", "output 1")
    with pytest.raises(ValueError, match="Output must be between 0 and 1. Received: 2"):
        network.target(2)


@pytest.mark.parametrize("task", ["regress", 1, True])
def test_another_task_is_refused(task):
    with pytest.raises(ValueError, match="task must be one of None, 'classification', 'regression'. Received: "):
        Network(model(1), task=task)


# ---- A single number for yes and no


def test_a_single_number_without_an_activation_is_taken_as_a_logit_and_says_so(picture):
    (note,) = [
        n for n in compute(Gradient(), Network(model(1), value_range=(0, 1)), picture).notes if "logit" in n.kind
    ]
    assert "task='regression'" in note.text
    for said in ({"task": "classification"}, {"class_names": ["no", "yes"]}, {"task": "regression"}):
        network = Network(model(1), value_range=(0, 1), **said)
        assert "taken_as_logit" not in kinds_of(compute(Gradient(), network, picture, target=Target(0)).notes)
    several = Network(model(2), value_range=(0, 1))
    assert "taken_as_logit" not in kinds_of(compute(Gradient(), several, picture, target=Target(0)).notes)


@pytest.fixture(scope="module", params=["sigmoid", None])
def two_sided(request):
    return Network(model(1, request.param), value_range=(0, 1), class_names=["cat", "dog"])


def test_two_names_are_the_two_sides_of_a_single_number(two_sided, picture):
    (logit,) = two_sided.logits(picture)
    yes = 1 / (1 + np.exp(-logit))
    assert two_sided.class_names == ("cat", "dog")
    assert two_sided.classes == (-Target(0), Target(0))
    assert two_sided.target("cat") == -Target(0)
    assert two_sided.target("Dog") == Target(0)
    assert [two_sided.class_of(target) for target in (*two_sided.classes, 2 * Target(0))] == [0, 1, None]
    assert two_sided.probabilities(picture) == pytest.approx([1 - yes, yes], abs=1e-6)
    assert two_sided.probability(picture, "cat") == pytest.approx(1 - yes, abs=1e-6)
    assert two_sided.probabilities(picture.array[None]) == pytest.approx(np.array([[1 - yes, yes]]), abs=1e-6)


def test_the_gradient_of_the_no_side_is_that_of_the_yes_side_negated(two_sided, picture):
    assert np.array_equal(two_sided.gradient(picture, "cat"), -two_sided.gradient(picture, "dog"))
    assert two_sided.scores(picture, "cat") == -two_sided.scores(picture, "dog")


def test_the_side_that_wins_is_the_top_class(picture):
    for bias, winner in ((-3, "cat"), (3, "dog")):
        network = Network(model(1, "sigmoid"), value_range=(0, 1), class_names=["cat", "dog"])
        kernel, _ = network.model.get_layer("head").get_weights()
        network.model.get_layer("head").set_weights([kernel * 0, np.array([bias], np.float32)])
        assert network.describe(network.target(None, picture)) == winner
        assert Request.of(GradCAM(), network, picture).caption.endswith(f" · {winner}")
        watched = network.watch(picture, None)
        assert network.class_names[watched.winners] == winner


def test_a_side_that_the_network_does_not_see_is_pointed_out(picture):
    network = Network(model(1, "sigmoid"), value_range=(0, 1), class_names=["cat", "dog"])
    kernel, _ = network.model.get_layer("head").get_weights()
    network.model.get_layer("head").set_weights([kernel * 0, np.array([9], np.float32)])
    notes = {side: compute(Gradient(), network, picture, target=side).notes[0] for side in ("cat", "dog")}
    assert notes["cat"].text.startswith("The network gives cat only 0.01 % here")
    assert notes["dog"].kind != "unlikely_target"


def test_occlusion_in_probability_follows_the_no_side(two_sided, picture):
    method = Occlusion(window=6, stride=6, score="probability")
    no, yes = (compute(method, two_sided, picture, target=side) for side in ("cat", "dog"))
    assert no.array == pytest.approx(-yes.array, abs=1e-7)
    assert set(np.unique(no.class_map)) <= {0, 1}


def test_the_no_side_without_a_name_is_what_it_is_not(picture):
    network = Network(model(1, "sigmoid"), value_range=(0, 1), class_names=["dog"])
    assert network.describe(-Target(0)) == "not dog"
    assert network.probability(picture, -Target(0)) == pytest.approx(1 - network.probabilities(picture)[0], abs=1e-6)


def test_a_side_is_not_meant_by_a_number(two_sided):
    with pytest.raises(
        ValueError, match=r"meant by name, 'cat' or 'dog', or as -Target\(0\) or Target\(0\). Received: 1"
    ):
        two_sided.target(1)


def test_three_names_for_a_single_number_are_refused():
    network = Network(model(1, "sigmoid"), class_names=["cat", "dog", "bee"])
    with pytest.raises(ValueError, match="1 of them, or two, for its no and its yes. Received: 3 names"):
        network.class_names  # noqa: B018
    with pytest.raises(ValueError, match="1 of them. Received: 2 names"):
        Network(model(1), class_names=["age", "height"], task="regression").class_names  # noqa: B018


def test_one_of_several_classes_has_no_probability_against_it(small, picture):
    assert small.probability(picture, -Target(1)) is None
    assert small.probability(picture, Target(1) - Target(2)) is None
    assert small.probability(picture, Target("conv1", 1)) is None


def test_where_any_size_goes_the_trial_is_as_large_as_the_deepest_grid_needs():
    image = keras.Input((None, None, 3))
    values = image
    for _ in range(6):
        values = layers.MaxPooling2D(3, strides=2)(layers.Conv2D(3, 3)(values))
    network = Network(keras.Model(image, values), value_range=(0, 1))
    assert network.head == "none"
    picture = np.random.default_rng(0).uniform(0, 1, (400, 400, 3)).astype(np.float32)
    assert network.logits(picture) == pytest.approx(network.model(picture[None]).numpy().mean(axis=(0, 1, 2)), abs=1e-5)
