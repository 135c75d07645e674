"""Keras' own layers and the tape on the attention in the transformers of `KINDS`."""

import keras
import numpy as np
import tensorflow as tf
from kinds import KINDS


def image(seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (12, 12, 3)).astype("float32")


class Told:
    """A transformer of `KINDS`, run block by block with Keras' layers: its attention scores and their gradients."""

    def __init__(self, name, blocks=("block1", "block2"), target=2):
        self.model = KINDS[name].build(None)
        self.scores, picture = [], image()[None]
        first = self.model.get_layer("more" if "token" in name or "registers" in name else "flat")
        with tf.GradientTape() as tape:
            tokens = keras.Model(self.model.input, first.output)(picture)
            for block in blocks:
                tokens = self._block(tokens, block)
            if "class_token" in name:
                pooled = self.model.get_layer("norm")(tokens)[:, 0]
            else:
                pooled = tf.reduce_mean(tokens, axis=1)
            logits = self.model.layers[-1](pooled)
            score = logits[0, target]
        assert np.allclose(logits, self.model(picture), atol=1e-5)
        self.gradients = [each[0].numpy() for each in tape.gradient(score, self.scores)]
        self.scores = [each[0].numpy() for each in self.scores]

    def _block(self, tokens, name):
        layer = self.model.get_layer
        norm, attention = layer(f"{name}_norm")(tokens), layer(f"{name}_attention")
        _, scores = attention(norm, norm, return_attention_scores=True)
        self.scores.append(scores)
        mixed = tf.einsum("nhqk,nkhc->nqhc", scores, attention.value_dense(norm))
        tokens = tokens + attention.output_dense(mixed)
        return layer(name)([tokens, layer(f"{name}_dense")(layer(f"{name}_hidden")(tokens))])
