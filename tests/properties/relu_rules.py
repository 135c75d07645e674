"""ReLU rules: they change the gradient, by the papers' formulas, of every ReLU however written, and nothing else."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from cnnviz_widgets.engine.compiled import terms_of
from cnnviz_widgets.engine.graph import ForwardGraph
from cnnviz_widgets.engine.relu_rules import _deconvnet, _guided
from cnnviz_widgets.network import Network
from properties.framework import Bug, assert_close, holds
from properties.small_networks import opened

OTHER_FUNCTION = Bug(
    "a rewritten ReLU6 is a ReLU",
    ForwardGraph._part,
    "gradient_name(rule, node.op).encode()",
    "gradient_name(rule, node.op).encode(); node.op = 'Relu'",
)


@holds(
    15,
    "The forward pass under a rule is that without, bit for bit.",
    0,
    "xplique, test_model_override",
    [OTHER_FUNCTION],
)
def forward_untouched(tolerance):
    for name in ("relu6_layer", "functional"):
        network, image = opened(name)
        kernel = network.model.get_layer("conv1").kernel
        kernel.assign(kernel * 40)  # so that units are clipped
        inside = network.engine
        for rule in ("guided", "deconvnet"):
            ask = {r: inside.functions.gradient(inside.traced.logits, r) for r in ("standard", rule)}
            plain, ruled = (ask[r](image.array[None], terms_of(network.target(0).objective))[0] for r in ask)
            assert_close(ruled, plain, tolerance)


INACTIVE_TOO = Bug("guided lets through what the unit did not do", _guided, "active & (gradient > 0)", "gradient > 0")
NEGATIVE_TOO = Bug("guided lets negative gradients through", _guided, "active & (gradient > 0)", "active")
ACTIVE_ONLY = Bug(
    "the deconvnet rule looks at the unit",
    _deconvnet,
    "tf.nn.relu(gradient)",
    "tf.where(relu.outputs[0] > 0, tf.nn.relu(gradient), tf.zeros_like(gradient))",
)
RULE_IGNORED = Bug("the rule is ignored", ForwardGraph._part, 'rule != "standard" and node.op in RELUS', "False")


@holds(
    16,
    "Guided and deconvnet gradients of a network of two ReLUs are those of the formulas.",
    1e-6,
    "Springenberg et al. 2014; Zeiler & Fergus 2014",
    [INACTIVE_TOO, NEGATIVE_TOO, ACTIVE_ONLY, RULE_IGNORED],
)
def closed_form(tolerance):
    random = np.random.default_rng(0)
    first, second, third = random.normal(size=(12, 7)), random.normal(size=(7, 6)), random.normal(size=(6, 3))
    stack = [layers.Flatten(), layers.Dense(7, "relu", use_bias=False), layers.Dense(6, "relu", use_bias=False)]
    model = keras.Sequential([keras.Input((2, 3, 2)), *stack, layers.Dense(3, use_bias=False)])
    model.set_weights([first, second, third])
    network, image = Network(model, value_range=(-1, 1)), random.normal(size=(2, 3, 2)).astype(np.float32)
    hidden = np.maximum(image.ravel() @ first, 0)
    last = np.maximum(hidden @ second, 0)
    back = {
        "guided": lambda gradient, values: gradient * (gradient > 0) * (values > 0),
        "deconvnet": lambda gradient, values: np.maximum(gradient, 0),
    }
    for rule, through in back.items():
        expected = first @ through(second @ through(third[:, 1], last), hidden)
        assert_close(network.gradient(image, 1, rule).ravel(), expected, tolerance)


RELU6_MISSED = Bug("a ReLU6 is no ReLU", ForwardGraph._part, "node.op in RELUS", "node.op == 'Relu'")
LAMBDA_MISSED = Bug(
    "a ReLU in a Lambda is missed",
    ForwardGraph._part,
    "node.op in RELUS",
    "node.op in RELUS and 'lambda' not in node.name",
)


@holds(
    17,
    "However a ReLU is written, in a layer, an activation, an operation, a Lambda or clipped at a six that is not "
    "reached, the guided gradient is the same.",
    1e-6,
    "xplique, test_model_override",
    [RELU6_MISSED, LAMBDA_MISSED, INACTIVE_TOO],
)
def ways_to_write_it(tolerance):
    network, image = opened("relu_layer")
    image = image.array / 2
    guided = network.gradient(image, 1, "guided")
    assert max(network.activations(image, layer).max() for layer in ("conv1", "conv2")) < 6
    expected = guided_by_hand(network.model, image, 1)
    assert_close(guided, expected, tolerance)
    ways = ["relu_activation", "relu_activation_layer", "relu_lambda", "relu_from_ops"]
    for name in (*ways, "relu6_activation", "relu6_layer", "relu6_from_ops"):
        assert_close(opened(name)[0].gradient(image, 1, "guided"), guided, tolerance)


def guided_by_hand(model, image, index):
    """The guided gradient of `functional_with` by TensorFlow's own gradients of its linear parts, rules in NumPy."""
    first, second, scores = (model.get_layer(name) for name in ("conv1", "conv2", "scores"))
    one = np.asarray(first(image[None]))
    two = np.asarray(second(np.maximum(one, 0)))
    cells = two.shape[1] * two.shape[2]
    gradient = np.broadcast_to(scores.kernel.numpy()[:, index] / cells, two.shape)
    for convolution, before, after in ((second, np.maximum(one, 0), two), (first, image[None], one)):
        passed = np.where((after > 0) & (gradient > 0), gradient, 0).astype(np.float32)
        with tf.GradientTape() as tape:
            given = tf.constant(before)
            tape.watch(given)
            made = convolution(given)
        gradient = np.asarray(tape.gradient(made, given, passed))
    return gradient[0]
