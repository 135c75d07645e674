"""ReLU rules, cuts and feeds of a traced graph, against NumPy written out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import each_kind, fixed

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.engine.graph import ForwardGraph
from cnnviz_widgets.engine.relu_rules import register_rules
from cnnviz_widgets.network import Network

RULES = ("standard", "guided", "deconvnet")
RELU_KINDS = ["relu_activation", "relu_layer", "relu_activation_layer", "relu_lambda", "relu_from_ops"]
RELU6_KINDS = ["relu6_activation", "relu6_layer", "relu6_from_ops"]

# ---- Closed form: two dense layers with a ReLU each, on an image of six numbers


def two_relus(activation):
    """A network of Flatten, Dense, activation, Dense, activation, Dense."""
    image = keras.Input((2, 3, 1))
    values = layers.Flatten()(image)
    for units in (40, 30):
        values = activation(layers.Dense(units)(values))
    return fixed(keras.Model(image, layers.Dense(2)(values)))


def by_hand(model, image, index, rule, most=np.inf):
    """The gradient of output `index`, every step of the way back written out."""
    (w1, b1), (w2, b2), (w3, _) = (layer.get_weights() for layer in model.layers if layer.weights)
    before1 = image.reshape(-1) @ w1 + b1
    before2 = np.clip(before1, 0, most) @ w2 + b2

    def through_relu(gradient, before):
        active = (before > 0) & (before < most)
        if rule == "standard":
            return gradient * active
        if rule == "guided":
            return gradient * active * (gradient > 0)
        return gradient * (gradient > 0)

    gradient = through_relu(w3[:, index], before2)
    gradient = through_relu(w2 @ gradient, before1)
    return (w1 @ gradient).reshape(image.shape)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("index", [0, 1])
def test_a_rule_sends_the_gradient_back_as_the_formula_says(rule, index):
    model = two_relus(ops.relu)
    image = np.random.default_rng(0).normal(size=(2, 3, 1)).astype(np.float32)
    expected = by_hand(model, image, index, rule)
    assert np.abs(expected).max() > 0
    assert Network(model).gradient(image, index, rule) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_a_clipped_relu6_unit_follows_the_formula_too(rule):
    model = two_relus(ops.relu6)
    image = 6 * np.random.default_rng(1).normal(size=(2, 3, 1)).astype(np.float32)
    hidden = image.reshape(-1) @ model.layers[2].kernel.numpy() + model.layers[2].bias.numpy()
    assert (hidden > 6).any()
    assert (hidden < 0).any()
    expected = by_hand(model, image, 0, rule, most=6)
    assert np.abs(expected).max() > 0
    assert Network(model).gradient(image, 0, rule) == pytest.approx(expected, abs=1e-6)


def test_the_three_rules_differ(small, picture):
    maps = [small.gradient(picture, 1, rule) for rule in RULES]
    for one in range(3):
        assert np.abs(maps[one] - maps[one - 1]).max() > 1e-4


# ---- However the ReLU is written


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
@pytest.mark.parametrize("name", [*RELU_KINDS[1:], *RELU6_KINDS])
def test_every_way_to_write_a_relu_gives_the_same_map(name, rule, opened, image):
    kind, reference = opened("relu_activation")
    faint = InputImage(image(kind).array / 8)  # nothing reaches 6
    expected = reference.gradient(faint, 1, rule)
    assert np.abs(expected).max() > 0
    assert opened(name)[1].gradient(faint, 1, rule) == pytest.approx(expected, abs=1e-6)


@each_kind(lambda kind: kind.relus)
def test_all_relus_of_a_kind_are_found(name, opened):
    kind, network = opened(name)
    assert network.gates(None, network.target(0), "guided")[0] == kind.relus


HIDING_PLACES = ["nested_twice", "subclassed_block", "block_that_is_a_tf_function", "time_distributed", "lambda_layer"]


@pytest.mark.parametrize("name", HIDING_PLACES)
def test_a_rule_changes_the_map_wherever_the_relus_are(name, opened, image):
    kind, network = opened(name)
    plain = network.gradient(image(kind), 0)
    assert np.abs(network.gradient(image(kind), 0, "guided") - plain).max() > 0.01 * np.abs(plain).max()


@each_kind(lambda kind: not kind.relus)
@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_a_network_without_relu_refuses_a_rule(name, rule, opened, image):
    kind, network = opened(name)
    with pytest.raises(
        ValueError, match=f"no ReLU to rewrite between the image and the score, so relu='{rule}' would be the plain"
    ):
        network.gradient(image(kind), 0, rule)


def test_a_rule_behind_the_last_relu_is_refused(small, picture):
    with pytest.raises(ValueError, match=r"no ReLU to rewrite between 'conv2' and the score.*or an earlier layer"):
        small.layer_gradient(picture, 1, "conv2", "guided")


def test_gates_count_only_what_lies_behind_the_layer(small):
    target = small.target(1)
    assert small.gates(None, target, "guided")[0] == 2
    assert small.gates("relu1", target, "guided")[0] == 1


def test_other_gates_are_named_so_that_a_person_knows_what_kept_its_gradient():
    image = keras.Input((12, 12, 3))
    values = layers.LeakyReLU()(layers.Conv2D(3, 3)(layers.Conv2D(3, 3, activation="relu")(image)))
    values = layers.Activation("tanh")(layers.GlobalAveragePooling2D()(values))
    network = Network(keras.Model(image, layers.Dense(2)(values)))
    assert network.gates(None, network.target(0), "guided") == (1, {"LeakyRelu": 1, "Tanh": 1})


def test_the_error_function_of_a_gelu_is_named_too():
    image = keras.Input((12, 12, 3))
    values = layers.Conv2D(3, 3, activation="gelu")(layers.Conv2D(3, 3, activation="relu")(image))
    network = Network(keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(values))))
    relus, others = network.gates(None, network.target(0), "guided")
    assert (relus, sum(others.values())) == (1, 1)
    assert set(others) <= {"Erf", "Erfc"}  # versions of Keras write it one way or the other


def test_a_relu_inside_a_saved_model_is_found(tmp_path, opened, image):
    kind, network = opened("functional")
    network.model.export(tmp_path / "saved", verbose=False)
    layer = layers.TFSMLayer(tmp_path / "saved", call_endpoint="serve")
    saved = Network(keras.Sequential([keras.Input(kind.shape), layer]), value_range=(0, 1))
    assert saved.head == "softmax"
    for rule in RULES:
        expected = network.gradient(image(kind), 2, rule)
        assert saved.gradient(image(kind), 2, rule) == pytest.approx(expected, abs=1e-6)


def test_a_relu_inside_a_loop_is_refused_rather_than_overlooked():
    class Loop(layers.Layer):
        def call(self, values):
            return tf.while_loop(lambda n, v: n < 2, lambda n, v: (n + 1, tf.nn.relu(v - 0.1)), [0, values])[1]

    image = keras.Input((4, 4, 1))
    looped = Loop()
    looped.compute_output_spec = lambda values: keras.KerasTensor(values.shape, values.dtype)
    network = Network(keras.Model(image, layers.Dense(2)(layers.Flatten()(looped(image)))))
    with pytest.raises(ValueError, match="cannot reach the ReLUs inside a saved function"):
        network.gradient(np.ones((4, 4, 1)), 0, "guided")


# ---- The graph itself


@pytest.fixture
def graph():
    """A ForwardGraph of y = relu(2 x) + x, and the tensors' names by what they are."""

    @tf.function
    def function(x):
        doubled = tf.multiply(x, 2.0, name="doubled")
        return tf.add(tf.nn.relu(doubled, name="gate"), x, name="sum")

    return ForwardGraph(function.get_concrete_function(tf.TensorSpec([None], tf.float32, name="x")))


def run(graph, feeds, fetches, rule="standard"):
    names = list(feeds)

    @tf.function(autograph=False)
    def part(*values):
        found = graph(dict(zip(names, values, strict=True)), fetches, rule)
        return found, tf.gradients(found[-1], values[0])

    return part(*(tf.constant(feeds[name]) for name in names))


def test_feeding_the_middle_needs_nothing_before_it(graph):
    (result,), _ = run(graph, {"gate:0": [5.0], "x:0": [1.0]}, ["sum:0"])
    assert result.numpy() == 6


def test_the_frontier_of_a_tensor_is_itself_and_what_skips_past_it(graph):
    assert graph.frontier("gate:0", "sum:0") == ("gate:0", "x:0")
    assert graph.frontier("x:0", "sum:0") == ("x:0",)
    assert graph.frontier("sum:0", "sum:0") == ("sum:0",)


def test_what_is_fed_can_be_fetched(graph):
    (fed, result), _ = run(graph, {"x:0": [3.0]}, ["x:0", "sum:0"])
    assert (fed.numpy(), result.numpy()) == (3, 9)


def test_a_rule_leaves_the_forward_pass_bit_for_bit_alone(opened, image):
    kind, network = opened("relu6_activation")
    traced = network.engine.traced
    images = image(kind).array[None]
    plain, _ = run(traced.graph, {traced.graph.input: images}, [traced.logits])
    for rule in ("guided", "deconvnet"):
        ruled, _ = run(traced.graph, {traced.graph.input: images}, [traced.logits], rule)
        assert np.array_equal(plain[0], ruled[0])


def test_registering_the_rules_a_second_time_does_nothing():
    register_rules()
    register_rules()


def test_a_function_in_a_function_is_opened_all_the_way():
    weight = tf.Variable(3.0)

    @tf.function
    def innermost(x):
        return tf.nn.relu(x * weight), x

    @tf.function
    def inner(x):
        first, second = innermost(x)
        return second - first

    @tf.function
    def outer(x):
        return inner(x) + innermost(-x)[0]

    graph = ForwardGraph(outer.get_concrete_function(tf.TensorSpec([None], tf.float32, name="x")))
    assert not any("PartitionedCall" in node.op for node in graph.definition.node)
    for x in (2.0, -2.0):
        (result,), _ = run(graph, {graph.input: [x]}, ["Identity:0"])
        assert result.numpy() == outer(tf.constant([x])).numpy()
    weight.assign(5.0)
    (result,), _ = run(graph, {graph.input: [2.0]}, ["Identity:0"])
    assert result.numpy() == 2 - 10


# ---- TensorFlow's own functions for images, which pin operations beside their input


def shrunk(images):
    return tf.image.resize_with_crop_or_pad(images, 10, 10)


IMAGE_FUNCTIONS = [
    tf.image.per_image_standardization,
    tf.image.flip_left_right,
    tf.image.flip_up_down,
    tf.image.rot90,
    tf.image.transpose,
    shrunk,
    lambda images: tf.image.resize_with_pad(images, 16, 12),
    lambda images: tf.image.central_crop(images, 0.75),
    lambda images: tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(images)),
]


@pytest.mark.parametrize("place", ["inside", "behind a convolution", "preprocess"])
@pytest.mark.parametrize("function", IMAGE_FUNCTIONS)
def test_a_function_for_images_is_passed_wherever_it_stands(function, place):
    def convolved(values):
        return layers.Conv2D(3, 3, padding="same", name="conv")(values)

    def ended(values):
        return layers.Dense(3)(layers.GlobalMaxPooling2D()(values))

    keras.utils.set_random_seed(1)
    image, apply = keras.Input((12, 12, 3)), layers.Lambda(function)
    if place == "preprocess":
        plain = keras.Input((None, None, 3))
        model = keras.Model(plain, ended(convolved(plain)))
        network = Network(model, value_range=(0, 1), preprocess=function, input_shape=(12, 12, 3))
    else:
        values = apply(convolved(image)) if place == "behind a convolution" else convolved(apply(image))
        model = keras.Model(image, ended(values))
        network = Network(model, value_range=(0, 1))
    picture = np.random.default_rng(0).uniform(0.1, 0.9, (12, 12, 3)).astype(np.float32)
    images = tf.constant(picture[np.newaxis])
    with tf.GradientTape() as tape:
        tape.watch(images)
        scores = model(function(images) if place == "preprocess" else images)
        score = scores[0, 1]
    np.testing.assert_allclose(network.logits(picture), scores[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(network.gradient(picture, 1), tape.gradient(score, images)[0], rtol=1e-3, atol=1e-5)


def test_an_operation_that_has_no_gradient_is_named():
    image = keras.Input((12, 12, 3))
    pale = layers.Lambda(lambda images: tf.image.adjust_saturation(images, 0.5))(image)
    model = keras.Model(image, layers.Dense(3)(layers.GlobalMaxPooling2D()(layers.Conv2D(3, 3)(pale))))
    network, picture = Network(model, value_range=(0, 1)), np.full((12, 12, 3), 0.5, np.float32)
    np.testing.assert_allclose(network.logits(picture), model(picture[np.newaxis])[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="such as Occlusion.* Received: a network with AdjustSaturation"):
        network.gradient(picture, 1)
