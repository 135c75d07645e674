"""A small vision transformer for the methods about attention: no bundled network has any. Its weights are random."""

import keras
import numpy as np
from keras import layers, ops

import cnnviz_widgets as cnnviz

SIDE, PATCH, CHANNELS, HEADS, BLOCKS, CLASSES = 28, 4, 16, 4, 3, 10
NAME = "small_transformer"


@keras.saving.register_keras_serializable("cnnviz_benchmarks")
class ClassToken(layers.Layer):
    """A learned token in front of the others, and a learned number at each place."""

    def build(self, shape):
        """Make the weights."""
        _, tokens, channels = shape
        self.token = self.add_weight(shape=(1, 1, channels), name="token")
        self.places = self.add_weight(shape=(1, tokens + 1, channels), name="places")

    def call(self, values):
        """Return one token more."""
        first = ops.tile(self.token, (ops.shape(values)[0], 1, 1))
        return ops.concatenate([first, values], axis=1) + self.places


def small_transformer():
    """Return the Network: grey images of 28 px, 49 patches and a class token, three blocks of four heads."""
    image = keras.Input((SIDE, SIDE, 1))
    patches = layers.Conv2D(CHANNELS, PATCH, PATCH, name="patches")(layers.Rescaling(1 / 255, name="scaled")(image))
    tokens = ClassToken(name="tokens")(layers.Reshape((-1, CHANNELS), name="row")(patches))
    for number in range(1, BLOCKS + 1):
        tokens = _block(tokens, f"block{number}")
    first = layers.LayerNormalization(epsilon=1e-6, name="norm")(tokens)[:, 0]
    model = keras.Model(image, layers.Dense(CLASSES, name="logits")(first), name=NAME)
    random = np.random.default_rng(0)
    for weight in model.weights:
        width = max(1, int(np.prod(weight.shape[:-1])))
        values = random.normal(size=weight.shape) / (np.sqrt(width) if width > 1 else 4)
        weight.assign(values + ("gamma" in weight.name))
    return cnnviz.Network(model, name=NAME, samples=cnnviz.samples("digits"))


def _block(tokens, name):
    norm = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm1")(tokens)
    mixed = layers.MultiHeadAttention(HEADS, CHANNELS // HEADS, name=f"{name}_attention")(norm, norm)
    tokens = layers.Add(name=f"{name}_add1")([tokens, mixed])
    norm = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm2")(tokens)
    hidden = layers.Dense(2 * CHANNELS, activation="gelu", name=f"{name}_hidden")(norm)
    return layers.Add(name=f"{name}_add2")([tokens, layers.Dense(CHANNELS, name=f"{name}_out")(hidden)])
