"""Small models of every kind that the package must open, with weights that are the same every time.

Each kind can be built twice over: as a person would write it, and as a twin for checking. The twin stops in front
of the softmax (`head=None`) and adds `probe`, a layer that adds a variable, in the middle: TensorFlow's own
GradientTape then tells the gradient of a logit, at the image and at that layer, by a route that shares no code
with ours.

Many kinds are one function written in many ways. They say so by `plain`: the kind that writes it plainly and has, from
one seed, the same weights. Whatever a method makes of the one it must make of the other.
"""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from cnnviz_widgets.engine.inputs import InputBinding
from cnnviz_widgets.engine.tracing import call_once, read

KINDS = {}
CLASSES = 5


@dataclass(frozen=True, eq=False)
class Kind:
    build: Callable  # (head, probe) -> a Keras model
    shape: tuple = (12, 12, 3)
    middle: str = "conv1"  # the layer after which the twin has its probe
    head: str = "softmax"
    relus: int = 2  # how many of them a ReLU rule finds
    options: dict = field(default_factory=dict)  # for Network
    classes: int = CLASSES
    given: Callable = lambda images: images  # what the model takes, of images (n, height, width, channels)
    output: int = 0  # which of its outputs is the one explained
    channels_first: bool = False
    alone: bool = False  # True where the model answers rightly for one image at a time only
    aside: tuple = ()  # the layers that the image does not reach
    plain: tuple | None = None  # (a kind that is the same function, {layer: the same layer there})

    def called(self, model, images):
        """The output that is explained, of a model of this kind, for images as a person has them."""
        images = self.options.get("preprocess", lambda images: images)(tf.convert_to_tensor(images))
        ask = on_any_processor(_explained(self, model))
        return tf.concat([ask(one[tf.newaxis]) for one in tf.unstack(images)], axis=0) if self.alone else ask(images)


@cache
def _explained(kind, model):
    """A function of images to the output that is explained; the same one each time, for it may have to be compiled."""

    def explained(images):
        output = tf.nest.flatten(model(kind.given(images), training=False))[kind.output]
        return tf.reduce_mean(output, axis=(1, 2)) if output.shape.rank == 4 else output  # of masks, over all places

    return explained


def on_any_processor(call):
    """The function `call`, of Keras' layers; where the processor has no operation for one of them, compiled by XLA.

    Without oneDNN TensorFlow (2.21) has no convolution with channels first, and no transposed one with gaps. XLA has
    all of them, so that Keras' own numbers are there to be compared with.
    """

    def called(*given):
        try:
            return call(*given)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return _compiled(call)(*given)

    return called


@cache
def _compiled(call):
    return tf.function(call, jit_compile=True, autograph=False)


def kind(ready=False, **facts):
    """Put the function that builds a kind of model into KINDS, under its name. `ready`: it comes with its weights."""

    def keep(build):
        own_head = facts.get("head", "softmax")

        def fixed_build(head=own_head, probe=None):
            keras.utils.set_random_seed(1)
            return build(head, probe) if ready else fixed(build(head, probe))

        KINDS[build.__name__] = Kind(fixed_build, **facts)
        return build

    return keep


def each_kind(wanted=lambda kind: True):
    """Test decorator: `name` is each of these kinds in turn, and all but every tenth of KINDS are slow.

    So the inner loop traces the same few kinds for all tests. The others are there in `tests/test_matrix.py`.
    """
    return pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=() if row % 10 == 2 else pytest.mark.slow)
            for row, (name, kind) in enumerate(KINDS.items())
            if wanted(kind)
        ],
    )


def fixed(model):
    """The model with weights from one seed, in the order in which it lists them."""
    random = np.random.default_rng(3)
    for weight in model.weights:
        if weight.name == "delta":
            continue
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        values = random.normal(size=weight.shape) / np.sqrt(fan_in) * 1.5
        if "variance" in weight.name or "gamma" in weight.name:
            values = 1 + np.abs(values)
        weight.assign(values)
    return model


class Probe(layers.Layer):
    """Adds a variable that is zero: the gradient at it is the gradient at what went in."""

    def build(self, shape):
        self.delta = self.add_weight(shape=shape[1:], initializer="zeros", name="delta")

    def call(self, values):
        return values + ops.cast(self.delta, values.dtype)


def probed(values, probe):
    return values if probe is None else probe(values)


def ending(values, head):
    """The last layers: mean over places, then a dense layer with the head as its activation."""
    return layers.Dense(CLASSES, activation=head, name="scores")(layers.GlobalAveragePooling2D()(values))


def functional_with(activation, head, probe, shape=(12, 12, 3)):
    """Two convolutions, `activation` after each; a function of a tensor."""
    image = keras.Input(shape)
    first = activation(probed(layers.Conv2D(4, 3, name="conv1")(image), probe))
    return keras.Model(image, ending(activation(layers.Conv2D(6, 3, strides=2, name="conv2")(first)), head))


def trace(model, shape):
    """The `TracedModel` of a model that takes one image, (height, width, channels)."""
    return read(call_once(model, InputBinding(), shape))


# ---- How models are put together


@kind(plain=("relu_activation", {"conv1": "conv1", "conv2": "conv2"}))
def sequential(head, probe):
    middle = [] if probe is None else [probe]
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")
    second = layers.Conv2D(6, 3, strides=2, activation="relu", name="conv2")
    last = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation=head, name="scores")]
    return keras.Sequential([keras.Input((12, 12, 3)), first, *middle, second, *last])


@kind(plain=("functional", {"conv1": "relu1"}))
def lazily_built_sequential(head, probe):
    middle = [] if probe is None else [probe]
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")
    second = layers.Conv2D(6, 3, activation="relu")
    last = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation=head)]
    model = keras.Sequential([first, *middle, second, *last])
    model(np.zeros((1, 12, 12, 3), np.float32))
    return model


@kind(middle="relu1")
def functional(head, probe):
    image = keras.Input((12, 12, 3))
    first = layers.ReLU(name="relu1")(layers.Conv2D(4, 3, name="conv1")(image))
    second = layers.Conv2D(6, 3, activation="relu", name="conv2")(probed(first, probe))
    return keras.Model(image, ending(second, head))


@kind(relus=3)
def skip_and_concat(head, probe):
    image = keras.Input((12, 12, 3))
    stem = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(image)
    side = probed(layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(stem), probe)
    added = layers.Add(name="add")([stem, side])
    joined = layers.Concatenate()([added, layers.Conv2D(2, 1, activation="relu")(side), image])
    return keras.Model(image, ending(joined, head))


def block(name, filters, probe=None):
    """A model to nest: its layers have the same names in every block."""
    image = keras.Input((8, 8, 4) if name == "top" else (12, 12, 3))
    first = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    second = layers.Conv2D(filters, 3, activation="relu", name="last")(probed(first, probe))
    return keras.Model(image, second, name=name)


@kind(middle="base/conv", plain=("functional", {"base/conv": "relu1", "base/last": "conv2"}))
def nested_in_sequential(head, probe):
    tail = [layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, activation=head)]
    return keras.Sequential([keras.Input((12, 12, 3)), block("base", 6, probe), *tail])


@kind(middle="top/conv", relus=4)
def nested_in_functional(head, probe):
    image = keras.Input((12, 12, 3))
    return keras.Model(image, ending(block("top", 6, probe)(block("base", 4)(image)), head))


@kind(relus=3)
def three_convolutions(head, probe):
    image = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")(image)
    second = layers.Conv2D(4, 3, activation="relu", name="conv2")(probed(first, probe))
    return keras.Model(image, ending(layers.Conv2D(4, 1, activation="relu", name="conv3")(second), head))


@kind(middle="outer/base/conv", relus=3, plain=("three_convolutions", {"outer/base/last": "conv2", "outer": "conv3"}))
def nested_twice(head, probe):
    inner = keras.Input((12, 12, 3))
    outer = keras.Model(
        inner, layers.Conv2D(4, 1, activation="relu", name="conv")(block("base", 4, probe)(inner)), name="outer"
    )
    image = keras.Input((12, 12, 3))
    return keras.Model(image, ending(outer(image), head))


class Subclassed(keras.Model):
    def __init__(self, head="softmax", probe=None):
        super().__init__()
        self.first = layers.Conv2D(4, 3, activation="relu", name="conv1")
        self.probe = probe
        self.second = layers.Conv2D(6, 3, name="conv2")
        self.pool = layers.GlobalAveragePooling2D()
        self.scores = layers.Dense(CLASSES, activation=head, name="scores")

    def call(self, images):
        middle = probed(self.first(images), self.probe)
        return self.scores(self.pool(ops.relu(self.second(middle))))


@kind(plain=("functional", {"conv1": "relu1"}))
def subclassed(head, probe):
    model = Subclassed(head, probe)
    model(np.zeros((1, 12, 12, 3), np.float32))
    return model


class Block(layers.Layer):
    def __init__(self, filters, **options):
        super().__init__(**options)
        self.convolutions = [layers.Conv2D(filters, 3, name="a"), layers.Conv2D(filters, 3, name="b")]

    def build(self, shape):
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)

    def call(self, values):
        for convolution in self.convolutions:
            values = tf.nn.relu(convolution(values))
        return values

    def compute_output_shape(self, shape):
        for convolution in self.convolutions:
            shape = convolution.compute_output_shape(shape)
        return shape


@kind(middle="block", relus=3)
def subclassed_block(head, probe):
    image = keras.Input((12, 12, 3))
    middle = probed(Block(4, name="block")(image), probe)
    return keras.Model(image, ending(layers.Conv2D(4, 3, activation="relu")(middle), head))


class CompiledBlock(Block):
    @tf.function
    def call(self, values):
        for convolution in self.convolutions:
            values = tf.nn.relu(convolution(values))
        return values


@kind(middle="block", relus=3)
def block_that_is_a_tf_function(head, probe):
    image = keras.Input((12, 12, 3))
    middle = probed(CompiledBlock(4, name="block")(image), probe)
    return keras.Model(image, ending(layers.Conv2D(4, 3, activation="relu")(middle), head))


class CompiledModel(Subclassed):
    @tf.function
    def call(self, images):
        return super().call(images)


@kind(middle=None, plain=("functional", {}))
def model_that_is_a_tf_function(head, probe):
    model = CompiledModel(head)
    tf.config.run_functions_eagerly(True)  # variables made inside a tf.function keep their first values in there
    model(np.zeros((1, 12, 12, 3), np.float32))
    tf.config.run_functions_eagerly(False)
    return model


@kind(middle="td")  # the inner layer runs once for each half
def time_distributed(head, probe):
    image = keras.Input((12, 12, 3))
    halves = layers.Reshape((2, 6, 12, 3))(image)
    wrapped = layers.TimeDistributed(layers.Conv2D(3, 3, activation="relu", name="inner"), name="td")(halves)
    values = layers.Flatten()(probed(wrapped, probe))
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(values))


@kind(middle="lambda")
def lambda_layer(head, probe):
    relu = layers.Lambda(tf.nn.relu, name="lambda")
    image = keras.Input((12, 12, 3))
    first = probed(relu(layers.Conv2D(4, 3)(image)), probe)
    return keras.Model(image, ending(layers.Lambda(tf.nn.relu, name="lambda2")(layers.Conv2D(6, 3)(first)), head))


@kind(middle="shared@2", relus=2)
def shared_layer(head, probe):
    shared = layers.Conv2D(3, 3, padding="same", activation="relu", name="shared")
    image = keras.Input((12, 12, 3))
    return keras.Model(image, ending(probed(shared(shared(image)), probe), head))


# ---- Tokens in place of grids


def attended(tokens, name, heads=2):
    """A block of a transformer: attention and two dense layers, each added to what came in."""
    norm = layers.LayerNormalization(name=f"{name}_norm")(tokens)
    tokens = tokens + layers.MultiHeadAttention(heads, 3, name=f"{name}_attention")(norm, norm)
    hidden = layers.Dense(8, activation="gelu", name=f"{name}_hidden")(tokens)
    return layers.Add(name=name)([tokens, layers.Dense(6, name=f"{name}_dense")(hidden)])


class MoreTokens(layers.Layer):
    """Learned tokens in front of the sequence and behind it, then a learned number for each place."""

    def __init__(self, before, behind, **options):
        super().__init__(**options)
        self.before, self.behind = before, behind

    def build(self, shape):
        _, cells, channels = shape
        more = self.before + self.behind
        self.tokens = self.add_weight(shape=(1, more, channels), initializer="normal", name="tokens")
        self.places = self.add_weight(shape=(1, cells + more, channels), initializer="normal", name="places")

    def call(self, values):
        tokens = ops.tile(self.tokens, (ops.shape(values)[0], 1, 1))
        ends = [tokens[:, : self.before], values, tokens[:, self.before :]]
        return ops.concatenate(ends, axis=1) + self.places


def patches_of(image, probe):
    """16 tokens of 6 channels, of 4 x 4 patches."""
    return layers.Reshape((16, 6), name="flat")(probed(layers.Conv2D(6, 3, 3, name="conv1")(image), probe))


@kind(relus=0)
def vision_transformer(head, probe):
    image = keras.Input((12, 12, 3))
    tokens = attended(attended(patches_of(image, probe), "block1"), "block2")
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(layers.GlobalAveragePooling1D()(tokens)))


@kind(relus=0)
def vision_transformer_with_a_class_token(head, probe):
    image = keras.Input((12, 12, 3))
    tokens = MoreTokens(1, 0, name="more")(patches_of(image, probe))
    tokens = layers.LayerNormalization(name="norm")(attended(attended(tokens, "block1"), "block2"))
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(tokens[:, 0]))


@kind(relus=0)
def vision_transformer_with_registers_at_both_ends(head, probe):
    image = keras.Input((12, 12, 3))
    tokens = attended(MoreTokens(2, 3, name="more")(patches_of(image, probe)), "block1")
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(layers.GlobalAveragePooling1D()(tokens)))


def in_windows(tokens, name, shift):
    """Attention within windows of 2 x 2 of the 4 x 4 tokens, which are moved by `shift` for it."""
    grid = ops.roll(ops.reshape(tokens, (-1, 4, 4, 6)), (-shift, -shift), (1, 2))
    windows = ops.transpose(ops.reshape(grid, (-1, 2, 2, 2, 2, 6)), (0, 1, 3, 2, 4, 5))
    windows = ops.reshape(windows, (-1, 4, 6))
    windows = layers.MultiHeadAttention(2, 3, name=f"{name}_attention")(windows, windows)
    grid = ops.transpose(ops.reshape(windows, (-1, 2, 2, 2, 2, 6)), (0, 1, 3, 2, 4, 5))
    grid = ops.roll(ops.reshape(grid, (-1, 4, 4, 6)), (shift, shift), (1, 2))
    return layers.Add(name=name)([tokens, ops.reshape(grid, (-1, 16, 6))])


@kind(relus=0)
def attention_in_shifted_windows(head, probe):
    image = keras.Input((12, 12, 3))
    tokens = in_windows(in_windows(patches_of(image, probe), "block1", 0), "block2", 1)
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(layers.GlobalAveragePooling1D()(tokens)))


@kind(relus=0)
def patches_mixed_without_attention(head, probe):
    """As in MLP-Mixer, the patches cut out by reshapes."""
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, padding="same", name="conv1")(image), probe)
    patches = ops.transpose(ops.reshape(first, (-1, 4, 3, 4, 3, 4)), (0, 1, 3, 2, 4, 5))
    tokens = layers.Dense(6, name="embedded")(ops.reshape(patches, (-1, 16, 36)))
    across = layers.Permute((2, 1))(layers.LayerNormalization()(tokens))
    across = layers.Dense(16)(layers.Dense(8, activation="gelu")(across))
    tokens = layers.Add(name="mixed")([tokens, layers.Permute((2, 1))(across)])
    hidden = layers.Dense(8, activation="gelu")(layers.LayerNormalization()(tokens))
    tokens = layers.Add(name="block1")([tokens, layers.Dense(6)(hidden)])
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(layers.GlobalAveragePooling1D()(tokens)))


@kind(relus=0)
def mobilevit_block(head, probe):
    """Attention among pixels that have the same place in their patches of 2 x 2, between convolutions."""
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, padding="same", activation="swish", name="conv1")(image), probe)
    local = layers.Conv2D(6, 1, name="local")(first)
    unfolded = ops.transpose(ops.reshape(local, (-1, 6, 2, 6, 2, 6)), (0, 2, 4, 1, 3, 5))
    tokens = attended(ops.reshape(unfolded, (-1, 36, 6)), "block1")
    folded = ops.transpose(ops.reshape(tokens, (-1, 2, 2, 6, 6, 6)), (0, 3, 1, 4, 2, 5))
    back = layers.Conv2D(4, 1, activation="swish", name="back")(ops.reshape(folded, (-1, 12, 12, 6)))
    joined = layers.Concatenate(name="joined")([first, back])
    return keras.Model(image, ending(layers.Conv2D(4, 3, activation="swish", name="fused")(joined), head))


class RelativeAttention(layers.Layer):
    """Attention over the cells of a grid, with a learned number for each pair of them."""

    def build(self, shape):
        _, rows, columns, channels = shape
        self.weights_of = layers.Dense(3 * channels, name="weights_of")
        self.weights_of.build((None, rows * columns, channels))
        self.offsets = self.add_weight(shape=(2, rows * columns, rows * columns), initializer="normal", name="offsets")

    def call(self, values):
        _, rows, columns, channels = values.shape
        tokens = self.weights_of(ops.reshape(values, (-1, rows * columns, channels)))
        parts = ops.transpose(ops.reshape(tokens, (-1, rows * columns, 3, 2, channels // 2)), (2, 0, 3, 1, 4))
        weights = ops.softmax(ops.matmul(parts[0], ops.transpose(parts[1], (0, 1, 3, 2))) + self.offsets)
        return ops.reshape(ops.transpose(ops.matmul(weights, parts[2]), (0, 2, 1, 3)), (-1, rows, columns, channels))


@kind(relus=0)
def coatnet_blocks(head, probe):
    """Attention over the grid of a convolution, then over a grid of half the size."""
    image = keras.Input((12, 12, 3))
    grid = probed(layers.Conv2D(6, 3, strides=3, activation="gelu", name="conv1")(image), probe)
    for name in ("block1", "block2"):
        norm = layers.LayerNormalization(name=f"{name}_norm")(grid)
        if name == "block2":
            norm, grid = layers.MaxPooling2D(2)(norm), layers.MaxPooling2D(2)(grid)
        grid = layers.Add(name=f"{name}_add")([grid, RelativeAttention(name=f"{name}_attention")(norm)])
        hidden = layers.Dense(8, activation="gelu")(layers.LayerNormalization()(grid))
        grid = layers.Add(name=name)([grid, layers.Dense(6)(hidden)])
    return keras.Model(image, ending(grid, head))


# ---- Several inputs, several outputs


AGE = np.array([0.2, -1.0, 0.7], np.float32)


@kind(
    options={"image_input": "picture", "other_inputs": {"age": AGE}},
    given=lambda images: [tf.tile(AGE[np.newaxis], [tf.shape(images)[0], 1]), images],
    aside=("of_age",),
)
def image_and_numbers(head, probe):
    age, image = keras.Input((3,), name="age"), keras.Input((12, 12, 3), name="picture")
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(first))
    both = layers.Concatenate()([pooled, layers.Dense(4, activation="tanh", name="of_age")(age)])
    return keras.Model([age, image], layers.Dense(CLASSES, activation=head)(both))


class Beside(layers.Layer):
    """Adds what is known beside the image, where it is known."""

    def call(self, values, known=None):
        return values if known is None else values + ops.mean(known, axis=-1, keepdims=True)


@kind(given=lambda images: [images, None])
def optional_input(head, probe):
    image, known = keras.Input((12, 12, 3), name="picture"), keras.Input((4,), name="known", optional=True)
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(first))
    return keras.Model([image, known], layers.Dense(CLASSES, activation=head)(Beside()(pooled, known)))


@kind(
    options={"image_input": "picture", "other_inputs": {"place": "outdoors"}},
    given=lambda images: [images, tf.fill([tf.shape(images)[0]], "outdoors")],
    aside=("place_number", "of_place"),
)
def image_and_text(head, probe):
    image, place = keras.Input((12, 12, 3), name="picture"), keras.Input((), name="place", dtype="string")
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(first))
    number = layers.StringLookup(vocabulary=["indoors", "outdoors"], name="place_number")(place)
    return keras.Model(
        [image, place], layers.Dense(CLASSES, activation=head)(pooled + layers.Embedding(3, 6, name="of_place")(number))
    )


@kind(
    options={"image_input": "picture", "other_inputs": {"mask": 0.5}},
    given=lambda images: {"picture": images, "mask": tf.fill([*images.shape[:3], 1], 0.5)},
)
def dictionary_of_two_images(head, probe):
    image, mask = keras.Input((12, 12, 3)), keras.Input((12, 12, 1))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(layers.Concatenate()([image, mask])), probe)
    values = layers.Conv2D(6, 3, activation="relu")(first)
    return keras.Model({"picture": image, "mask": mask}, {"answer": ending(values, head)})


OTHER = np.random.default_rng(5).uniform(-1, 1, (12, 12, 3)).astype(np.float32)


@kind(
    options={"image_input": "left", "other_inputs": {"right": OTHER}},
    given=lambda images: [images, tf.repeat(OTHER[np.newaxis], tf.shape(images)[0], axis=0)],
    middle=None,  # its encoder runs twice, for each of the images
    aside=("encoder/conv", "encoder/last", "encoder", "mean_of_right"),  # Keras runs the second branch first
    relus=4,
)
def siamese(head, probe):
    encoder = block("encoder", 6)
    left, right = keras.Input((12, 12, 3), name="left"), keras.Input((12, 12, 3), name="right")
    pooled = [layers.GlobalAveragePooling2D(name=f"mean_of_{image.name}")(encoder(image)) for image in (left, right)]
    return keras.Model([left, right], layers.Dense(CLASSES, activation=head)(ops.abs(pooled[0] - pooled[1])))


@kind(middle=None, relus=4)  # its block runs twice
def mirrored_too(head, probe):
    both, image = block("both", 6), keras.Input((12, 12, 3))
    pooled = [layers.GlobalAveragePooling2D()(both(each)) for each in (image, ops.flip(image, axis=2))]
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(layers.Average()(pooled)))


@kind(relus=2)
def classifier_with_a_decoder(head, probe):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    last = layers.Conv2D(6, 3, activation="relu", name="conv2")(first)
    decoded = layers.Conv2DTranspose(3, 5, activation="relu", name="decoder")(last)
    return keras.Model(image, [ending(last, head), decoded])


@kind(relus=2)
def scores_by_a_convolution(head, probe):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    last = layers.Conv2D(6, 3, activation="relu", name="conv2")(first)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(last)
    scores = layers.Flatten()(layers.Conv2D(CLASSES, 1, name="scores")(pooled))
    return keras.Model(image, layers.Activation(head)(scores))


@kind(relus=2)
def residual_of_layers(head, probe):
    return residual(layers.Add(), layers.ReLU(name="sum"), head, probe)


@kind(relus=2, plain=("residual_of_layers", {"conv1": "conv1", "relu after branch": "sum"}))
def residual_of_operations(head, probe):
    return residual(ops.add, ops.relu, head, probe)


def residual(add, relu, head, probe):
    image = keras.Input((12, 12, 3))
    stem = probed(layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(image), probe)
    branch = layers.Conv2D(4, 3, padding="same", name="branch")(stem)
    added = add([stem, branch]) if isinstance(add, layers.Layer) else add(stem, branch)
    return keras.Model(image, ending(relu(added), head))


@kind()
def several_outputs(head, probe):
    return with_two_outputs(probe, lambda values: [ending(values, head), layers.Flatten()(values)])


@kind(options={"output": "scores"}, output=1)
def the_second_of_two_outputs(head, probe):
    return with_two_outputs(probe, lambda values: [layers.Flatten(name="flat")(values), ending(values, head)])


@kind(options={"output": "answer"})
def dictionary_of_outputs(head, probe):
    return with_two_outputs(probe, lambda values: {"rest": layers.Flatten()(values), "answer": ending(values, head)})


def with_two_outputs(probe, outputs):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    return keras.Model(image, outputs(layers.Conv2D(4, 3, activation="relu")(first)))


@kind(relus=1, given=lambda images: {"picture": images})
def dictionary_in_and_out(head, probe):
    image = keras.Input((12, 12, 3), name="picture")
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    return keras.Model({"picture": image}, {"answer": ending(first, head)})


@kind(head="sigmoid", classes=1)
def one_number_an_image(head, probe):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    second = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(first))
    return keras.Model(image, ops.squeeze(layers.Dense(1, activation=head)(second), -1))


# ---- What the person does to the image first


@kind(options={"preprocess": lambda images: keras.applications.resnet50.preprocess_input(images * 255) / 100})
def with_a_preprocess_function(head, probe):
    return functional_with(layers.ReLU(), head, probe)


@kind()
def standardised_at_the_input(head, probe):
    image = keras.Input((12, 12, 3))
    standard = layers.Lambda(tf.image.per_image_standardization)(image)
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(standard), probe)
    return keras.Model(image, ending(layers.Conv2D(6, 3, activation="relu", name="conv2")(first), head))


@tf.custom_gradient
def cut_off(values):
    """Whole numbers, with the gradient of the numbers themselves."""
    return tf.floor(values), lambda gradient: gradient


@kind(options={"preprocess": lambda images: images * 255})
def whole_numbers(head, probe):
    """The twin is the model behind the cast: it takes floats, and cuts them off."""
    image = keras.Input((12, 12, 3), dtype="uint8" if head else "float32")
    pixels = layers.ZeroPadding2D(1)(image if head else layers.Lambda(cut_off)(image))
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")(layers.Rescaling(1 / 255)(pixels))
    return keras.Model(image, ending(layers.Conv2D(6, 3, activation="relu", name="conv2")(probed(first, probe)), head))


# ---- Gradients that a layer brings along


@tf.custom_gradient
def safe_root(values):
    """The square root; its gradient stays finite at zero."""
    root = tf.sqrt(values)
    return root, lambda gradient: gradient * 0.5 / tf.maximum(root, 1e-2)


class SafeRoot(layers.Layer):
    @tf.function
    def call(self, values):
        return safe_root(values)


@kind()
def root_with_a_gradient_of_its_own(head, probe):
    return with_a_root(layers.Lambda(safe_root, name="root"), head, probe)


@kind(plain=("root_with_a_gradient_of_its_own", {"conv1": "conv1", "root": "root", "conv2": "conv2"}))
def own_gradient_in_a_function(head, probe):
    return with_a_root(SafeRoot(name="root"), head, probe)


def with_a_root(root, head, probe):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    return keras.Model(image, ending(layers.Conv2D(6, 3, activation="relu", name="conv2")(root(first)), head))


# ---- How a softmax can be written


def headless(head, probe):
    return functional_with(ops.relu, None, probe)


@kind(plain=("relu_layer", {"conv1": "conv1", "conv2": "conv2"}))
def separate_softmax(head, probe):
    model = headless(head, probe)
    return model if head is None else keras.Model(model.inputs, layers.Softmax()(model.output))


@kind(plain=("relu_layer", {"conv1": "conv1", "conv2": "conv2"}))
def softmax_from_ops(head, probe):
    model = headless(head, probe)
    return model if head is None else keras.Model(model.inputs, ops.softmax(model.output))


@kind(plain=("relu_layer", {"conv1": "conv1", "conv2": "conv2"}))
def softmax_activation(head, probe):
    model = headless(head, probe)
    return model if head is None else keras.Model(model.inputs, layers.Activation("softmax")(model.output))


@kind(head="none")
def no_softmax(head, probe):
    return headless(head, probe)


@kind(head="hidden")
def softmax_by_hand(head, probe):
    model = headless(head, probe)
    powers = ops.exp(model.output)
    shares = powers / ops.sum(powers, axis=-1, keepdims=True)
    # The score of a hidden head is the logarithm of the probability.
    return keras.Model(model.inputs, ops.log(shares) if head is None else shares)


@kind(head="log_softmax", plain=("separate_softmax", {}))
def logarithms_of_a_softmax(head, probe):
    return functional_with(ops.relu, head and "log_softmax", probe)


def of_probabilities(head, probe, activation, end):
    """A model whose output is `end(the activation's values)`; the score of a hidden head is the logarithm of that."""
    model = functional_with(layers.ReLU(), activation, probe)
    output = end(model.output)
    return keras.Model(model.inputs, ops.log(output) if head is None else output)


@kind(head="hidden")
def mean_of_sigmoids(head, probe):
    return of_probabilities(head, probe, "sigmoid", lambda p: layers.Average()([p, ops.roll(p, 1, axis=-1)]))


@kind(head="hidden", classes=4)
def columns_of_a_softmax(head, probe):
    return of_probabilities(head, probe, "softmax", lambda p: p[:, 1:])


@kind(head="hidden", classes=4)
def sums_of_columns_of_a_softmax(head, probe):
    return of_probabilities(head, probe, "softmax", lambda p: p[:, :4] + p[:, 1:])


@kind(head="hidden")
def noisy_or_of_sigmoids(head, probe):
    return of_probabilities(head, probe, "sigmoid", lambda p: p + p[:, ::-1] - p * p[:, ::-1])


@kind(head="hidden")
def sigmoids_by_hand(head, probe):
    return of_probabilities(head, probe, None, lambda logits: ops.exp(logits) / (1 + ops.exp(logits)))


@kind(head="hidden_log")
def logarithms_of_sigmoids(head, probe):
    return functional_with(layers.ReLU(), "log_sigmoid", probe)


@kind(head="hidden_log", classes=4)
def columns_of_a_log_softmax_by_hand(head, probe):
    logits = functional_with(layers.ReLU(), None, probe)
    logarithms = logits.output - ops.logsumexp(logits.output, axis=-1, keepdims=True)
    return keras.Model(logits.inputs, logarithms[:, 1:])


@kind(head="hidden")
def clipped_sigmoids(head, probe):
    return of_probabilities(head, probe, "sigmoid", lambda p: ops.clip(p, 1e-7, 1 - 1e-7))


@kind(head="hidden")
def resized_masks(head, probe):
    image = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="conv1")(image)
    second = layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2")(probed(first, probe))
    masks = layers.Conv2D(CLASSES, 1, activation="sigmoid", name="masks")(second)
    output = layers.UpSampling2D(2, interpolation="bilinear")(masks)
    return keras.Model(image, ops.log(output) if head is None else output)


@kind(head="sigmoid", classes=1)
def one_sigmoid(head, probe):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    second = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(first))
    return keras.Model(image, layers.Dense(1, activation=head)(second))


@kind(head="sigmoid")
def many_sigmoids(head, probe):
    return functional_with(layers.ReLU(), head, probe)


@kind()
def convolution_as_head(head, probe):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    second = layers.Conv2D(4, 3, activation="relu", name="conv2")(first)
    return keras.Model(image, layers.Flatten()(layers.Conv2D(CLASSES, 8, activation=head, name="scores")(second)))


# ---- How a ReLU can be written, and what is none


@kind(plain=("relu_layer", {}))
def relu_activation(head, probe):
    return with_activation("relu", head, probe)


@kind()
def relu_layer(head, probe):
    return functional_with(layers.ReLU(), head, probe)


@kind(plain=("relu_layer", {"conv1": "conv1", "conv2": "conv2"}))
def relu_activation_layer(head, probe):
    return functional_with(layers.Activation("relu"), head, probe)


@kind(plain=("relu_layer", {"conv1": "conv1", "conv2": "conv2"}))
def relu_lambda(head, probe):
    return functional_with(layers.Lambda(tf.nn.relu), head, probe)


@kind(plain=("relu_layer", {"conv1": "conv1", "conv2": "conv2"}))
def relu_from_ops(head, probe):
    return functional_with(ops.relu, head, probe)


@kind()
def relu6_activation(head, probe):
    return with_activation("relu6", head, probe)


@kind(plain=("relu6_from_ops", {"conv1": "conv1"}))
def relu6_layer(head, probe):
    return functional_with(layers.ReLU(6.0), head, probe)


@kind()
def relu6_from_ops(head, probe):
    return functional_with(ops.relu6, head, probe)


@kind(relus=0)
def gelu(head, probe):
    return with_activation("gelu", head, probe)


@kind(relus=0)
def swish(head, probe):
    return with_activation("swish", head, probe)


@kind(relus=0)
def leaky_relu(head, probe):
    return functional_with(layers.LeakyReLU(), head, probe)


def with_activation(name, head, probe):
    """The network of `functional_with`, its activation inside the convolutions."""
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation=name, name="conv1")(image), probe)
    return keras.Model(image, ending(layers.Conv2D(6, 3, strides=2, activation=name, name="conv2")(first), head))


# ---- What else a model may hold


@kind()
def batch_norm_dropout_augmentation(head, probe):
    image = keras.Input((12, 12, 3))
    values = layers.RandomRotation(0.2)(layers.RandomFlip()(image))
    values = layers.Conv2D(4, 3, name="conv1")(values)
    values = layers.ReLU()(layers.BatchNormalization()(probed(values, probe)))
    values = layers.Conv2D(6, 3, activation="relu")(layers.SpatialDropout2D(0.4)(layers.Dropout(0.5)(values)))
    return keras.Model(image, ending(layers.GaussianNoise(0.3)(values), head))


@kind()
def grouped_convolution(head, probe):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    return keras.Model(image, ending(layers.Conv2D(6, 3, groups=2, activation="relu")(first), head))


@kind()
def grouped_convolution_normalised(head, probe):
    """As in ResNeXt and RegNet."""
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    second = layers.Conv2D(4, 3, strides=2, padding="same", groups=2, use_bias=False, name="conv2")(first)
    second = layers.ReLU()(layers.BatchNormalization()(second))
    return keras.Model(image, ending(second, head))


@kind(relus=1)
def group_for_each_channel(head, probe):
    """As in ConvNeXt."""
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    side = layers.LayerNormalization()(layers.Conv2D(4, 5, padding="same", groups=4, name="conv2")(first))
    side = layers.Dense(4)(layers.Dense(8, activation="gelu")(side))
    return keras.Model(image, ending(layers.Add()([first, side]), head))


@kind(relus=0)  # its gates are gelus
def convnext_block(head, probe):
    image = keras.Input((12, 12, 3))
    stem = probed(layers.Conv2D(8, 2, strides=2, name="conv1")(image), probe)
    mixed = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(7, padding="same")(stem))
    scaled = layers.Dense(8)(layers.Dense(16, activation="gelu")(mixed)) * 0.5
    return keras.Model(image, ending(layers.Add(name="block")([stem, scaled]), head))


def bottleneck(values, groups, squeezed):
    """A grouped bottleneck beside its input; with `squeezed` its channels are weighted by what all places say."""

    def normalised(values, filters, size, **options):
        made = layers.Conv2D(filters, size, padding="same", use_bias=False, **options)(values)
        return layers.BatchNormalization()(made)

    inner = layers.ReLU()(normalised(values, 8, 1))
    inner = layers.ReLU()(normalised(inner, 8, 3, groups=groups))
    if squeezed:
        weights = layers.GlobalAveragePooling2D(keepdims=True)(inner)
        weights = layers.Conv2D(8, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="relu")(weights))
        inner = layers.Multiply()([inner, weights])
    return layers.ReLU(name="block")(layers.Add()([values, normalised(inner, values.shape[-1], 1)]))


@kind(relus=4)
def resnext_block(head, probe):
    image = keras.Input((12, 12, 3))
    stem = probed(layers.Conv2D(4, 3, strides=2, activation="relu", name="conv1")(image), probe)
    return keras.Model(image, ending(bottleneck(stem, groups=4, squeezed=False), head))


@kind(relus=5)
def regnet_block(head, probe):
    image = keras.Input((12, 12, 3))
    stem = probed(layers.Conv2D(4, 3, strides=2, activation="relu", name="conv1")(image), probe)
    return keras.Model(image, ending(bottleneck(stem, groups=2, squeezed=True), head))


@kind(relus=1)
def rescaling_inside(head, probe):
    image = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")(layers.Rescaling(2.0, offset=-1)(image))
    return keras.Model(image, ending(probed(first, probe), head))


@kind()
def mixed_float16(head, probe):
    image = keras.Input((12, 12, 3))
    first = layers.Conv2D(4, 3, activation="relu", name="conv1", dtype="mixed_float16")(image)
    second = layers.Conv2D(6, 3, activation="relu", dtype="mixed_float16")(probed(first, probe))
    pooled = layers.GlobalAveragePooling2D(dtype="mixed_float16")(second)
    return keras.Model(image, layers.Dense(CLASSES, activation=head, dtype="float32")(pooled))


# ---- Few bits


def quantised(mode, head, probe):
    model = fixed(functional(head, probe))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the layers that stay as they are
        model.quantize(mode)
    return model


@kind(ready=True, middle="relu1")
def int8(head, probe):
    return quantised("int8", head, probe)


@kind(ready=True, middle="relu1")
def int4(head, probe):
    return quantised("int4", head, probe)


@kind(ready=True, middle="relu1")
def float8(head, probe):
    return quantised("float8", head, probe)


# ---- Channels first


def turned(images):
    return tf.transpose(images, (0, 3, 1, 2))


FIRST = {"data_format": "channels_first"}


@kind(given=turned, channels_first=True, middle="relu1", plain=("functional", {"relu1": "relu1", "conv2": "conv2"}))
def channels_first(head, probe):
    image = keras.Input((3, 12, 12))
    first = probed(layers.ReLU(name="relu1")(layers.Conv2D(4, 3, name="conv1", **FIRST)(image)), probe)
    second = layers.Conv2D(6, 3, activation="relu", name="conv2", **FIRST)(first)
    pooled = layers.GlobalAveragePooling2D(**FIRST)(second)
    return keras.Model(image, layers.Dense(CLASSES, activation=head, name="scores")(pooled))


@kind(given=turned, channels_first=True, middle="base/conv", relus=3)
def channels_first_of_many_layers(head, probe):
    inner = keras.Input((3, 12, 12))
    first = layers.Conv2D(4, 3, padding="same", strides=2, activation="relu", name="conv", **FIRST)(inner)
    first = layers.BatchNormalization(axis=1)(layers.DepthwiseConv2D(3, padding="same", **FIRST)(probed(first, probe)))
    side = layers.SeparableConv2D(4, 3, padding="same", activation="relu", **FIRST)(first)
    base = keras.Model(inner, layers.Concatenate(axis=1)([first, side]), name="base")
    image = keras.Input((3, 12, 12))
    values = layers.MaxPooling2D(2, **FIRST)(layers.ZeroPadding2D(1, **FIRST)(base(layers.Rescaling(2.0)(image))))
    values = layers.Conv2D(6, 3, groups=2, padding="same", activation="relu", **FIRST)(values)
    values = layers.AveragePooling2D(2, **FIRST)(layers.UpSampling2D(2, **FIRST)(values))
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(layers.Flatten()(values)))


# ---- From elsewhere


def saved(head):
    """The folder of a SavedModel of `functional`."""
    folder = tempfile.mkdtemp()
    tf.saved_model.save(fixed(functional(head, None)), folder)
    return folder


@kind(ready=True, middle=None, plain=("functional", {}))
def saved_model(head, probe):
    layer = layers.TFSMLayer(saved(head), call_endpoint="serving_default")  # gives a dictionary
    image = keras.Input((12, 12, 3))
    return keras.Model(image, layer(image))


def from_keras2(name, head):
    """A model in a file that Keras 2 wrote, see `networks/keras2/make.py`."""
    from cnnviz_widgets.networks import load

    model = load(Path(__file__).parent / "networks" / "keras2" / f"{name}.h5").model
    last = model.layers[-1]
    while hasattr(last, "layers"):
        last = last.layers[-1]
    if head is None:
        last.activation = keras.activations.linear
    return model


@kind(ready=True, middle=None, relus=2)
def keras2_file(head, probe):
    return from_keras2("mobile", head)


@kind(ready=True, middle=None, relus=2)
def keras2_file_of_nested_models(head, probe):
    return from_keras2("teachable", head)


if importlib.util.find_spec("tf_keras"):

    @kind(middle=None, plain=("functional", {"relu1": "relu1", "conv2": "conv2"}))
    def keras2_object(head, probe):
        import tf_keras

        image = tf_keras.Input((12, 12, 3))
        first = tf_keras.layers.ReLU(name="relu1")(tf_keras.layers.Conv2D(4, 3, name="conv1")(image))
        second = tf_keras.layers.Conv2D(6, 3, activation="relu", name="conv2")(first)
        pooled = tf_keras.layers.GlobalAveragePooling2D()(second)
        return tf_keras.Model(image, tf_keras.layers.Dense(CLASSES, activation=head)(pooled))


# ---- Images that must be alone


@kind(alone=True)
def batch_of_one(head, probe):
    image = keras.Input(batch_shape=(1, 12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    values = ops.reshape(layers.Conv2D(6, 3, activation="relu")(first), (1, 8 * 8 * 6))
    return keras.Model(image, layers.Dense(CLASSES, activation=head)(values))


class AlwaysTraining(layers.Layer):
    """A layer that runs as in training, also when it is asked for an answer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, values):
        return self.layer(values, training=True)


@kind(alone=True)
def batch_statistics(head, probe):
    image = keras.Input((12, 12, 3))
    first = probed(layers.Conv2D(4, 3, activation="relu", name="conv1")(image), probe)
    normal = AlwaysTraining(layers.BatchNormalization(momentum=1.0, name="always"))(
        layers.Conv2D(6, 3, name="conv2")(first)
    )
    return keras.Model(image, ending(layers.ReLU()(normal), head))


# ---- Images of other shapes


@kind(shape=(12, 12, 1))
def one_channel(head, probe):
    return functional_with(layers.ReLU(), head, probe, (12, 12, 1))


@kind(shape=(12, 12, 2))
def two_channels(head, probe):
    return functional_with(layers.ReLU(), head, probe, (12, 12, 2))


@kind(shape=(12, 12, 4))
def four_channels(head, probe):
    return functional_with(layers.ReLU(), head, probe, (12, 12, 4))


@kind(shape=(10, 16, 3))
def not_square(head, probe):
    return functional_with(layers.ReLU(), head, probe, (10, 16, 3))


@kind(shape=(12, 12, 1), given=lambda images: images[..., 0])
def rows_and_columns(head, probe):
    return of_an_array((12, 12), (12, 12, 1), head, probe)


@kind(shape=(12, 12, 3), given=lambda images: tf.reshape(images, (-1, 432)))
def all_numbers_in_a_row(head, probe):
    return of_an_array((432,), (12, 12, 3), head, probe)


def of_an_array(taken, shape, head, probe):
    numbers = keras.Input(taken)
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")(layers.Reshape(shape)(numbers))
    return keras.Model(
        numbers, ending(layers.Conv2D(6, 3, activation="relu", name="conv2")(probed(first, probe)), head)
    )


@kind(shape=(None, None, 3), middle=None)
def any_size(head, probe):
    return functional_with(layers.ReLU(), head, None, (None, None, 3))
