"""A second engine, in NumPy: a convolution that takes block means, global average pooling, a dense layer, a softmax.

All of it but the softmax is linear, so each question has an answer in a line. `keras_twin` is the same function as a
Keras model.
"""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np

from cnnviz_widgets.core.layer import AttentionInfo, LayerInfo

SIDE, BLOCK, COLOURS, CHANNELS, CLASSES = 16, 4, 3, 6, 5


class LinearEngine:
    """An `Engine` of one layer, "maps"."""

    name = "linear"
    input_shape, dtype, output_names = (SIDE, SIDE, COLOURS), "float32", ("0",)
    score_shape, head, attentions = (CLASSES,), "softmax", ()

    def __init__(self, seed=0):
        random = np.random.default_rng(seed)
        self.mix = random.normal(size=(BLOCK, BLOCK, COLOURS, CHANNELS)).astype(np.float32)
        self.dense = random.normal(size=(CHANNELS, CLASSES)).astype(np.float32)
        grid = (SIDE // BLOCK, SIDE // BLOCK, CHANNELS)
        self.layers = self.grids = (LayerInfo("maps", "Conv2D", grid, self.mix.size, SimpleNamespace(kernel=self.mix)),)

    def outputs(self, images):
        logits = self._maps(images).mean(axis=(1, 2)) @ self.dense
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return logits, powers / powers.sum(axis=-1, keepdims=True)

    def activations(self, images, *layers):
        return [self._maps(images) for _ in layers]

    def reaches(self, layer, objective):
        return True

    def precedes(self, layer, objective):
        return objective.layer is None

    def gradient(self, images, objective, relu):
        at_maps = self._at_maps(objective)
        blocks = np.einsum("rck,hwik->rhcwi", at_maps, self.mix)
        return np.repeat(blocks.reshape(1, *self.input_shape), len(images), axis=0).astype(np.float32)

    def layer_gradient(self, image, objective, layer, relu, key=None):
        return self._maps(image), self._at_maps(objective)[None].astype(np.float32)

    def scores_behind(self, image, objective, layer, activations, key=None):
        return np.einsum("nrck,rck->n", activations, self._at_maps(objective)).astype(np.float32)

    def pooled_maps(self, image, objective, key=None):
        if objective.layer is not None:
            raise ValueError("A class activation map of this network needs a class. Received: a channel.")
        return self._maps(image)[0], self.dense[:, objective.units] @ objective.weights

    def kernels(self, layer):
        return self.mix

    def gates(self, layer, objective):
        return 0, {}, False

    def weights_version(self):
        return 0

    def frozen_weights(self, version=None):
        return nullcontext()

    def _maps(self, images):
        n, side = len(images), SIDE // BLOCK
        return np.einsum("nrhcwi,hwik->nrck", images.reshape(n, side, BLOCK, side, BLOCK, COLOURS), self.mix)

    def _at_maps(self, objective):
        """(rows, columns, channels): the gradient of the score at the maps."""
        rows, columns, _ = self.layers[0].output_shape
        gradient = np.zeros((rows, columns, CHANNELS))
        for weight, unit, box in zip(objective.weights, objective.units, objective.boxes, strict=True):
            if objective.layer is None:
                gradient += weight * self.dense[:, unit] / (rows * columns)
            else:
                part = gradient[(*(slice(begin, end) for begin, end in box), ..., unit)]
                part += weight / part.size
        return gradient


class AttentiveEngine(LinearEngine):
    """A `LinearEngine` whose cells attend to one another, by the products of what they hold, before their mean."""

    attentions = (
        AttentionInfo(
            "attention", "Attention", (1, 16, 16), 0, None, cells=(SIDE // BLOCK, SIDE // BLOCK), among_tokens=True
        ),
    )

    def outputs(self, images):
        logits = (self._weights(images) @ self._tokens(images)).mean(axis=1) @ self.dense
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return logits, powers / powers.sum(axis=-1, keepdims=True)

    def activations(self, images, *layers):
        return [self._maps(images) if layer == "maps" else self._weights(images)[:, None] for layer in layers]

    def layer_gradient(self, image, objective, layer, relu, key=None):
        assert layer == "attention"
        values = self._tokens(image) @ (self.dense[:, objective.units] @ objective.weights)  # (n, tokens)
        gradient = np.repeat(values[:, None, None, :], 16, axis=2) / 16
        return self._weights(image)[:, None], gradient.astype(np.float32)

    def _tokens(self, images):
        return self._maps(images).reshape(len(images), 16, CHANNELS)

    def _weights(self, images):
        tokens = self._tokens(images)
        scores = tokens @ tokens.swapaxes(1, 2)
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)


def attentive_twin(engine):
    """The function of an `AttentiveEngine` as a Keras model."""
    import keras
    from keras import layers, ops

    image = keras.Input((SIDE, SIDE, COLOURS))
    maps = layers.Conv2D(CHANNELS, BLOCK, strides=BLOCK, use_bias=False, name="maps")(image)
    tokens = layers.Reshape((16, CHANNELS))(maps)
    weights = ops.softmax(ops.matmul(tokens, ops.transpose(tokens, (0, 2, 1))))
    pooled = layers.GlobalAveragePooling1D()(ops.matmul(weights, tokens))
    model = keras.Model(image, layers.Dense(CLASSES, use_bias=False, activation="softmax")(pooled))
    model.set_weights([engine.mix, engine.dense])
    return model


def keras_twin(engine):
    """The same function as a Keras model."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, COLOURS)),
            layers.Conv2D(CHANNELS, BLOCK, strides=BLOCK, use_bias=False, name="maps"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, use_bias=False, activation="softmax"),
        ]
    )
    model.set_weights([engine.mix, engine.dense])
    return model
