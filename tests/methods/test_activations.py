"""Activations: a layer's output as tiles, in a chosen order."""

import numpy as np
import pytest

from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.request import compute


def test_tiles_are_the_layers_channels(small, picture):
    result = compute(Activations(), small, picture, layer="conv2")
    maps = small.activations(picture, "conv2")
    assert result.array.shape == (6, 8, 8)
    for channel in range(6):
        assert np.array_equal(result.array[channel], maps[..., channel])
    assert result.names == tuple(f"channel {channel}" for channel in range(6))
    assert not result.signed


def test_a_layer_with_negative_values_is_signed(small, picture):
    assert compute(Activations(), small, picture, layer="conv1").signed


def test_the_strongest_first_means_the_largest_absolute_value(small, picture):
    result = compute(Activations(order="strongest first"), small, picture, layer="conv1")
    strength = np.abs(result.array).max(axis=(1, 2))
    assert (np.diff(strength) <= 0).all()
    maps = small.activations(picture, "conv1")
    for name, tile in zip(result.names, result.array, strict=True):
        assert np.array_equal(tile, maps[..., int(name.removeprefix("channel "))])


@pytest.mark.parametrize("order", ["similarity", "strongest first"])
def test_in_another_order_each_map_keeps_its_name(order, small, picture):
    maps = small.activations(picture, "conv2")
    result = compute(Activations(order=order), small, picture, layer="conv2")
    numbers = [int(name.removeprefix("channel ")) for name in result.names]
    assert sorted(numbers) == list(range(6))
    assert np.array_equal(result.array, np.moveaxis(maps, -1, 0)[numbers])


def test_the_first_convolution_is_shown_when_no_layer_is_named(opened):
    assert Activations.default_layer(opened("rescaling_inside")[1]) == "conv1"
    assert Activations.default_layer(opened("nested_twice")[1]) == "outer/base/conv"
