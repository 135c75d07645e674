"""Networks with shuffled weights: the numbers of a Keras model that was given the same weights, and a user's model
that nobody has touched."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import KINDS
from quick import OF_CONVOLUTIONS, quick

from cnnviz_widgets.anatomy.convolution import Convolution
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.similarity import Similarity, spearman
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import load
from cnnviz_widgets.request import compute


def fresh(name="functional"):
    return Network(KINDS[name].build(), value_range=(0, 1), **KINDS[name].options)


def noise(shape=(12, 12, 3)):
    return InputImage(np.random.default_rng(0).uniform(0, 1, shape))


def shuffled_by_hand(name, paths_and_places, seed=0, head=None):
    """A Keras model of its own whose layers were given the weights that the docs promise."""
    model = KINDS[name].build(head)
    for path, place in paths_and_places:
        random = np.random.default_rng([seed, place])
        for weight in model.get_layer(path).weights:
            values = np.asarray(weight)
            weight.assign(random.permutation(values.ravel()).reshape(values.shape))
    return model


def state(model):
    """All that could have been changed: every weight's bytes, the config, which attributes there are."""
    attributes = [sorted(vars(layer)) for layer in (model, *model.layers)]
    weights = [np.asarray(variable).tobytes() for variable in (*model.weights, *model.variables)]
    return weights, str(model.get_config()), attributes


@pytest.mark.parametrize(
    ("count", "alone", "which"),
    [(1, False, [0]), (2, False, [0, 1]), (3, False, [0, 1, 2]), (1, True, [0]), (2, True, [1]), (3, True, [2])],
)
def test_it_answers_as_a_keras_model_with_the_same_weights(count, alone, which):
    order = ["scores", "conv2", "conv1"]
    by_hand, image = shuffled_by_hand("functional", [(order[k], k) for k in which]), noise()
    network = fresh().randomised(count, alone=alone)
    batch = tf.constant(image.array[np.newaxis])
    with tf.GradientTape() as tape:
        tape.watch(batch)
        logits = by_hand(batch)
        score = logits[0, 2]
    np.testing.assert_allclose(network.logits(image), logits[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network.gradient(image, 2), tape.gradient(score, batch)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", OF_CONVOLUTIONS, ids=lambda method: method.__name__)
def test_every_method_sees_the_weights_that_were_shuffled(method):
    """A function of its own, past `CompiledFunctions.compiled`, would go on showing the weights that were learned."""
    by_hand = Network(shuffled_by_hand("functional", [("scores", 0), ("conv2", 1)], head="softmax"), value_range=(0, 1))
    asked = {"image": noise(), "target": 0, "layer": "conv2" if "layer" in method.uses else None}
    network, setting = fresh(), quick(method.suited_to(12))
    compute(setting, network, **asked)  # so that all is compiled for the trained one
    found = compute(setting, network.randomised(2), **asked)
    expected = compute(setting, by_hand, **asked)
    scale = np.abs(expected.array).max()
    np.testing.assert_allclose(found.array, expected.array, rtol=1e-3, atol=1e-4 * scale)
    assert not np.allclose(found.array, compute(setting, network, **asked).array, atol=1e-4 * scale)


def test_none_is_the_network_itself():
    network = fresh()
    assert network.randomised(0) is network
    assert network.randomised(0, alone=True) is network


def test_layers_are_listed_from_the_output_to_the_image():
    assert fresh().weighted_layers == ("scores", "conv2", "conv1")


def test_a_nested_layer_counts_once_and_its_model_not_at_all():
    paths = fresh("nested_twice").weighted_layers
    assert paths == ("scores", "outer/conv", "outer/base/last", "outer/base/conv")


def test_a_shared_layer_counts_once_where_it_is_used_last():
    assert fresh("shared_layer").weighted_layers == ("scores", "shared@2")


def test_what_belongs_to_no_layer_in_sight_stands_last_under_the_network_s_name():
    network = fresh("model_that_is_a_tf_function")
    assert network.weighted_layers == (network.name,)
    assert not np.array_equal(network.randomised(1).logits(noise()), network.logits(noise()))


@pytest.mark.parametrize(
    "name",
    [
        "sequential",
        "skip_and_concat",
        "nested_in_functional",
        "subclassed",
        "block_that_is_a_tf_function",
        "time_distributed",
        "shared_layer",
        "softmax_by_hand",
        "one_sigmoid",
        "batch_norm_dropout_augmentation",
        "mixed_float16",
        "any_size",
    ],
)
def test_every_kind_of_model_answers_differently_and_is_left_as_it_was(name, opened):
    kind, network = opened(name)
    model, image = network.model, noise([12 if n is None else n for n in kind.shape])
    clean, before = network.logits(image), [np.asarray(weight).tobytes() for weight in model.weights]
    destroyed = network.randomised(len(network.weighted_layers))
    assert not np.allclose(destroyed.logits(image), clean)
    assert destroyed.gradient(image, 0).shape == image.shape
    np.testing.assert_array_equal(network.logits(image), clean)
    assert [np.asarray(weight).tobytes() for weight in model.weights] == before


def test_the_model_is_left_as_it_was_by_every_question_also_by_refused_ones():
    network, image = fresh(), noise()
    network.layers  # noqa: B018
    before = state(network.model)
    for count in (1, 2, 3):
        for alone in (False, True):
            destroyed = network.randomised(count, alone=alone)
            compute(Gradient(relu="guided"), destroyed, image)
            compute(GradCAM(), destroyed, image, layer="conv1")
            with pytest.raises(ValueError, match="No layer named"):
                compute(GradCAM(), destroyed, image, layer="no such layer")
            with pytest.raises(ValueError, match="of shape"):
                destroyed.logits(np.zeros((3, 3, 3)))
    assert state(network.model) == before


def test_one_seed_gives_the_same_weights_and_another_others():
    image = noise()
    logits = [fresh().randomised(2, seed).logits(image) for seed in (4, 4, 5)]
    np.testing.assert_array_equal(logits[0], logits[1])
    assert not np.allclose(logits[0], logits[2])


def test_a_cascade_keeps_the_weights_that_it_has_drawn():
    network = fresh()
    kernels = [network.randomised(count).kernels("conv2") for count in (2, 3)]
    np.testing.assert_array_equal(*kernels)
    assert not np.array_equal(kernels[0], network.kernels("conv2"))


def test_the_numbers_of_an_array_are_the_same_ones():
    network = fresh()
    drawn, own = network.randomised(3).kernels("conv1"), network.kernels("conv1")
    np.testing.assert_array_equal(np.sort(drawn, axis=None), np.sort(own, axis=None))


def test_a_moving_variance_stays_positive():
    model = keras.Sequential([keras.Input((12, 12, 3)), layers.BatchNormalization(), layers.Flatten(), layers.Dense(2)])
    variance = np.array([1e-4, 1.0, 100.0], np.float32)
    model.layers[0].moving_variance.assign(variance)
    network = Network(model, value_range=(0, 1))
    destroyed = network.randomised(2, seed=1)
    drawn = np.asarray(destroyed.layer(network.weighted_layers[-1]).layer.moving_variance)
    np.testing.assert_array_equal(np.sort(drawn), variance)
    assert np.isfinite(destroyed.logits(noise())).all()


def test_kernels_and_sums_are_those_with_which_it_computes():
    destroyed, image = fresh().randomised(2), noise()
    convolution = Convolution.of(destroyed, "conv2")
    inputs = convolution.inputs(destroyed, image)
    terms = convolution.terms(inputs, 1, 2, 3)
    maps = destroyed.activations(image, "conv2")
    assert terms.value == pytest.approx(float(maps[1, 2, 3]), rel=1e-5)


def test_nothing_is_compiled_again():
    network, image = fresh(), noise()
    compute(Gradient(), network, image, target=0)
    kept = dict(network.engine.functions.store)
    for count in (1, 2, 3):
        compute(Gradient(), network.randomised(count), image, target=0)
    assert dict(network.engine.functions.store) == kept


def test_answers_are_kept_apart_in_the_store_that_is_shared():
    network, image = fresh(), noise()
    answers = [network.randomised(count).probabilities(image) for count in (0, 1, 2, 3)]
    for count in (3, 1, 2, 0):
        np.testing.assert_array_equal(network.randomised(count).probabilities(image), answers[count])
    assert len({answer.tobytes() for answer in answers}) == 4


def test_the_same_question_twice_is_only_looked_up():
    network, image = fresh(), noise()
    first = compute(Gradient(), network.randomised(2), image, target=0)
    assert compute(Gradient(), network.randomised(2), image, target=0) is first


def test_layers_that_are_shared_follow_the_training():
    network, image = fresh(), noise()
    destroyed = network.randomised(1)
    stamp, before = destroyed.weights_version(), destroyed.logits(image)
    network.model.get_layer("conv1").kernel.assign_add(np.full((3, 3, 3, 4), 0.5))
    assert destroyed.weights_version() != stamp
    assert not np.allclose(destroyed.logits(image), before)


def test_a_randomised_network_can_be_randomised_further():
    network, image = fresh(), noise()
    further = network.randomised(1).randomised(3, seed=2)
    np.testing.assert_allclose(further.logits(image), network.randomised(3, seed=2).logits(image), rtol=1e-6)
    top_and_bottom = network.randomised(1).randomised(3, alone=True)
    by_hand = shuffled_by_hand("functional", [("scores", 0), ("conv1", 2)])
    np.testing.assert_allclose(top_and_bottom.logits(image), by_hand(image.array[np.newaxis])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [-1, 4, 1.5, True, None])
def test_a_count_that_makes_no_sense_is_refused(count):
    with pytest.raises(ValueError, match="count must be a whole number of layers with weights, 0 to 3 .* Received: "):
        fresh().randomised(count)


@pytest.mark.parametrize("seed", [-1, 0.5, "a"])
def test_a_seed_that_makes_no_sense_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be a whole number, 0 or more. Received: seed="):
        fresh().randomised(1, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "efficientnet_lite0"])
def test_guided_backpropagation_hardly_cares_for_the_top_layer_but_the_gradient_does(name):
    network = load(name)
    image = network.fit(network.samples[0])
    target, destroyed = network.target(None, image), network.randomised(1)
    change = {
        method: Similarity.of(*(compute(method, each, image, target=target).array for each in (network, destroyed)))
        for method in (Gradient(reduce="sum"), Gradient(relu="guided"), Gradient(relu="guided", reduce="sum"))
    }
    assert change[Gradient(reduce="sum")].spearman < 0.5
    assert change[Gradient(relu="guided")].spearman > 0.95
    assert change[Gradient(relu="guided")].ssim > 0.9


def test_a_channel_below_the_layers_that_lost_their_weights_is_as_it_was():
    network, image = fresh(), noise()
    target = Target("conv2", 1)
    assert network.randomised(1).scores(image, target) == network.scores(image, target)
    maps = [each.gradient(image, target) for each in (network, network.randomised(1), network.randomised(2))]
    assert spearman(maps[0], maps[1]) == pytest.approx(1)
    assert spearman(maps[0], maps[2]) < 0.9
