"""Orders of channels, and which of them are silent."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import fixed

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.maps.channels import activity, in_order, similarity_chain, without_weights
from cnnviz_widgets.network import Network


def test_by_norm_the_largest_stands_first_and_equals_stay_in_order():
    channels = np.array([[1, 0], [0, -5], [3, 4], [2, 0]])
    assert list(in_order(channels, "norm")) == [1, 2, 3, 0]
    assert list(in_order(channels, "channel")) == [0, 1, 2, 3]


def test_the_chain_goes_from_each_to_the_one_that_points_most_the_same_way():
    degrees = np.radians([0, 90, 10, 80, 180])
    channels = np.stack([np.cos(degrees), np.sin(degrees)], axis=1) * [[3], [1], [1], [2], [1]]
    assert list(similarity_chain(channels)) == [0, 2, 3, 1, 4]


def test_strength_does_not_count_for_similarity_and_zeros_stand_last():
    channels = np.array([[0.0, 0], [1, 1], [0, 0], [100, 90], [-1, -1]])
    assert list(similarity_chain(channels)) == [3, 1, 4, 0, 2]


@pytest.mark.parametrize("order", ["channel", "norm", "similarity"])
def test_every_order_holds_every_channel_once(order):
    channels = np.random.default_rng(0).normal(size=(30, 3, 3, 2))
    channels[4] = channels[9] = 0
    assert sorted(in_order(channels, order)) == list(range(30))


def test_filters_without_weights_are_found_beside_the_others():
    kernels = np.ones((4, 3, 3))
    kernels[1], kernels[2] = 0, 1e-8
    assert list(without_weights(kernels)) == [False, True, True, False]


def network_with(*middle, channels=4):
    image = keras.Input((8, 8, 1))
    values = image
    for layer in middle:
        values = layer(values)
    model = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(values)))
    return Network(fixed(model), value_range=(0, 1))


def pictures(count):
    random = np.random.default_rng(1)
    return [InputImage(random.uniform(0, 1, (8, 8, 1))) for _ in range(count)]


def set_channel(network, layer, channel, weights, bias):
    kernel, biases = network.layer(layer).layer.get_weights()
    kernel[..., channel], biases[channel] = weights, bias
    network.layer(layer).layer.set_weights([kernel, biases])


def test_a_channel_that_its_relu_always_closes_is_silent():
    network = network_with(layers.Conv2D(4, 3, activation="relu", name="conv"))
    set_channel(network, "conv", 0, 1, 0.5)
    set_channel(network, "conv", 2, -1, -0.1)
    *_, found = activity(network, "conv", pictures(12))
    assert found.silent[2]
    assert not found.silent[0]
    assert found.images == 12
    assert found.meaning == "never above zero behind its ReLU, at any place of this image and 11 samples"


def test_the_relu_may_follow_behind_batch_normalisation():
    network = network_with(layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(name="bn"), layers.ReLU())
    _, _, mean, variance = network.layer("bn").layer.get_weights()
    network.layer("bn").layer.set_weights([np.array([1.0, 0, 1, 1]), np.array([5.0, -1, 5, 5]), mean, variance])
    *_, found = activity(network, "conv", pictures(3))
    assert found.gated
    assert list(found.silent) == [False, True, False, False]


@pytest.mark.parametrize("kind", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_the_relu_may_follow_behind_any_version_of_a_fused_normalisation(kind):
    facts = {"scale": tf.ones(4), "mean": tf.zeros(4), "variance": tf.ones(4), "is_training": False}
    fused = layers.Lambda(lambda maps: getattr(tf.raw_ops, kind)(x=maps, offset=[5.0, -50, 5, 5], **facts).y)
    *_, found = activity(network_with(layers.Conv2D(4, 3, name="conv"), fused, layers.ReLU()), "conv", pictures(2))
    assert found.gated
    assert list(found.silent) == [False, True, False, False]


def test_a_reader_of_the_shape_alone_is_no_other_branch():
    zeros = layers.Lambda(lambda maps: tf.nn.relu(maps) + tf.zeros_like(maps))
    *_, found = activity(network_with(layers.Conv2D(4, 3, name="conv"), zeros), "conv", pictures(1))
    assert found.gated


def test_without_a_relu_only_what_never_changes_is_silent():
    network = network_with(layers.Conv2D(4, 3, activation="tanh", name="conv"))
    set_channel(network, "conv", 1, 0, -0.3)
    set_channel(network, "conv", 3, -1, -0.3)
    *_, found = activity(network, "conv", pictures(2))
    assert not found.gated
    assert found.silent[1]
    assert not found.silent[3]
    assert found.meaning == "the same number at every place of this image and 1 samples"


def test_a_relu_behind_a_sum_with_another_branch_is_not_this_layers():
    image = keras.Input((8, 8, 1))
    one, other = (layers.Conv2D(2, 3, name=name)(image) for name in ("one", "other"))
    values = layers.ReLU()(layers.Add()([one, other]))
    network = Network(fixed(keras.Model(image, layers.Dense(2)(layers.Flatten()(values)))), value_range=(0, 1))
    *_, found = activity(network, "one", pictures(1))
    assert not found.gated


def test_a_channel_that_wakes_up_on_a_later_image_is_not_silent():
    network = network_with(layers.Conv2D(4, 3, activation="relu", name="conv"))
    set_channel(network, "conv", 0, 1, -1e-3)
    dark, bright = InputImage(np.zeros((8, 8, 1))), InputImage(np.ones((8, 8, 1)))
    first, last = list(activity(network, "conv", [dark, bright]))
    assert first.silent[0]
    assert not last.silent[0]


def test_of_one_single_number_nobody_says_that_it_never_changes():
    network = network_with(layers.Conv2D(4, 8, name="conv"))
    (only,) = activity(network, "conv", pictures(1))
    assert not only.silent.any()
