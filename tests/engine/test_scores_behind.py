"""Scores with another output in a layer's place, on every kind of model, checked by models really built."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import KINDS, each_kind, fixed

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.network import Network

INDEX = 0
# The last convolution of this kind is its softmax: a score that does not depend on it.
BEHIND_THE_SCORE = {"convolution_as_head": 1}


def useful_layers(name, network):
    return network.spatial_layers[: -BEHIND_THE_SCORE[name]] if name in BEHIND_THE_SCORE else network.spatial_layers


@each_kind()
def test_the_layers_own_output_gives_the_score_at_every_place_of_a_batch(name, opened, image):
    kind, network = opened(name)
    expected = float(network.scores(image(kind), INDEX))
    for info in useful_layers(name, network):
        if not network.engine.reaches(info.path, Target(INDEX).objective):
            continue  # a decoder beside the classifier
        own = network.activations(image(kind), info.path)
        found = network.scores_behind(image(kind), INDEX, info.path, np.stack([own, own * 0, own]))
        assert found.shape == (3,)
        assert found.dtype == np.float32
        least = 5e-3 if name == "mixed_float16" else 2e-6
        assert found[[0, 2]] == pytest.approx([expected] * 2, rel=2e-7, abs=least)


@pytest.mark.parametrize("name", ["functional", "skip_and_concat", "nested_in_functional", "nested_twice"])
def test_a_batch_gives_what_each_gives_alone(name, opened, image):
    kind, network = opened(name)
    random = np.random.default_rng(0)
    for info in network.spatial_layers:
        others = random.normal(size=(5, *network.activations(image(kind), info.path).shape)).astype(np.float32)
        together = network.scores_behind(image(kind), INDEX, info.path, others)
        alone = [network.scores_behind(image(kind), INDEX, info.path, other[None])[0] for other in others]
        assert np.ptp(together) > 0
        assert together == pytest.approx(alone, abs=1e-5)


def test_what_skips_past_the_layer_stays_that_of_the_image(opened, image):
    """The tail built by hand, of the model's own layers: what joins behind `conv1` comes from the image."""
    kind, network = opened("skip_and_concat")
    model, picture = network.model, image(kind)
    side = np.random.default_rng(1).uniform(0, 1, (4, 12, 12, 4)).astype(np.float32)
    stem = model.get_layer("stem")(np.repeat(picture.array[None], 4, axis=0))
    (reader,) = [layer for layer in model.layers if layer.name.startswith("conv2d")]
    joined = np.concatenate([stem + side, reader(side), np.repeat(picture.array[None], 4, axis=0)], axis=-1)
    expected = joined.mean(axis=(1, 2)) @ model.get_layer("scores").kernel.numpy() + model.get_layer("scores").bias
    found = network.scores_behind(picture, 2, "conv1", side)
    assert np.ptp(found) > 1e-3
    assert found == pytest.approx(np.asarray(expected)[:, 2], abs=1e-5)


@pytest.mark.parametrize(
    "skipping",
    [
        lambda values, image: tf.reshape(values, [tf.shape(image)[0], 10, 10, 4]),
        lambda values, image: values * tf.cast(tf.shape(image)[0], tf.float32),
    ],
    ids=["the shape of a batch", "a number"],
)
def test_what_skips_past_and_is_no_batch_is_right_as_well(skipping):
    """How many images there are is 1, for however many outputs of the layer."""
    image = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, name="conv1")(image)
    second = layers.Lambda(lambda pair: skipping(*pair), output_shape=(10, 10, 4))([first, image])
    model = fixed(keras.Model(image, layers.Dense(5)(layers.Flatten()(second))))
    network, picture = Network(model, value_range=(0, 1)), np.random.default_rng(0).uniform(0, 1, (12, 12, 3))
    graph = network.engine.traced.graph
    skips = graph.frontier(network.engine.tensors["conv1"], network.engine.traced.logits)[1:]
    assert len(skips) == 1
    own = network.activations(picture, "conv1")
    found = network.scores_behind(picture, INDEX, "conv1", np.stack([own, 2 * own, own]))
    assert network.layer_gradient(picture, INDEX, "conv1")[0] == pytest.approx(own)  # fed the same way
    bias = model.layers[-1].bias.numpy()[INDEX]
    score = float(network.scores(picture, INDEX))
    assert found == pytest.approx([score, 2 * score - bias, score], abs=1e-5)  # all behind the layer is linear


def test_the_score_may_be_a_channel_or_one_unit(opened, image):
    kind, network = opened("functional")
    own = network.activations(image(kind), "relu1")
    for target in (Target("conv2", 1), Target("conv2", 1, (2, 0)), Target("relu1", 3)):
        found = network.scores_behind(image(kind), target, "relu1", np.stack([own, own * 0]))
        assert found[0] == pytest.approx(float(network.scores(image(kind), target)), abs=1e-6)
        assert found[1] != pytest.approx(found[0])


def test_training_the_model_changes_the_scores(picture):
    model = KINDS["functional"].build()
    network = Network(model, value_range=(0, 1))
    own = network.activations(picture, "relu1")
    before = network.scores_behind(picture, INDEX, "relu1", own[None])
    scores = model.get_layer("scores")
    scores.set_weights([3 * weight for weight in scores.get_weights()])
    assert network.scores_behind(picture, INDEX, "relu1", own[None]) == pytest.approx(3 * before, rel=1e-5)


def test_new_classes_and_batch_sizes_trace_nothing_again(picture):
    network = Network(KINDS["skip_and_concat"].build(), value_range=(0, 1))
    own = network.activations(picture, "conv1")
    network.scores_behind(picture, 0, "conv1", own[None])
    before = dict(network.engine.functions.store)
    for n in range(1, 5):
        network.scores_behind(picture, n, "conv1", np.stack([own] * n))
    assert dict(network.engine.functions.store) == before


@pytest.mark.parametrize("shape", [(10, 10, 4), (2, 10, 10, 3), (0, 10, 10, 4), (4,), ()])
def test_another_shape_is_refused_in_a_sentence(shape, small, picture):
    with pytest.raises(ValueError, match=r"must be of shape \(n, 10, 10, 4\), as layer 'relu1' gives.*Received: \("):
        small.scores_behind(picture, 0, "relu1", np.zeros(shape))


def test_a_target_in_front_of_the_layer_is_refused(small, picture):
    with pytest.raises(ValueError, match="channel 0 of conv1 must depend on layer 'conv2'"):
        small.scores_behind(picture, Target("conv1", 0), "conv2", np.zeros((1, 4, 4, 6)))
