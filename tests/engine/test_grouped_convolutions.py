"""Grouped convolutions (ResNeXt, RegNet, ConvNeXt) are answered on every processor, with oneDNN and without."""

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import ending, fixed, trace

from cnnviz_widgets.engine import grouped_convolutions
from cnnviz_widgets.engine.grouped_convolutions import GRADIENT, register_gradient
from cnnviz_widgets.methods.lrp import LRP
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.methods.occlusion.incremental import IncrementalOcclusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

ROOT = Path(__file__).parents[2]


def alone(*middle, shape=(12, 12, 6), head="softmax"):
    """A network of these layers, and an ending."""
    image = values = keras.Input(shape)
    for layer in middle:
        values = layer(values)
    return keras.Model(image, ending(values, head))


def with_tf_keras(head="softmax"):
    """Its normalisation is one operation."""
    tf_keras = pytest.importorskip("tf_keras")
    own = tf_keras.layers
    image = tf_keras.Input((12, 12, 6))
    first = own.BatchNormalization(name="norm")(own.Conv2D(6, 3, groups=3, use_bias=False, name="conv")(image))
    return tf_keras.Model(image, own.Dense(5, activation=head)(own.GlobalAveragePooling2D()(own.ReLU()(first))))


def in_one_dimension(head="softmax"):
    """Its bias stands behind a change of shape."""
    image = keras.Input((1, 12, 6))
    convolved = layers.Conv1D(6, 3, groups=3, name="conv")(layers.Reshape((12, 6))(image))
    return keras.Model(image, layers.Dense(5, activation=head)(layers.GlobalAveragePooling1D()(convolved)))


def layer(filters=6, size=3, groups=3, name="conv", **options):
    return layers.Conv2D(filters, size, groups=groups, name=name, **options)


MODELS = {
    "bias": lambda **how: alone(layer(), **how),
    "ReLU": lambda **how: alone(layer(activation="relu"), **how),
    "normalised": lambda **how: alone(layer(use_bias=False), layers.BatchNormalization(), layers.ReLU(), **how),
    "bias, normalised": lambda **how: alone(layer(), layers.BatchNormalization(), layers.ReLU(), **how),
    "stride": lambda **how: alone(layer(strides=2, padding="same", activation="relu"), **how),
    "two strides": lambda **how: alone(layer(12, (2, 4), strides=(2, 3)), shape=(11, 13, 6), **how),
    "even kernel": lambda **how: alone(layer(size=(2, 4), padding="same"), **how),
    "dilated": lambda **how: alone(layer(dilation_rate=2, padding="same"), **how),
    "a channel each": lambda **how: alone(layer(groups=6, padding="same", activation="relu"), **how),
    "a channel each, two filters": lambda **how: alone(layer(12, groups=6), layers.BatchNormalization(), **how),
    "a channel each, stride": lambda **how: alone(layer(groups=6, size=4, strides=3, padding="same"), **how),
    "a channel each, two strides": lambda **how: alone(layer(groups=6, strides=(1, 2), padding="same"), **how),
    "a channel each, dilated": lambda **how: alone(layer(groups=6, dilation_rate=(2, 1)), **how),
    "any size": lambda **how: alone(layer(strides=2, padding="same"), shape=(None, None, 6), **how),
    "tf_keras": lambda **how: with_tf_keras(**how),
    "one dimension": lambda **how: in_one_dimension(**how),
}
every_model = pytest.mark.parametrize("name", MODELS)


@cache
def opened(name):
    """(model, its twin without the softmax, a Network of it, images)."""
    model, twin = fixed(MODELS[name]()), fixed(MODELS[name](head=None))
    shape = [side or 12 for side in model.input_shape[1:]]
    images = np.random.default_rng(0).uniform(0, 1, (2, *shape)).astype(np.float32)
    size = {} if None not in model.input_shape[1:] else {"input_shape": (None, None, shape[-1])}
    return model, twin, Network(model, value_range=(0, 1), **size), images


@every_model
def test_the_output_is_that_of_the_model(name):
    model, _, network, images = opened(name)
    assert network.probabilities(images) == pytest.approx(model(images, training=False).numpy(), abs=1e-6)


@every_model
def test_the_gradient_is_the_tapes(name):
    _, twin, network, images = opened(name)

    @tf.function(autograph=False)  # as `fit` does it: Keras compiles these layers
    def by_tape(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = twin(images, training=False)[:, 1]
        return tape.gradient(score, images)

    expected = by_tape(tf.constant(images)).numpy()
    assert np.abs(expected).max() > 1e-4
    assert network.gradient(images, 1) == pytest.approx(expected, abs=1e-5 * float(np.abs(expected).max()))


@every_model
def test_the_score_behind_the_layers_own_output_is_the_score(name):
    _, _, network, images = opened(name)
    if name == "one dimension":
        pytest.skip("has no map")
    own = network.activations(images[0], "conv")
    found = network.scores_behind(images[0], 1, "conv", own[np.newaxis])
    assert found == pytest.approx([float(network.scores(images[0], 1))], abs=1e-5)
    activations, at_layer = network.layer_gradient(images[0], 1, "conv")
    assert activations.shape == at_layer.shape == own.shape


@every_model
def test_what_is_made_of_many_questions_is_there(name):
    _, _, network, images = opened(name)
    if network.input_shape[0] == 1:
        pytest.skip("has no map")
    covered = compute(Occlusion(window=3, stride=2), network, images[0], target=1)
    relevance = compute(LRP(), network, images[0], target=1)
    for result in (covered, relevance):
        assert np.abs(result.array).max() > 0
    if None not in network.input_shape:
        raised = compute(MaximalActivation(steps=4), network, None, target=1)
        assert np.isfinite(raised.array).all()


def test_a_window_is_followed_through_groups():
    convolutions = layer(activation="relu"), layer(name="second"), layers.ReLU()
    network = Network(fixed(alone(*convolutions, shape=(64, 64, 6))), value_range=(0, 1))
    image = network.fit(np.random.default_rng(0).uniform(0, 1, (64, 64, 6)).astype(np.float32))
    windows = [(slice(top, top + 6), slice(9, 15)) for top in range(0, 50, 7)]
    covering = IncrementalOcclusion(network, image, np.zeros_like(image.array), windows, network.target(1))
    assert covering.plan.cut > 2
    copies = np.repeat(image.array[np.newaxis], len(windows), axis=0)
    for copy, (rows, columns) in zip(copies, windows, strict=True):
        copy[rows, columns] = 0
    expected = network.scores(copies, 1)
    assert np.ptp(expected) > 5e-4
    for batch in covering.batches:
        assert covering.outputs(batch).scores == pytest.approx(expected[batch], abs=2e-6)


def test_with_channels_first_it_gives_what_its_twin_gives():
    models = []
    for order in ("channels_first", "channels_last"):
        image = keras.Input((6, 12, 11) if order == "channels_first" else (12, 11, 6))
        maps = layer(activation="relu", data_format=order)(image)
        pooled = layers.GlobalAveragePooling2D(data_format=order)(maps)
        models.append(fixed(keras.Model(image, layers.Dense(5, activation="softmax")(pooled))))
    first, last = (Network(model, value_range=(0, 1)) for model in models)
    image = np.random.default_rng(0).uniform(0, 1, (12, 11, 6)).astype(np.float32)
    assert first.probabilities(image) == pytest.approx(last.probabilities(image), abs=1e-6)
    assert first.gradient(image, 1) == pytest.approx(last.gradient(image, 1), abs=1e-6)


def kinds(model, shape):
    traced = trace(model, shape)
    return Counter(traced.graph.node(name).op for name in traced.graph.before(traced.output))


def test_as_many_groups_as_channels_are_a_depthwise_convolution():
    found = kinds(MODELS["a channel each"](), (12, 12, 6))
    assert (found["Conv2D"], found["DepthwiseConv2dNative"], found["BiasAdd"]) == (0, 1, 2)


@pytest.mark.parametrize("name", ["bias", "tf_keras", "one dimension"])
def test_nothing_stands_behind_a_grouped_convolution_that_would_be_made_one_with_it(name):
    model, *_ = opened(name)
    found = kinds(model, tuple(model.input_shape[1:]))
    assert found["Conv2D"] == 1
    assert (found["BiasAdd"], found["FusedBatchNormV3"]) == (1, 0)  # that of the dense layer


def test_a_graph_without_groups_stays_as_it_is(small):
    graph = small.engine.traced.graph
    assert grouped_convolutions.portable(graph.definition, graph.tensor) is graph.definition


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize("dilations", [(1, 1), (2, 1)])
@pytest.mark.parametrize("size", [(3, 3), (4, 1)])
def test_our_gradient_is_the_sum_over_the_groups(padding, strides, dilations, size):
    """Each group alone is an ordinary convolution, with zeros in its kernel: every processor has its gradient."""
    random, groups = np.random.default_rng(0), 2
    images = random.normal(size=(2, 9, 11, 4)).astype(np.float32)
    kernel = random.normal(size=(*size, 2, 6)).astype(np.float32)
    wide = np.zeros([*((side - 1) * rate + 1 for side, rate in zip(size, dilations, strict=True)), 2, 6], np.float32)
    wide[:: dilations[0], :: dilations[1]] = kernel

    @tf.function(autograph=False)
    def both(images):
        register_gradient()
        with tf.compat.v1.get_default_graph().gradient_override_map({"Conv2D": GRADIENT}):
            together = tf.nn.conv2d(images, kernel, strides, padding, dilations=dilations)
        parts = zip(tf.split(images, groups, -1), tf.split(wide, groups, -1), strict=True)
        apart = tf.concat([tf.nn.conv2d(some, weights, strides, padding) for some, weights in parts], -1)
        return together, apart, *(tf.gradients(tf.reduce_sum(tf.square(made)), images)[0] for made in (together, apart))

    together, apart, found, expected = both(tf.constant(images))
    assert together.numpy() == pytest.approx(apart.numpy(), abs=1e-4)
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-5 * float(np.abs(expected).max()))


@pytest.mark.slow
def test_all_of_this_holds_where_tensorflow_runs_without_onednn():
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        pytest.skip("it runs without here")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    without = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(command, cwd=ROOT, env=without, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
