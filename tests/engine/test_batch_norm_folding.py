"""Normalisation folded into the convolution before it: the same numbers, and only where nobody looks in between."""

from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import fixed, trace

from cnnviz_widgets.engine.batch_norm_folding import folded


def traced(*middle):
    model = fixed(keras.Sequential([keras.Input((8, 8, 3)), *middle, layers.GlobalAveragePooling2D()]))
    return model, trace(model, (8, 8, 3))


def kinds(graph, tensor):
    return {graph.node(name).op for name in graph.before(tensor) & graph.after(graph.input)}


def values(graph, tensor):
    """With the operations that the graph has, as it has them."""
    images = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype(np.float32)
    return tf.function(lambda given: graph({graph.input: given}, [tensor], folding=False))(images)[0].numpy()


@pytest.mark.parametrize(
    "convolution",
    [
        layers.Conv2D(4, 3, use_bias=False),
        layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.DepthwiseConv2D(3),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
    ],
    ids=["plain", "with a bias", "depthwise", "depthwise with a bias", "two filters a channel"],
)
def test_it_gives_the_same_with_two_passes_less(convolution):
    _, model = traced(convolution, layers.BatchNormalization(), layers.ReLU())
    graph = folded(model.graph, (model.output,))
    assert {"Mul", "AddV2"} <= kinds(model.graph, model.output)
    assert not {"Mul", "AddV2"} & kinds(graph, model.output)
    expected = values(model.graph, model.output)
    assert np.ptp(expected) > 0.01
    assert values(graph, model.output) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("bias", [lambda maps: maps, lambda maps: maps + tf.ones(6)], ids=["plain", "with a bias"])
def test_behind_groups_the_bias_stays_an_addition(bias):
    """Fused with a bias by the optimiser, a convolution knows no groups without oneDNN."""
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 6)).astype(np.float32)
    grouped = layers.Lambda(lambda maps: bias(tf.nn.conv2d(maps, kernel, 1, "SAME")))
    _, model = traced(layers.Conv2D(6, 1, use_bias=False), grouped, layers.BatchNormalization(), layers.ReLU())
    graph = folded(model.graph, (model.output,))
    assert {"AddV2", "Conv2D", "Relu"} <= kinds(graph, model.output)
    assert not {"Mul", "BiasAdd"} & kinds(graph, model.output)
    assert values(graph, model.output) == pytest.approx(values(model.graph, model.output), rel=1e-5, abs=1e-6)


def test_it_knows_a_normalisation_of_four_axes():
    """As in keras.applications, which name the axis of the channels by its number."""
    _, model = traced(layers.Conv2D(4, 3), layers.BatchNormalization(axis=3), layers.ReLU())
    graph = folded(model.graph, (model.output,))
    assert not {"Mul", "AddV2"} & kinds(graph, model.output)
    assert values(graph, model.output) == pytest.approx(values(model.graph, model.output), rel=1e-5, abs=1e-6)


def test_it_knows_the_older_addition():
    scaled = layers.Lambda(lambda maps: maps * tf.constant([2.0, 3.0, 4.0, 5.0]))
    shifted = layers.Lambda(lambda maps: tf.raw_ops.Add(x=maps, y=[1.0, -1.0, 2.0, -2.0]))
    _, model = traced(layers.Conv2D(4, 3), scaled, shifted, layers.ReLU())
    graph = folded(model.graph, (model.output,))
    assert not {"Mul", "Add"} & kinds(graph, model.output)
    assert values(graph, model.output) == pytest.approx(values(model.graph, model.output), rel=1e-5, abs=1e-6)


def imported(graph, start, end, **how):
    """The kinds of operations with which a graph answers, from a tensor to another."""

    @tf.function(input_signature=[tf.TensorSpec(graph.tensor(start).shape)])
    def answer(value):
        return graph({start: value}, [end], **how)

    return Counter(operation.type for operation in answer.get_concrete_function().graph.get_operations())


def test_every_answer_is_folded_but_one_that_asks_not_to():
    _, model = traced(layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU())
    image, output = model.graph.input, model.output
    assert imported(model.graph, image, output)["BiasAdd"] == 1
    assert imported(model.graph, image, output, folding=False)["BiasAdd"] == 0


def test_an_answer_from_the_middle_leaves_what_it_is_given():
    _, model = traced(layers.Conv2D(4, 3, use_bias=False, name="conv"), layers.BatchNormalization(), layers.ReLU())
    (middle,) = [tap.tensor for tap in model.taps if tap.path == "conv"]
    assert imported(model.graph, middle, model.output)["BiasAdd"] == 0


def test_a_kernel_that_is_larger_than_the_maps_is_left_alone():
    _, model = traced(layers.Conv2D(64, 8, use_bias=False), layers.BatchNormalization(), layers.ReLU())
    assert imported(model.graph, model.graph.input, model.output)["BiasAdd"] == 0


def test_half_precision_is_left_alone():
    """Its kernel would be rounded once more."""
    half = {"dtype": "float16"}
    scaled = layers.Lambda(lambda maps: maps * tf.constant([2, 3, 4, 5], tf.float16), **half)
    shifted = layers.Lambda(lambda maps: maps + tf.constant([1, -1, 2, -2], tf.float16), **half)
    _, model = traced(layers.Conv2D(4, 3, **half), scaled, shifted)
    assert "Mul" in kinds(folded(model.graph, (model.output,)), model.output)


def test_what_is_wanted_in_the_middle_stays():
    _, model = traced(layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(), layers.ReLU())
    (middle,) = [tap.tensor for tap in model.taps if tap.path == "conv"]
    graph = folded(model.graph, (model.output, middle))
    assert values(graph, middle) == pytest.approx(values(model.graph, middle), rel=1e-6)
    assert "Mul" in kinds(graph, model.output)


def test_a_convolution_that_somebody_else_reads_stays():
    image = keras.Input((8, 8, 3))
    convolved = layers.Conv2D(4, 3, use_bias=False)(image)
    output = layers.Add()([layers.BatchNormalization()(convolved), convolved])
    model = trace(fixed(keras.Model(image, output)), (8, 8, 3))
    graph = folded(model.graph, (model.output,))
    assert values(graph, model.output) == pytest.approx(values(model.graph, model.output), rel=1e-5, abs=1e-6)
    assert "Mul" in kinds(graph, model.output)


def test_a_scaled_map_that_somebody_else_reads_stays():
    image = keras.Input((8, 8, 3))
    scaled = layers.Lambda(lambda maps: maps * tf.constant([2.0, 3.0, 4.0, 5.0]))(layers.Conv2D(4, 3)(image))
    shifted = layers.Lambda(lambda maps: maps + tf.constant([1.0, -1.0, 2.0, -2.0]))(scaled)
    model = trace(fixed(keras.Model(image, layers.Add()([scaled, shifted]))), (8, 8, 3))
    graph = folded(model.graph, (model.output,))
    assert values(graph, model.output) == pytest.approx(values(model.graph, model.output), rel=1e-5, abs=1e-6)
    assert "Mul" in kinds(graph, model.output)


def test_a_new_weight_counts_at_once():
    model, found = traced(layers.Conv2D(4, 3), layers.BatchNormalization())
    graph = folded(found.graph, (found.output,))
    for weight in model.weights:
        weight.assign(weight * 1.5)
    assert values(graph, found.output) == pytest.approx(values(found.graph, found.output), rel=1e-5, abs=1e-6)
