"""However a model is put together, the numbers are the same: those of Keras and of TensorFlow's own tape."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from kinds import KINDS, Probe, fixed

from cnnviz_widgets.engine.channels_last import _mistaken_biases
from cnnviz_widgets.engine.graph import ForwardGraph
from cnnviz_widgets.engine.inputs import InputBinding
from cnnviz_widgets.engine.layer_paths import _children, is_channels_first
from cnnviz_widgets.engine.tracing import _head, _shadow
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.gradient_times_input import GradientTimesInput
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.questions import Questions
from cnnviz_widgets.request import compute
from properties.framework import Bug, assert_close, assert_refused, holds
from properties.shared_bugs import PROBABILITY, TRAINING
from properties.small_networks import noise, opened


def taped(kind, image, index):
    """(gradient at the image, gradient at the middle layer) of a logit, by a tape and eagerly, from the twin."""
    probe = Probe()
    model = kind.build(head=None, probe=probe)
    images = tf.constant(image.array[None])
    with tf.GradientTape() as tape:
        tape.watch([images, probe.delta.value])
        logit = tf.nest.flatten(model(images, training=False))[0][0, index]
    at_image, at_layer = tape.gradient(logit, [images, probe.delta.value])
    return at_image[0], at_layer


@holds(
    18,
    "The traced graph and eager execution with a tape give the same gradients, at the image and at a layer.",
    1e-5,
    "implementation invariance: Sundararajan et al. 2017, section 2.2",
    [PROBABILITY, TRAINING],
)
def traced_is_eager(tolerance):
    names = ["sequential", "skip_and_concat", "nested_twice", "subclassed", "shared_layer"]
    for name in [*names, "batch_norm_dropout_augmentation"]:
        kind = KINDS[name]
        network, image = opened(name)
        at_image, at_layer = taped(kind, image, 3)
        assert_close(network.gradient(image, 3), at_image, tolerance)
        assert_close(network.layer_gradient(image, 3, kind.middle)[1], at_layer, tolerance)


SOFTMAX_UNSEEN = Bug("the softmax is not looked for", _head, "tensor.op.type in HEADS", "False")
OUTPUT = Bug("the logits are the output", _head, "return tensor.op.inputs[0],", "return tensor,")
WITHOUT_BIAS = Bug(
    "the logits lack their bias", _head, "return tensor.op.inputs[0],", "return tensor.op.inputs[0].op.inputs[0],"
)


@holds(
    19,
    "A softmax inside the dense layer, as a layer, as an activation or as an operation: the same gradient as without.",
    1e-6,
    "implementation invariance",
    [PROBABILITY, SOFTMAX_UNSEEN],
)
def ways_to_end(tolerance):
    network, image = opened("no_softmax")
    expected = network.gradient(image, 2)
    for name in ("relu_from_ops", "separate_softmax", "softmax_from_ops", "softmax_activation"):
        assert_close(opened(name)[0].gradient(image, 2), expected, tolerance)


NEVER_INSIDE = Bug(
    "layers inside a nested model are not looked for",
    _children,
    "return layer.layers",
    "return layer.layers[:1]",
    caught_by=(AssertionError, ValueError),
)
OUTER_RELUS = Bug(
    "ReLUs inside a nested model are not rewritten",
    ForwardGraph._part,
    "node.op in RELUS",
    "node.op in RELUS and node.name.count('/') < 3",
)


@holds(
    20,
    "A nested model gives the numbers of the flat one: activations, gradients, guided gradients, Grad-CAM.",
    1e-6,
    "tf-keras-vis issues 63 and 71",
    [NEVER_INSIDE, OUTER_RELUS],
)
def nested_is_flat(tolerance):
    nested, image = opened("nested_in_sequential")
    base, _, dense = nested.model.layers
    own = [layers.Conv2D(4, 3, activation="relu", name="conv"), layers.Conv2D(6, 3, activation="relu", name="last")]
    tail = [layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax")]
    model = keras.Sequential([keras.Input((12, 12, 3)), *own, *tail])
    model.set_weights([*base.get_weights(), *dense.get_weights()])
    flat = Network(model, value_range=(0, 1))
    for rule in ("standard", "guided"):
        assert_close(nested.gradient(image, 1, rule), flat.gradient(image, 1, rule), tolerance)
    method = GradCAM(final_relu=False)
    for layer in ("conv", "last"):
        inside = f"base/{layer}"
        assert_close(nested.activations(image, inside), flat.activations(image, layer), tolerance)
        found, expected = (
            compute(method, nested, image, target=1, layer=inside),
            compute(method, flat, image, target=1, layer=layer),
        )
        assert_close(found.array, expected.array, tolerance)


@holds(
    21,
    "The softmax or sigmoid of the logits is what the model gives.",
    1e-6,
    "definition",
    [OUTPUT, WITHOUT_BIAS],
)
def logits_make_the_output(tolerance):
    heads = {
        "softmax": lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "none": lambda z: z,
    }
    for name in (
        "functional",
        "separate_softmax",
        "softmax_from_ops",
        "convolution_as_head",
        "one_sigmoid",
        "no_softmax",
    ):
        kind = KINDS[name]
        network, image = opened(name)
        output = np.asarray(network.model(image.array[None]))[0]
        assert_close(heads[kind.head](network.logits(image)), output, tolerance)


UNSEEN = Bug(
    "channels first are read as if they were last",
    is_channels_first,
    'if "channels_first" not in formats',
    "if formats or True",
)
IMAGE_AS_IT_IS = Bug(
    "the image is not turned round for the model",
    InputBinding.filled,
    "tf.transpose(images, TO_FIRST) if self.channels_first else images",
    "images",
)
MAPS_AS_THEY_ARE = Bug("what a layer made is not turned back", _shadow, "if turned and", "if False and")
BIAS_OF_COLUMNS = Bug(
    "a bias is taken for one of columns where their number is that of the channels",
    _mistaken_biases,
    'node.op == "BiasAdd" and',
    "False and",
)
MIXED = Bug(
    "channels first in one layer and last in another are taken for first everywhere",
    is_channels_first,
    "if other in formats",
    "if False",
)


@holds(
    29,
    "A network with its channels first gives the numbers of its twin with channels last: output, maps, gradients, "
    "guided gradients, Grad-CAM; where both ways are mixed it is refused in a sentence.",
    1e-5,
    "implementation invariance",
    [UNSEEN, IMAGE_AS_IT_IS, MAPS_AS_THEY_ARE, BIAS_OF_COLUMNS, MIXED],
)
def channels_first(tolerance):
    model = fixed(with_channels("channels_last", "channels_last"))
    turned = with_channels("channels_first", "channels_first")
    turned.set_weights(model.get_weights())
    image, method = noise(9, 9, 9), GradCAM(final_relu=False)
    first, last = Network(turned, value_range=(0, 1)), Network(model, value_range=(0, 1))
    assert_close(first.probabilities(image), np.asarray(model(image.array[None]))[0], tolerance)
    for rule in ("standard", "guided"):
        assert_close(first.gradient(image, 1, rule), last.gradient(image, 1, rule), tolerance)
    for layer in ("conv1", "conv2"):
        maps = keras.Model(model.inputs, model.get_layer(layer).output)(image.array[None])[0]
        assert_close(first.activations(image, layer), maps, tolerance)
        found, expected = (compute(method, network, image, target=1, layer=layer).array for network in (first, last))
        assert_close(found, expected, tolerance)
    mixed = with_channels("channels_first", "channels_last")
    assert_refused(lambda: Network(mixed, value_range=(0, 1)), "channels in one place", "'conv1'", "'conv2'")


def with_channels(*formats):
    """Two convolutions, each with its own data format; cubic, so that no shape tells which axis is which."""
    image = values = keras.Input((9, 9, 9))
    for number, data_format in enumerate(formats, 1):
        own = {"data_format": data_format, "activation": "relu", "name": f"conv{number}"}
        values = layers.Conv2D(9, 3, padding="same", **own)(values)
    pooled = layers.GlobalAveragePooling2D(data_format=formats[-1])(values)
    return keras.Model(image, layers.Dense(3, activation="softmax")(pooled))


GREY_FIRST = Bug(
    "an image has at most three channels", Questions.batch, "if array.ndim == 4 else array[None]", "[None, ..., :3]"
)


@holds(
    30,
    "Images of 1, 2, 3 and 4 channels go all the way, from the gradient to the picture on the screen.",
    0,
    "pytorch-grad-cam, one_channel",
    [GREY_FIRST],
)
def channels(tolerance):
    for name in ("one_channel", "two_channels", "functional", "four_channels"):
        network, image = opened(name)
        for method in (Gradient(), GradientTimesInput(), GradCAM(final_relu=False), Occlusion(4, 2)):
            try:
                result = compute(method, network, image)
            except ValueError as error:
                raise AssertionError(f"{method} on {name}: {error}") from error
            assert np.isfinite(result.array).all()
            assert np.ptp(result.array) > tolerance
        assert image.rgb((0, 1)).shape == (12, 12, 3)


STANDARDISED = Bug(
    "each image is brought to mean 0 and deviation 1",
    Questions.batch,
    "images.astype(",
    "((images - images.mean()) / images.std()).astype(",
)
TRANSPOSED = Bug(
    "rows and columns of a layer's output are exchanged",
    Questions.activations,
    "self.engine.activations(batch.array, self.layer(layer).path)[0]",
    "self.engine.activations(batch.array, self.layer(layer).path)[0].swapaxes(1, 2)",
)


@holds(
    35,
    "Where an image moves by the stride, a convolution's maps move by a cell, away from the borders.",
    1e-5,
    "equivariance of the convolution",
    [STANDARDISED, TRANSPOSED],
)
def moves_along(tolerance):
    network, _ = opened("relu_layer")  # its second convolution has a stride of 2
    scene = np.random.default_rng(0).uniform(0, 1, (14, 14, 3)).astype(np.float32)
    for down, across in ((2, 0), (0, 2), (2, 2)):
        before = network.activations(scene[:12, :12], "conv2")
        after = network.activations(scene[down : down + 12, across : across + 12], "conv2")
        rows, columns = before.shape[0] - down // 2, before.shape[1] - across // 2
        assert_close(after[:rows, :columns], before[down // 2 :, across // 2 :], tolerance)
