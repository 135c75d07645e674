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


def straight_through():
    image = keras.Input((12, 12, 3))
    first = Rounded(name="rounded")(layers.Conv2D(4, 3, activation="relu", name="conv1")(image))
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


@tf.custom_gradient
def otherwise_silu(values):
    """The operations of SiLU with another gradient."""
    return values * tf.sigmoid(values), lambda gradient: gradient * values * 3


SCALE = tf.Variable(1.5)


@tf.custom_gradient
def scaled(values):
    def back(gradient, variables):
        return gradient * SCALE * 2, [tf.zeros_like(variable) for variable in variables]

    return values * SCALE, back


FUNCTIONS = {
    "silu's operations": otherwise_silu,
    "rounded": rounded,
    "variable": scaled,
    "safe root": safe_root,
    "reversed": reversed_on_the_way_back,
    "distance": lambda values: distance(values, tf.roll(values, 1, axis=-1) * tf.cast(values > 0.3, values.dtype)),
    "squash": squashed,
}


def through(function, activation="relu"):
    image = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, activation=activation, name="conv1")(image)
    return fixed(keras.Model(image, ending(layers.Lambda(function)(first), None)))


class Wrapped(layers.Layer):
    """A layer that calls a function inside a `@tf.function`, and that inside another one."""

    def __init__(self, function, **options):
        super().__init__(**options)
        self.function = function

    @tf.function
    def inner(self, values):
        return self.function(values)

    @tf.function
    def call(self, values):
        return self.inner(values) + self.inner(values[:, ::-1])


def called(function):
    return Wrapped(function, name="own")


def mapped(function):
    return layers.Lambda(lambda images: tf.map_fn(function, images))


def repeated(function):
    def body(step, values):
        return step + 1, function(values) + 0.1

    return layers.Lambda(lambda values: tf.while_loop(lambda step, _: step < 3, body, (0, values))[1])


def chosen(function):
    def between(values):
        return tf.cond(tf.reduce_sum(values) > -1e9, lambda: function(values), lambda: values)

    return layers.Lambda(between)


def looped_in_a_function(function):
    return Wrapped(lambda values: tf.map_fn(function, values), name="own")


PLACES = {
    "layer": layers.Lambda,
    "function": called,
    "map": mapped,
    "loop": repeated,
    "branch": chosen,
    "loop in a function": looped_in_a_function,
}
# In a loop a function must keep the shape, and TensorFlow's tape fails where a custom gradient there reads a variable.
PAIRS = [
    pytest.param(place, name, marks=() if name == "silu's operations" else pytest.mark.slow)
    for place in PLACES
    for name in FUNCTIONS
    if place in ("layer", "function") or name not in ("variable", "distance")
]


def placed(place, function):
    """A network with a function at a place, between two convolutions."""
    image = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")(image)
    second = layers.Conv2D(6, 3, activation="relu", name="conv2")(PLACES[place](function)(first))
    return fixed(keras.Model(image, ending(second, None)))


@pytest.mark.parametrize(("place", "name"), PAIRS)
def test_a_gradient_of_a_layers_own_is_the_tapes_wherever_it_stands(place, name, picture):
    model = placed(place, FUNCTIONS[name])
    # Before the tape has seen the model and after it, which changes the graphs of its functions.
    before = Network(model, value_range=(0, 1)).gradient(picture, 1)
    expected = by_tape(model, picture.array[None])
    assert np.isfinite(expected).all()
    assert np.abs(expected).max() > 0
    assert before == pytest.approx(expected, rel=1e-4, abs=1e-6)
    network = Network(model, value_range=(0, 1))
    assert network.gradient(picture, 1) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["silu's operations", "safe root"])
@pytest.mark.parametrize(
    "place",
    [each if each in ("layer", "function", "loop") else pytest.param(each, marks=pytest.mark.slow) for each in PLACES],
)
def test_at_a_layer_in_front_of_it_and_behind_it_the_gradient_is_that_of_the_rest(place, name, picture):
    model = placed(place, FUNCTIONS[name])
    network = Network(model, value_range=(0, 1))
    start = next(number for number, layer in enumerate(model.layers) if layer.name == "conv1")
    for last in (start, start + 2):
        values = tf.constant(keras.Model(model.inputs, model.layers[last].output)(picture.array[None]))
        with tf.GradientTape() as tape:
            tape.watch(values)
            rest = values
            for layer in model.layers[last + 1 :]:
                rest = layer(rest)
            score = rest[0, 1]
        expected = tape.gradient(score, values).numpy()[0]
        _, gradient = network.layer_gradient(picture, 1, model.layers[last].name)
        assert np.abs(expected).max() > 0
        assert gradient == pytest.approx(expected, rel=1e-4, abs=1e-6)


def relu_of_its_own(values):
    @tf.custom_gradient
    def relu(values):
        return tf.nn.relu(values), lambda gradient: gradient * tf.cast(values > 0, values.dtype)

    return relu(values)


def test_a_rule_reaches_the_relus_inside_an_opened_function_and_refuses_a_loop(picture):
    ours, plain = (Network(placed("function", each), value_range=(0, 1)) for each in (relu_of_its_own, tf.nn.relu))
    for rule in ("standard", "guided"):
        assert ours.gradient(picture, 1, rule) == pytest.approx(plain.gradient(picture, 1, rule), abs=1e-6)
    looped = Network(placed("map", relu_of_its_own), value_range=(0, 1))
    with pytest.raises(ValueError, match="cannot reach the ReLUs"):
        looped.gradient(picture, 1, "guided")


def function_in_a_loop(values):
    return tf.map_fn(tf.function(lambda one: reversed_on_the_way_back(one)), values)


def vectorised(values):
    return tf.vectorized_map(reversed_on_the_way_back, values)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (function_in_a_loop, "in a function that a loop calls, where a loop without @tf.function inside would do"),
        (vectorised, "in tf.vectorized_map, which leaves it out, where tf.map_fn would do"),
    ],
)
def test_where_it_cannot_be_followed_a_sentence_says_so_and_the_rest_works(function, reason, picture):
    model = placed("layer", function)
    network = Network(model, value_range=(0, 1))
    assert network.logits(picture) == pytest.approx(model(picture.array[None])[0].numpy(), abs=1e-6)
    with pytest.raises(ValueError, match=f"brings its own.*Received: .* with a gradient {reason}") as refusal:
        network.gradient(picture, 1)
    assert "\n" not in str(refusal.value)
    assert np.abs(network.layer_gradient(picture, 1, "conv2")[1]).max() > 0  # behind it


def saved_and_loaded(function, folder, with_gradients):
    tf.saved_model.save(
        placed("layer", function),
        folder,
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=with_gradients),
    )
    image = keras.Input((12, 12, 3))
    return keras.Model(image, layers.TFSMLayer(folder, call_endpoint="serving_default")(image))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reversed", "silu's operations"])
def test_a_gradient_saved_with_a_model_is_that_of_the_model_before(name, picture, tmp_path):
    network = Network(saved_and_loaded(FUNCTIONS[name], str(tmp_path), True), value_range=(0, 1))
    expected = by_tape(placed("layer", FUNCTIONS[name]), picture.array[None])
    assert network.gradient(picture, 1) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_a_gradient_that_was_not_saved_with_a_model_is_refused_but_for_silu(picture, tmp_path):
    network = Network(saved_and_loaded(reversed_on_the_way_back, str(tmp_path / "own"), False), value_range=(0, 1))
    with pytest.raises(ValueError, match="that was not saved with the model"):
        network.gradient(picture, 1)
    silu = Network(saved_and_loaded(tf.nn.silu, str(tmp_path / "silu"), False), value_range=(0, 1))
    expected = by_tape(placed("layer", tf.nn.silu), picture.array[None])
    assert silu.gradient(picture, 1) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_normalisations_fold_beside_it_but_not_what_it_reads(picture):
    half, quarter = tf.constant([0.5, 0.4, 0.3, 0.2]), tf.constant([0.25, 0.2, 0.15, 0.1])

    def normalised(values):
        product = values * half  # in the middle of what is folded, and read on the way back alone

        @tf.custom_gradient
        def own(values):
            return tf.identity(values), lambda gradient: gradient * tf.sin(product)

        return own(product + quarter)

    image = keras.Input((12, 12, 3))
    values = layers.Lambda(normalised)(layers.Conv2D(4, 3, use_bias=False, name="conv1")(image))
    values = layers.BatchNormalization(name="norm2")(layers.Conv2D(6, 3, use_bias=False, name="conv2")(values))
    model = fixed(keras.Model(image, ending(layers.ReLU()(values), None)))
    network = Network(model, value_range=(0, 1))
    assert network.gradient(picture, 1) == pytest.approx(by_tape(model, picture.array[None]), rel=1e-4, abs=1e-6)
    tail = next(network.engine.functions.store[key] for key in network.engine.functions.store if key[0] == "tail")
    assert any("/folded/" in operation.name for operation in tail.graph.get_operations())


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
    with pytest.raises(
        ValueError, match="brings its own.*Received: .* that failed, it said: RuntimeError: no way back"
    ) as said:
        network.gradient(picture, 1)
    assert "\n" not in str(said.value)
