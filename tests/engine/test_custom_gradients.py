"""Layers that bring a gradient of their own: it is theirs that we follow, as the tape does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import KINDS, ending, fixed

from cnnviz_widgets.network import Network


@tf.custom_gradient
def rounded(values):
    """Tenths; on the way back as if nothing had been rounded, times three."""

    def back(gradient):
        return 3 * gradient * tf.cast(tf.abs(values) < 2, values.dtype)

    return tf.round(values * 10) / 10, back


class Rounded(layers.Layer):
    def call(self, values):
        return rounded(values)


class RoundedInAFunction(layers.Layer):
    @tf.function
    def call(self, values):
        return rounded(values)


def straight_through(layer=Rounded):
    image = keras.Input((12, 12, 3))
    first = layer(name="rounded")(layers.Conv2D(4, 3, activation="relu", name="conv1")(image))
    return fixed(keras.Model(image, ending(layers.Conv2D(6, 3, activation="relu")(first), None)))


def by_tape(model, images):
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = model(images)[0, 1]
    return tape.gradient(score, images).numpy()[0]


def test_a_gradient_that_passes_a_rounding_is_the_tapes(picture):
    model = straight_through()
    network = Network(model, value_range=(0, 1))
    expected = by_tape(model, picture.array[None])
    assert np.abs(expected).max() > 0
    assert network.gradient(picture, 1) == pytest.approx(expected, abs=1e-6)
    _, at_layer = network.layer_gradient(picture, 1, "conv1")
    assert np.abs(at_layer).max() > 0  # also where the graph begins at the layer in front of it


def test_a_rule_for_relus_holds_in_front_of_and_behind_a_rounding(picture):
    network = Network(straight_through(), value_range=(0, 1))
    assert network.gates(None, network.target(1), "guided")[0] == 2
    assert np.abs(network.gradient(picture, 1, "guided") - network.gradient(picture, 1)).max() > 1e-4


def test_every_image_of_a_batch_has_its_own(picture):
    model = straight_through()
    network = Network(model, value_range=(0, 1))
    batch = np.random.default_rng(0).uniform(0, 1, (3, 12, 12, 3)).astype(np.float32)
    for one, gradient in zip(batch, network.gradient(batch, 1), strict=True):
        assert gradient == pytest.approx(by_tape(model, one[None]), abs=1e-6)


def test_where_it_is_out_of_reach_a_sentence_says_so_and_the_rest_works(picture):
    model = straight_through(RoundedInAFunction)
    network = Network(model, value_range=(0, 1))
    assert network.logits(picture) == pytest.approx(model(picture.array[None])[0].numpy(), abs=1e-6)
    with pytest.raises(ValueError, match="must pass a rounding .* Received: '.*rounded.*'") as refusal:
        network.gradient(picture, 1)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_a_quantised_network_points_where_the_full_one_points(mode, opened, image):
    kind, network = opened(mode)
    full = opened("functional")[1]
    one, other = (each.gradient(image(kind), 0).ravel() for each in (network, full))
    assert one @ other > 0.9 * np.linalg.norm(one) * np.linalg.norm(other)


def test_a_quantised_layer_is_listed_with_the_others(opened):
    assert [info.path for info in opened("int8")[1].layers][-1] == "scores"


def test_a_gradient_that_does_without_is_not_recorded(opened):
    assert opened("swish")[1].engine.traced.graph.backward == {}
    assert KINDS["swish"].relus == 0


# ---- Gradients that are not those of the operations


@tf.custom_gradient
def safe_root(values):
    """The square root; its gradient stays finite at zero."""
    root = tf.sqrt(values)
    return root, lambda gradient: gradient * 0.5 / tf.maximum(root, 1e-3)


@tf.custom_gradient
def reversed_on_the_way_back(values):
    return tf.identity(values), lambda gradient: -gradient


@tf.custom_gradient
def distance(one, other):
    """The length of a difference along the last axis, whose gradient is zero where there is none."""
    between = one - other
    length = tf.norm(between, axis=-1, keepdims=True)

    def back(gradient):
        each = gradient * between / tf.maximum(length, 1e-6)
        return each, -each

    return length, back


@ops.custom_gradient
def squashed(values):
    """The squash of capsules; its gradient leaves out the infinite slope at zero."""
    size = ops.sum(values**2, axis=-1, keepdims=True)
    factor = ops.sqrt(size) / (1 + size)
    return values * factor, lambda gradient: gradient * factor


FUNCTIONS = {
    "safe root": safe_root,
    "reversed": reversed_on_the_way_back,
    "distance": lambda values: distance(values, tf.roll(values, 1, axis=-1) * tf.cast(values > 0.3, values.dtype)),
    "squash": squashed,
}


def through(function, activation="relu"):
    image = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, activation=activation, name="conv1")(image)
    return fixed(keras.Model(image, ending(layers.Lambda(function)(first), None)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_gradient_of_a_layers_own_is_the_tapes(name, picture):
    model = through(FUNCTIONS[name])
    network = Network(model, value_range=(0, 1))
    expected = by_tape(model, picture.array[None])
    assert np.isfinite(expected).all()
    assert np.abs(expected).max() > 0
    assert network.gradient(picture, 1) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    _, at_layer = network.layer_gradient(picture, 1, "conv1")
    assert np.isfinite(at_layer).all()


def test_a_rule_reaches_the_relus_inside_a_function_with_a_gradient_of_its_own(picture):
    @tf.custom_gradient
    def relu(values):
        return tf.nn.relu(values), lambda gradient: gradient * tf.cast(values > 0, values.dtype)

    # No other ReLU, or it would apply the rule already.
    ours, plain = (Network(through(each, activation=None), value_range=(0, 1)) for each in (relu, tf.nn.relu))
    assert np.abs(plain.gradient(picture, 1, "guided") - plain.gradient(picture, 1)).max() > 1e-4
    for rule in ("standard", "guided"):
        assert ours.gradient(picture, 1, rule) == pytest.approx(plain.gradient(picture, 1, rule), abs=1e-6)


def test_a_gradient_of_a_layers_own_that_fails_is_named_when_a_gradient_is_asked_for(picture):
    @tf.custom_gradient
    def failing(values):
        def back(gradient):
            raise RuntimeError("no way back")

        return tf.square(values), back

    model = through(failing)
    network = Network(model, value_range=(0, 1))
    assert network.logits(picture) == pytest.approx(model(picture.array[None])[0].numpy(), abs=1e-6)
    with pytest.raises(ValueError, match="brings its own, which failed.*Received: .*RuntimeError: no way back") as said:
        network.gradient(picture, 1)
    assert "\n" not in str(said.value)
