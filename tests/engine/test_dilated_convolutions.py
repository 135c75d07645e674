"""Transposed convolutions with gaps in their kernel are answered on every processor."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import fixed

from cnnviz_widgets.engine import dilated_convolutions
from cnnviz_widgets.network import Network


@pytest.mark.parametrize("rate", [2, (1, 3)])
@pytest.mark.parametrize("options", [{}, {"padding": "same"}, {"data_format": "channels_first"}], ids=str)
def test_zeros_in_the_gaps_give_what_keras_gives(rate, options, monkeypatch):
    monkeypatch.setattr(dilated_convolutions, "processor_knows_gaps", lambda: False)
    layer = layers.Conv2DTranspose(4, (3, 2), dilation_rate=rate, activation="elu", name="up", **options)
    shape = (3, 5, 6) if "data_format" in options else (5, 6, 3)
    model = fixed(keras.Sequential([keras.Input(shape), layer, layers.Flatten(), layers.Dense(2)]))
    image = np.random.default_rng(0).uniform(0, 1, (5, 6, 3)).astype(np.float32)
    given = tf.constant(image[np.newaxis].transpose(0, 3, 1, 2) if "data_format" in options else image[np.newaxis])

    @tf.function(jit_compile=True, autograph=False)  # XLA knows gaps on every processor
    def by_keras(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            scores = model(images)
            score = scores[0, 1]
        return scores, tape.gradient(score, images)

    scores, gradient = (value.numpy()[0] for value in by_keras(given))
    gradient = np.moveaxis(gradient, 0, -1) if "data_format" in options else gradient
    network = Network(model, value_range=(0, 1))
    assert network.logits(image) == pytest.approx(scores, abs=1e-5)
    assert network.gradient(image, 1) == pytest.approx(gradient, abs=1e-5)


def test_the_processor_does_as_it_says_it_can():
    if dilated_convolutions.processor_knows_gaps():
        layers.Conv2DTranspose(1, 2, dilation_rate=2)(np.ones((1, 3, 3, 1), np.float32))
    else:
        with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)):
            layers.Conv2DTranspose(1, 2, dilation_rate=2)(np.ones((1, 3, 3, 1), np.float32))
