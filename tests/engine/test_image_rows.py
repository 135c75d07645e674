"""Networks for which an image must be alone: each question about several is as many questions about one."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import KINDS, AlwaysTraining

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.methods.ablation_cam import AblationCAM
from cnnviz_widgets.methods.integrated_gradients import IntegratedGradients
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.methods.rise import RISE
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

IMAGES = np.random.default_rng(3).uniform(0, 1, (4, 12, 12, 3)).astype(np.float32)
IMAGES[1] *= 0.2  # with statistics unlike those of the others


class Fused(layers.Layer):
    """A normalisation by the statistics of the batch, as one operation."""

    def call(self, values):
        ones = tf.ones([values.shape[-1]])
        return tf.compat.v1.nn.fused_batch_norm(values, ones, 0 * ones, is_training=True)[0]


class OnlyOne(layers.Layer):
    """All cells of all images in a row, as if there were one."""

    def call(self, values):
        return tf.reduce_mean(tf.reshape(values, (1, -1, values.shape[-1])), axis=1)


def lambda_of(function):
    class Applied(layers.Layer):
        def call(self, values):
            return function(values)

    return Applied()


ALONE = {
    "moments over the batch": lambda: AlwaysTraining(layers.BatchNormalization()),
    "a fused normalisation in training": Fused,
    "a mean over the images": lambda: lambda_of(lambda values: values - ops.mean(values, axis=0, keepdims=True)),
    "a largest of all numbers": lambda: lambda_of(lambda values: values / ops.max(ops.abs(values))),
    "the image before": lambda: lambda_of(lambda values: values + ops.roll(values, 1, axis=0)),
    "images turned round": lambda: lambda_of(lambda values: values - 2 * values[::-1]),
    "a sum so far": lambda: lambda_of(lambda values: ops.cumsum(values, axis=0)),
    "a softmax over the images": lambda: lambda_of(lambda values: tf.nn.softmax(values, axis=0)),
    "a batch of one, by a reshape": lambda: lambda_of(lambda values: ops.reshape(values, (1, 10, 10, 4))),
}
TOGETHER = {
    "nothing": layers.ReLU,
    "a normalisation": layers.BatchNormalization,
    "a normalisation of each image": lambda: layers.GroupNormalization(2),
    "a layer's normalisation": layers.LayerNormalization,
    "dropout": lambda: layers.Dropout(0.5),
    "images along another axis for a while": lambda: lambda_of(
        lambda values: ops.transpose(ops.transpose(values, (1, 0, 2, 3)) * 2, (1, 0, 2, 3))
    ),
    "all cells in a row": lambda: lambda_of(
        lambda values: tf.reshape(tf.reshape(values, (-1, 4)) * 2, tf.shape(values))
    ),
    "a product of cells with cells": lambda: lambda_of(
        lambda values: ops.matmul(values, ops.transpose(values, (0, 1, 3, 2)))
    ),
}


def model_with(layer):
    keras.utils.set_random_seed(1)
    image = keras.Input((12, 12, 3))
    values = layers.ReLU(name="relu")(layer(layers.Conv2D(4, 3, name="conv")(image)))
    values = layers.Conv2D(5, 3, activation="relu", name="last")(values)
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(values)))


@cache
def network_with(name):
    return Network(model_with((ALONE | TOGETHER)[name]()), value_range=(0, 1))


def one_by_one(network):
    return network.traced_engine.functions.batching.one_by_one


@pytest.mark.parametrize("name", ALONE)
def test_a_network_in_which_images_meet_is_asked_one_image_at_a_time(name):
    assert one_by_one(network_with(name))


@pytest.mark.parametrize("name", TOGETHER)
def test_a_network_in_which_images_do_not_meet_takes_them_together(name):
    assert not one_by_one(network_with(name))


@pytest.mark.parametrize("name", ALONE)
def test_scores_and_gradients_of_a_batch_are_those_of_a_loop_over_its_images(name):
    network, scores, gradients = network_with(name), [], []
    for picture in IMAGES:
        given = tf.constant(picture[None])
        with tf.GradientTape() as tape:
            tape.watch(given)
            score = network.model(given)[0, 1]
        scores.append(float(score))
        gradients.append(tape.gradient(score, given)[0].numpy())
    assert network.scores(IMAGES, 1) == pytest.approx(scores, abs=1e-5)
    size = np.abs(gradients).max()
    assert network.gradient(IMAGES, 1) == pytest.approx(np.stack(gradients), abs=1e-4 * float(size))


@pytest.mark.parametrize("name", ALONE)
def test_occlusion_gives_the_drops_of_a_loop_over_covered_images(name):
    network, picture = network_with(name), IMAGES[0]
    result = compute(Occlusion(window=4, stride=4, fill="black"), network, picture, target=1)
    clean = float(network.model(picture[None])[0, 1])
    for row, column in np.ndindex(3, 3):
        covered = picture.copy()
        covered[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
        drop = clean - float(network.model(covered[None])[0, 1])
        assert result.array[4 * row, 4 * column] == pytest.approx(drop, abs=1e-5)


@pytest.mark.parametrize("name", ["moments over the batch", "a batch of one, by a reshape"])
def test_scores_behind_a_layer_are_those_of_each_activation_alone(name):
    network = network_with(name)
    own = network.activations(InputImage(IMAGES[0]), "conv")
    given = np.stack([own, own * 0.2, own[::-1]])
    head = network.model.layers[2:]
    expected = []
    for values in given:
        values = values[None]
        for layer in head:
            values = layer(values)
        expected.append(float(values[0, 1]))
    assert network.scores_behind(InputImage(IMAGES[0]), 1, "conv", given) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("method", [AblationCAM(), IntegratedGradients(), RISE(masks=32)])
def test_a_model_for_one_image_gives_the_maps_of_the_same_model_for_any_number(method):
    one = KINDS["batch_of_one"].build()
    image = keras.Input((12, 12, 3))
    any_number = keras.Sequential([image, *one.layers[1:3], layers.Flatten(), one.layers[-1]])
    maps = [
        compute(method, Network(model, value_range=(0, 1)), IMAGES[0], target=1).array for model in (one, any_number)
    ]
    assert np.ptp(maps[1]) > 0
    assert maps[0] == pytest.approx(maps[1], abs=1e-5 * float(np.abs(maps[1]).max()))


def test_statistics_that_stay_on_are_not_moved_by_looking():
    model = model_with(AlwaysTraining(layers.BatchNormalization()))
    network = Network(model, value_range=(0, 1))
    before = [np.array(weight) for weight in model.weights]
    compute(Occlusion(window=6, stride=6), network, IMAGES[0], target=1)
    network.outputs(IMAGES)
    assert all(np.array_equal(weight, was) for weight, was in zip(model.weights, before, strict=True))
