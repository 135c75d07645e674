"""Filters: the weights of a convolution, sliced in four ways."""

import keras
import numpy as np
import pytest
from keras import layers
from kinds import fixed

from cnnviz_widgets.core.result import COLOUR_TILES, TILES
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute


@pytest.fixture(scope="module")
def network():
    image = keras.Input((9, 9, 3))
    values = layers.Conv2D(4, 3, name="colours")(image)
    values = layers.Conv2D(5, (3, 2), name="slices")(values)
    values = layers.DepthwiseConv2D(3, name="depthwise")(values)
    values = layers.SeparableConv2D(4, 1, name="separable")(values)
    values = layers.Conv2DTranspose(3, 2, name="transposed")(values)
    values = layers.Conv2D(6, 1, groups=3, name="grouped")(values)
    return Network(fixed(keras.Model(image, layers.Dense(2)(layers.Flatten()(values)))))


def test_filters_that_see_three_channels_are_colours(network):
    result = compute(Filters(), network, layer="colours")
    assert result.axes == COLOUR_TILES
    kernel = network.model.get_layer("colours").kernel.numpy()
    for index in range(4):
        assert np.array_equal(result.array[index], kernel[..., index])
    assert result.names == ("filter 0", "filter 1", "filter 2", "filter 3")


@pytest.mark.parametrize(
    ("method", "by_hand"),
    [
        (Filters(), lambda kernel: kernel.mean(axis=2)),
        (Filters(slices="mean"), lambda kernel: kernel.mean(axis=2)),
        (Filters(slices="norm"), lambda kernel: np.sqrt((kernel**2).sum(axis=2))),
        (Filters(slices="one", input_channel=3), lambda kernel: kernel[:, :, 3]),
    ],
    ids=lambda value: str(value) if isinstance(value, Filters) else "by hand",
)
def test_other_filters_are_slices(method, by_hand, network):
    result = compute(method, network, layer="slices")
    expected = by_hand(network.model.get_layer("slices").kernel.numpy())
    assert result.axes == TILES
    assert result.array.shape == (5, 3, 2)
    assert result.array == pytest.approx(np.moveaxis(expected, -1, 0), abs=1e-6)
    assert result.signed == (method.slices != "norm")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [("depthwise", (5, 3, 3)), ("separable", (5, 1, 1)), ("transposed", (3, 2, 2)), ("grouped", (6, 1, 1))],
)
def test_every_kind_of_convolution_has_a_tile_for_each_filter(layer, shape, network):
    assert compute(Filters(), network, layer=layer).array.shape == shape


def test_single_weights_say_that_they_are_no_pictures(network):
    assert "single_weights" in [note.kind for note in compute(Filters(), network, layer="grouped").notes]
    assert "single_weights" not in [note.kind for note in compute(Filters(), network, layer="colours").notes]


@pytest.mark.parametrize("order", ["norm", "similarity"])
def test_in_another_order_each_filter_keeps_its_name(order, network):
    by_channel, ordered = (
        compute(Filters(), network, layer="slices"),
        compute(Filters(order=order), network, layer="slices"),
    )
    numbers = [int(name.removeprefix("filter ")) for name in ordered.names]
    assert sorted(numbers) == list(range(5))
    assert np.array_equal(ordered.array, by_channel.array[numbers])


def test_by_norm_the_whole_filter_counts_not_the_slice_that_is_shown(network):
    result = compute(Filters(order="norm", slices="one"), network, layer="slices")
    norms = np.linalg.norm(network.kernels("slices").reshape(-1, 5), axis=0)
    assert [int(name.removeprefix("filter ")) for name in result.names] == list(np.argsort(-norms))


def test_a_filter_without_weights_is_named_so():
    image = keras.Input((9, 9, 1))
    model = fixed(keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.Conv2D(3, 3, name="conv")(image)))))
    kernel, bias = model.get_layer("conv").get_weights()
    kernel[..., 1] = 0
    model.get_layer("conv").set_weights([kernel, bias])
    assert compute(Filters(), Network(model), layer="conv").names == ("filter 0", "filter 1 · zero weights", "filter 2")


def test_a_convolution_in_one_dimension_is_refused_in_a_sentence():
    image = keras.Input((9, 9, 1))
    rows = layers.Conv1D(3, 3, name="row")(
        layers.Reshape((81, 1))(layers.Conv2D(1, 3, padding="same", name="conv")(image))
    )
    network = Network(fixed(keras.Model(image, layers.Dense(2)(layers.Flatten()(rows)))))
    with pytest.raises(ValueError, match="Filters cannot use this layer.* conv. Received: 'row', a Conv1D"):
        compute(Filters(), network, layer="row")


def test_an_input_channel_that_the_layer_does_not_see_is_refused(network):
    with pytest.raises(ValueError, match="input_channel must be below 4.* Received: input_channel=4"):
        compute(Filters(slices="one", input_channel=4), network, layer="slices")


def test_the_slider_for_the_input_channel_ends_where_the_layers_channels_do(network):
    assert Filters.slider_ends("input_channel", 9, network.layer("slices")) == (0, 3, 1)
    assert Filters.slider_ends("input_channel", 9) == (0, 63, 1)


def test_the_first_convolution_is_shown_when_no_layer_is_named(network):
    assert compute(Filters(), network).request.layer == "colours"


def test_only_convolutions_are_offered(network):
    assert [info.path for info in Filters.layers(network)] == [
        "colours", "slices", "depthwise", "separable", "transposed", "grouped"
    ]  # fmt: skip


def test_a_picture_of_the_weights_cannot_change_them(network):
    before = network.model.get_layer("colours").kernel.numpy()
    result = compute(Filters(), network, layer="colours")
    with pytest.raises(ValueError, match="read-only"):
        result.array[...] = 0
    assert np.array_equal(network.model.get_layer("colours").kernel.numpy(), before)
