"""Grouped convolutions (ResNeXt, RegNet, ConvNeXt), which Keras compiles in functions of their own."""

import keras
import numpy as np
import pytest
from keras import layers
from kinds import ending, fixed

from cnnviz_widgets.core.network import Network


def layer(filters=6, size=3, groups=3, name="conv", **options):
    return layers.Conv2D(filters, size, groups=groups, name=name, **options)


def alone(*middle, shape=(12, 12, 6), head="softmax"):
    """A network of these layers, and an ending."""
    image = values = keras.Input(shape)
    for each in middle:
        values = each(values)
    return keras.Model(image, ending(values, head))


def test_a_window_is_followed_through_groups():
    convolutions = layer(activation="relu"), layer(name="second"), layers.ReLU()
    network = Network(fixed(alone(*convolutions, shape=(64, 64, 6))), value_range=(0, 1))
    image = network.fit(np.random.default_rng(0).uniform(0, 1, (64, 64, 6)).astype(np.float32))
    windows = [(slice(top, top + 6), slice(9, 15)) for top in range(0, 50, 7)]
    covering = network.covered(image, np.zeros_like(image.array), windows, network.target(1))
    assert covering.route.cut > 2
    copies = np.repeat(image.array[np.newaxis], len(windows), axis=0)
    for copy, (rows, columns) in zip(copies, windows, strict=True):
        copy[rows, columns] = 0
    expected = network.scores(copies, 1)
    assert np.ptp(expected) > 5e-4
    for batch in covering.batches:
        assert covering.outputs(batch).scores == pytest.approx(expected[batch], abs=2e-6)
