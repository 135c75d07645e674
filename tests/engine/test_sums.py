"""Sums, differences and regions of targets, asked of networks: each is what its parts make of it."""

import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS, each_kind

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.compiled import terms_of
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import Request, compute

LOOSE = {"mixed_float16": 5e-3}  # eleven bits
# Many small numbers of both signs are added up on the way back.
LOOSE |= dict.fromkeys(["vision_transformer_with_a_class_token", "batch_statistics", "coatnet_blocks"], 1e-5)
LOOSE |= {"vision_transformer_with_registers_at_both_ends": 1e-5}
# The mean gradient in front of a normalisation by the image's own statistics is zero: Grad-CAM there is rounding.
NO_GRID_OR_NO_MEAN = [KINDS["time_distributed"], KINDS["batch_statistics"]]


def far_apart(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@each_kind(lambda kind: kind.classes > 1)
def test_the_score_and_the_gradient_of_a_difference_are_the_differences(name, opened, image):
    kind, network = opened(name)
    picture, difference = image(kind), Target(1) - Target(3)
    assert network.scores(picture, difference) == pytest.approx(
        network.scores(picture, 1) - network.scores(picture, 3), abs=1e-6
    )
    ones, others = network.gradient(picture, 1), network.gradient(picture, 3)
    size = max(np.abs(ones).max(), np.abs(others).max())
    found = network.gradient(picture, difference)
    assert np.abs(found - (ones - others)).max() < LOOSE.get(name, 1e-6) * size
    assert np.abs(found).max() > 0


# Of one kind the layer in the middle has no grid: it runs twice for each image.
@each_kind(lambda kind: kind.middle and kind.classes > 1 and kind not in NO_GRID_OR_NO_MEAN)
def test_a_layers_gradient_and_grad_cam_before_its_relu_are_the_differences(name, opened, image):
    kind, network = opened(name)
    picture = image(kind)

    def maps(target):
        cam = compute(GradCAM(final_relu=False), network, picture, target=target, layer=kind.middle).array
        return cam, network.layer_gradient(picture, target, kind.middle)[1]

    for found, one, other in zip(maps(Target(1) - Target(3)), maps(1), maps(3), strict=True):
        size = max(np.abs(one).max(), np.abs(other).max())
        assert np.abs(found - (one - other)).max() < LOOSE.get(name, 1e-5) * size


def test_a_sum_weighs_its_parts(small, picture):
    target = 0.5 * Target(1) + 2 * Target(0) - Target(4)
    parts = small.gradient(picture, 1), small.gradient(picture, 0), small.gradient(picture, 4)
    assert far_apart(small.gradient(picture, target), 0.5 * parts[0] + 2 * parts[1] - parts[2]) < 1e-6
    assert far_apart(small.gradient(picture, -Target(1)), -parts[0]) < 1e-6


def test_channels_of_a_layer_are_subtracted_as_classes_are(small, picture):
    one, other = Target("conv1", 1), Target("conv1", 3, (2, 4))
    maps = small.activations(picture, "conv1")
    assert small.scores(picture, one - other) == pytest.approx(maps[..., 1].mean() - maps[2, 4, 3], abs=1e-6)
    expected = small.gradient(picture, one) - small.gradient(picture, other)
    assert far_apart(small.gradient(picture, one - other), expected) < 1e-6
    assert small.describe(one - other) == "channel 1 of conv1 rather than unit (2, 4) of channel 3 of conv1"


def test_a_box_of_units_is_the_mean_of_its_units(small, picture):
    box = Target("conv1", 1, region=((2, 4), (5, 8)))
    units = [Target("conv1", 1, (row, column)) for row in (2, 3) for column in (5, 6, 7)]
    assert small.scores(picture, box) == pytest.approx(
        np.mean([small.scores(picture, unit) for unit in units]), abs=1e-6
    )
    total = sum(small.gradient(picture, unit) for unit in units)
    assert far_apart(small.gradient(picture, box), total / 6) < 1e-5
    assert small.describe(box) == "channel 1 of conv1 in rows 2 to 3, columns 5 to 7"


def test_a_hidden_softmax_gives_the_logarithm_of_the_ratio(opened, image):
    kind, network = opened("softmax_by_hand")
    one, other = network.probabilities(image(kind))[[1, 3]]
    assert network.scores(image(kind), Target(1) - Target(3)) == pytest.approx(np.log(one / other), abs=1e-5)
    logits = opened("no_softmax")[1]  # the same network, without its head
    expected = logits.gradient(image(kind), Target(1) - Target(3))
    assert far_apart(network.gradient(image(kind), Target(1) - Target(3)), expected) < 1e-4


def test_another_class_pair_weight_or_place_traces_nothing_again():
    network = Network(KINDS["functional"].build(), value_range=(0, 1))
    image = np.random.default_rng(0).uniform(0, 1, (12, 12, 3)).astype(np.float32)

    def ask(of_class, of_channel):
        network.gradient(image, of_class)
        network.layer_gradient(image, of_class, "relu1")
        network.gradient(image, of_channel)
        compute(MaximalActivation(steps=1), network, target=of_class)

    ask(Target(0), Target("conv2", 0))
    kept = dict(network.engine.functions.store)
    assert len(kept) > 4
    traced = {key: tail for key, tail in kept.items() if key[0] != "values"}
    ask(Target(1) - Target(2), Target("conv2", 1) - Target("conv2", 2, (1, 1)))
    ask(Target(0) + 0.5 * Target(1) - Target(2) - Target(3), Target("conv2", 3, region=((0, 2), (1, 3))))
    after = dict(network.engine.functions.store)
    assert {key: tail for key, tail in after.items() if key[0] != "values"} == traced
    assert len(after) == len(kept)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Target(1) - Target(5), r"Class must be between 0 and 4. Received: 5"),
        (Target("conv1", 0) + Target("conv1", 4), r"Channel of 'conv1' must be between 0 and 3. Received: 4"),
        (Target("conf1", 0) - Target("conf1", 1), r"No layer named 'conf1'"),
        (Target(1) - Target(2, region=((0, 1), (0, 2))), r"Only an output with places .* Received: region"),
        (
            Target("conv1", 0, region=((0, 11), (0, 2))),
            r"region must lie in 'conv1', 10×10×4. Received: region=\(\(0, 11",
        ),
        (Target("conv1", 0, region=((-1, 2), (0, 2))), r"region must lie in 'conv1'"),
    ],
)
def test_a_sum_of_what_is_not_there_is_refused(target, sentence, small, picture):
    with pytest.raises(ValueError, match=sentence) as refusal:
        small.gradient(picture, target)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(1) - Target(2), "dog rather than bee"),
        (Target(1) + Target(2), "dog + bee"),
        (0.5 * Target(3), "0.5 × cup"),
        (-Target(3), "− cup"),
        (Target(0) + Target(1) - 2 * Target(2), "cat + dog − 2 × bee"),
    ],
)
def test_a_sum_in_words(target, words, picture):
    network = Network(KINDS["functional"].build(), class_names=["cat", "dog", "bee", "cup", "pen"], value_range=(0, 1))
    assert network.describe(target) == words
    assert Request.of(Gradient(), network, picture, target=target).caption.endswith(f" · {words}")


def test_occlusion_of_a_difference_is_the_difference_of_the_occlusions(small, picture):
    for score in ("logit", "probability"):
        method = Occlusion(window=4, stride=4, score=score)
        one, other = (compute(method, small, picture, target=target).array for target in (1, 3))
        found = compute(method, small, picture, target=Target(1) - Target(3))
        assert found.array == pytest.approx(one - other, abs=5e-6)  # a logit of 10 has as fine a grain
        assert found.unit == f"drop in {score}"


def test_the_original_cam_of_a_difference_is_the_difference_of_the_cams(small, picture):
    one, other = (compute(CAM(), small, picture, target=target).array for target in (1, 3))
    assert far_apart(compute(CAM(), small, picture, target=Target(1) - Target(3)).array, one - other) < 1e-5


def test_a_class_is_unseen_in_a_sum_only_where_the_others_are_as_well(picture):
    model = KINDS["functional"].build()
    kernel, _ = model.get_layer("scores").get_weights()
    model.get_layer("scores").set_weights([kernel * 0, np.array([9, 0, 0, 9, 0], np.float32)])
    network = Network(model, class_names=["cat", "dog", "bee", "cup", "pen"], value_range=(0, 1))

    def unseen(target):
        notes = compute(Gradient(), network, picture, target=target).notes
        return [note.text.split(" only")[0] for note in notes if note.kind == "unlikely_target"]

    assert unseen(Target(0) - Target(1)) == []
    assert unseen(Target(1) - Target(0)) == []
    assert unseen(Target(1) - Target(2)) == ["The network gives dog", "The network gives bee"]


def test_a_picture_made_for_a_difference_says_what_it_is_taken_for(small):
    notes = {note.kind: note for note in compute(MaximalActivation(steps=2), small, target=Target(1) - Target(2)).notes}
    assert not {"recognised", "mistaken"} & set(notes)
    assert notes["taken_for"].text.startswith("The network takes it for class ")


# ---- A network that classifies every place


@pytest.fixture(scope="module")
def segmenting():
    import keras
    from keras import layers

    keras.utils.set_random_seed(2)
    image = keras.Input((6, 7, 2))
    body = layers.Conv2D(4, 3, padding="same", activation="relu", name="body")(image)
    model = keras.Model(image, layers.Conv2D(3, 1, activation="softmax", name="head")(body))
    return Network(model, class_names=["sky", "sea", "sand"], value_range=(0, 1))


@pytest.fixture(scope="module")
def scene():
    return np.random.default_rng(5).uniform(0, 1, (6, 7, 2)).astype(np.float32)


def logits_by_hand(network, scene):
    """(rows, columns, classes) in plain NumPy: the 1×1 head is a product with a matrix."""
    body = network.activations(scene, "body")
    kernel, bias = network.model.get_layer("head").get_weights()
    return body @ kernel[0, 0] + bias


REGION = ((1, 4), (2, 7))


def test_a_class_in_a_region_scores_the_mean_of_its_logits_there(segmenting, scene):
    expected = logits_by_hand(segmenting, scene)[1:4, 2:7, 1].mean()
    assert segmenting.scores(scene, Target(1, region=REGION)) == pytest.approx(expected, abs=1e-6)
    at = logits_by_hand(segmenting, scene)[5, 0, 2]
    assert segmenting.scores(scene, Target(2, position=(5, 0))) == pytest.approx(at, abs=1e-6)
    difference = Target(1, region=REGION) - Target(2, position=(5, 0))
    assert segmenting.scores(scene, difference) == pytest.approx(expected - at, abs=1e-6)


def test_the_gradient_of_a_region_is_the_tapes(segmenting, scene):
    images, model = tf.constant(scene[None]), segmenting.model
    kernel, bias = (weight.value for weight in model.get_layer("head").weights)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = tf.tensordot(model.get_layer("body")(images), kernel[0, 0], 1) + bias
        score = tf.reduce_mean(logits[0, 1:4, 2:7, 1])
    expected = tape.gradient(score, images).numpy()[0]
    assert far_apart(segmenting.gradient(scene, Target(1, region=REGION)), expected) < 1e-5
    assert not np.abs(expected[:, 0]).any()  # what the region does not see


def test_a_region_of_everything_is_the_class(segmenting, scene):
    everything = Target(1, region=((0, 6), (0, 7)))
    assert segmenting.scores(scene, everything) == pytest.approx(segmenting.scores(scene, 1), abs=1e-6)
    assert far_apart(segmenting.gradient(scene, everything), segmenting.gradient(scene, 1)) < 1e-6


def test_probabilities_are_the_means_over_places_and_over_a_region(segmenting, scene):
    places = segmenting.model(scene[None]).numpy()[0]
    assert segmenting.probabilities(scene) == pytest.approx(places.mean(axis=(0, 1)), abs=1e-6)
    assert segmenting.probability(scene, Target(1, region=REGION)) == pytest.approx(
        places[1:4, 2:7, 1].mean(), abs=1e-6
    )
    batch = np.stack([scene, scene[::-1]])
    found = segmenting.scores(batch, Target(1, region=REGION), of="probability")
    assert found == pytest.approx(segmenting.model(batch).numpy()[:, 1:4, 2:7, 1].mean(axis=(1, 2)), abs=1e-6)


def test_without_a_softmax_the_probabilities_are_still_the_means_over_places(segmenting, scene):
    import keras

    body = segmenting.model.get_layer("body").output
    head = keras.layers.Conv2D(3, 1)
    network = Network(keras.Model(segmenting.model.input, head(body)), value_range=(0, 1))
    head.set_weights(segmenting.model.get_layer("head").get_weights())
    assert network.probabilities(scene) == pytest.approx(segmenting.probabilities(scene), abs=1e-6)


def test_occlusion_watches_a_region_in_logits_and_in_probabilities(segmenting, scene):
    target = Target(1, region=REGION)
    for score in ("logit", "probability"):
        found = compute(
            Occlusion(window=6, stride=6, fill="black", score=score), segmenting, scene, target=target
        ).array
        covered = np.zeros_like(scene)
        covered[:, 6:] = scene[:, 6:]  # the first of two windows; the second is the last column, cropped
        first = segmenting.scores(scene, target, score) - segmenting.scores(covered, target, score)
        assert found[0, 0] == pytest.approx(first, abs=1e-5)


def test_a_region_in_words(segmenting):
    assert segmenting.describe(Target(1, region=REGION)) == "sea in rows 1 to 3, columns 2 to 6"
    assert segmenting.describe(Target(1, position=(4, 5))) == "sea at row 4, column 5"
    assert segmenting.describe(Target(0, region=((1, 2), (0, 3)))) == "sky in row 1, columns 0 to 2"


@pytest.mark.parametrize("region", [((0, 7), (0, 1)), ((0, 1), (0, 8)), ((-1, 1), (0, 1))])
def test_a_region_outside_of_the_outputs_grid_is_refused(region, segmenting):
    with pytest.raises(ValueError, match="region must lie in the output, 6×7×3. Received: "):
        segmenting.target(Target(1, region=region))
    with pytest.raises(ValueError, match=r"must lie in the output, 6×7×3. Received: position=\(6, 0\)"):
        segmenting.target(Target(1, position=(6, 0)))


# {what the places of an output are: (the model's last layers, a place)}
PLACES = {
    "time steps": (lambda layers: [layers.Reshape((6, 28)), layers.Dense(3)], (4,)),
    "pixels in a row": (lambda layers: [layers.Conv2D(3, 1), layers.Reshape((42, 3))], (20,)),
    "anchors": (lambda layers: [layers.Conv2D(2 * 3, 1), layers.Reshape((6 * 7 * 2, 3))], (33,)),
    "cells of a volume": (lambda layers: [layers.Conv2D(2 * 3, 1), layers.Reshape((6, 7, 2, 3))], (1, 2, 1)),
}


def network_of_places(last, *behind):
    import keras
    from keras import layers

    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [keras.Input((6, 7, 2)), layers.Conv2D(4, 3, padding="same", activation="relu"), *last(layers), *behind]
    )
    return Network(model, value_range=(0, 1))


@pytest.mark.parametrize("kind", PLACES)
def test_any_single_number_of_an_output_is_a_target(kind, scene):
    last, place = PLACES[kind]
    network = network_of_places(last)
    images = tf.constant(scene[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        number = network.model(images)[(0, *place, 1)]
    target = Target(1, position=place)
    assert network.scores(scene, target) == pytest.approx(float(number), abs=1e-6)
    assert far_apart(network.gradient(scene, target), tape.gradient(number, images).numpy()[0]) < 1e-5


def test_some_time_steps_are_a_mean_beside_all_of_them(scene):
    network = network_of_places(PLACES["time steps"][0])
    images = tf.constant(scene[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        steps = network.model(images)[0]
        score = tf.reduce_mean(steps[2:4, 1]) - tf.reduce_mean(steps[:, 0])
    target = Target(1, region=((2, 4),)) - Target(0)
    assert network.scores(scene, target) == pytest.approx(float(score), abs=1e-6)
    assert far_apart(network.gradient(scene, target), tape.gradient(score, images).numpy()[0]) < 1e-5


def test_the_softmax_of_a_flat_segmentation_is_found_behind_its_logits(scene):
    import keras

    last, place = PLACES["pixels in a row"]
    network, bare = network_of_places(last, keras.layers.Softmax()), network_of_places(last)
    target = Target(1, position=place)
    assert network.head == "softmax"
    assert network.scores(scene, target) == pytest.approx(float(bare.scores(scene, target)), abs=1e-6)
    expected = network.model(scene[None]).numpy()[0, place[0], 1]
    assert network.probability(scene, target) == pytest.approx(expected, abs=1e-6)
    assert network.describe(target) == "class 1 at place 20"
    with pytest.raises(ValueError, match=r"The output, 42×3, has one axis of places: .* position=\(21,\). Received"):
        network.target(Target(1, region=REGION))


def test_what_is_not_finite_outside_of_a_region_does_not_concern_it(segmenting):
    broken = np.zeros((6, 7, 2), np.float32)
    broken[0, 0] = np.inf
    far = Target(1, region=((4, 6), (4, 7)))
    assert np.isfinite(segmenting.scores(broken, far))
    engine = segmenting.engine
    ask = engine.functions.gradient(engine.objective_tensor(None), "standard")
    scores, _ = ask(broken[None], terms_of(far.objective))
    assert np.isfinite(scores.numpy()).all()
