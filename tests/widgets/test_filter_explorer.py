"""The filter explorer without a browser: tiles in order, and what is told of the picked one."""

import numpy as np
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.filter_explorer import FilterExplorer
from cnnviz_widgets.widgets.parts.channel_tiles import BY_ACTIVATION
from cnnviz_widgets.words import number

from .conftest import CLASSES, small_network


@pytest.fixture
def explorer(session):
    made = FilterExplorer(session=session)
    yield made
    made.close()


def values(view):
    return np.frombuffer(view.values, "<f4").reshape(view.values_shape)


def numbers(explorer):
    return [int(name.split()[1]) for name in explorer.tiles.live_image.names]


def text(paragraph):
    return paragraph.value


def test_a_session_with_another_method_is_asked_for_filters(network, image):
    explorer = FilterExplorer(session=Session(network, image, method=Gradient, runner=Inline()))
    assert isinstance(explorer.session.result.request.method, Filters)


def test_colour_filters_are_tiles_and_the_first_one_is_told_about(explorer, network):
    view, kernels = explorer.tiles.live_image, np.moveaxis(network.kernels("conv1"), -1, 0)
    np.testing.assert_array_equal(values(view), kernels)
    assert (explorer.tiles.selection.channel, view.selected, view.enlarges) == (0, 0, False)
    assert "conv1 · filter 0" in text(explorer.detail.title)
    np.testing.assert_array_equal(values(explorer.detail.colours)[0], kernels[0])
    (line,) = explorer.detail.numbers.lines
    assert [part["title"] for part in line] == ["red", "green", "blue"]
    np.testing.assert_allclose([part["rows"] for part in line], np.moveaxis(kernels[0], -1, 0))


def test_a_click_tells_of_another_filter_its_map_is_the_networks(explorer, network, image):
    explorer.tiles.live_image.selected = 2
    assert "filter 2" in text(explorer.detail.title)
    np.testing.assert_array_equal(values(explorer.detail.map), network.activations(image, "conv1")[..., 2])


def test_a_second_click_on_the_picked_one_keeps_it_picked(explorer):
    explorer.tiles.live_image.selected = 2
    explorer.tiles.live_image.selected = -1
    assert (explorer.tiles.selection.channel, explorer.tiles.live_image.selected) == (2, 2)


def test_by_activation_the_filter_with_the_strongest_map_stands_first(explorer, network, image):
    explorer.tiles.live_image.selected = 1
    explorer.tiles.order.value = BY_ACTIVATION
    strength = np.abs(network.activations(image, "conv1")).max(axis=(0, 1))
    assert numbers(explorer) == np.argsort(-strength).tolist()
    np.testing.assert_array_equal(
        values(explorer.tiles.live_image), np.moveaxis(network.kernels("conv1"), -1, 0)[numbers(explorer)]
    )
    assert numbers(explorer)[explorer.tiles.live_image.selected] == explorer.tiles.selection.channel == 1


def test_by_activation_another_image_sorts_anew(explorer, network, image):
    explorer.session.layer = "conv2"
    explorer.tiles.order.value = BY_ACTIVATION
    explorer.session.image = np.where(np.arange(32)[:, None, None] < 16, 250.0, 5.0) * np.ones((32, 32, 3))
    strength = np.abs(network.activations(explorer.session.fitted, "conv2")).max(axis=(0, 1))
    assert numbers(explorer) == np.argsort(-strength, kind="stable").tolist()


def test_back_to_the_layers_order_after_by_activation(explorer):
    explorer.tiles.order.value = BY_ACTIVATION
    explorer.tiles.order.value = "channel"
    assert numbers(explorer) == [0, 1, 2, 3]
    explorer.tiles.order.value = "norm"
    assert explorer.session.method == Filters(order="norm")


def test_another_layer_shows_the_slice_as_numbers(explorer, network):
    explorer.session.update(layer="conv2", method=Filters(slices="one", input_channel=3))
    ((part,),) = explorer.detail.numbers.lines
    np.testing.assert_allclose(part["rows"], network.kernels("conv2")[:, :, 3, 0])
    assert part["title"] == "input channel 3 of 4 input channels"
    assert explorer.detail.colours.layout.display == "none"


def test_patches_are_cut_out_of_the_image_where_the_map_is_highest_and_are_shown_on_it(explorer, network, image):
    maps = network.activations(image, "conv1")[..., 0]
    row, column = np.unravel_index(maps.argmax(), maps.shape)
    rgb = network.fit(image).rgb(network.value_range)
    np.testing.assert_array_equal(values(explorer.detail.patches)[0], rgb[row : row + 3, column : column + 3])
    assert explorer.detail.patches.names[0] == number(maps.max())
    assert explorer.detail.map.box == [row, column, row + 3, column + 3]
    explorer.detail.patches.selected = 1
    assert explorer.detail.map.box not in ([], [row, column, row + 3, column + 3])


def test_the_button_makes_the_channel_the_target(explorer):
    explorer.tiles.live_image.selected = 3
    explorer.detail.target.click()
    assert explorer.session.target == Target("conv1", 3)


def test_the_image_that_excites_it_is_made_on_request_and_goes_with_the_next_filter(explorer):
    exciting = explorer.detail.maximal_activation
    assert exciting.session.result is None
    exciting.button.click()
    result = exciting.session.result
    assert result.request.target == Target("conv1", 0)
    assert result.complete
    assert exciting.live_image.image_shape == [32, 32]
    explorer.tiles.live_image.selected = 2
    assert exciting.live_image.layout.display == "none"


def test_silent_filters_are_named_struck_and_explained():
    network = small_network(seed=3)
    kernel, bias = network.layer("conv1").layer.get_weights()
    kernel[..., 1], bias[1] = 0, -1
    kernel[..., [0, 3]], bias[[0, 3]] = np.abs(kernel[..., [0, 3]]), 0.1
    kernel[..., 2], bias[2] = -np.abs(kernel[..., 2]), -0.01
    network.layer("conv1").layer.set_weights([kernel, bias])
    explorer = FilterExplorer(session=Session(network, np.full((32, 32, 3), 99.0), runner=Inline()))
    view = explorer.tiles.live_image
    assert view.names[1:3] == ["filter 1 · zero weights", "filter 2 · silent"]
    assert view.struck == [1, 2]
    assert "2 silent, struck through: never above zero behind its ReLU, at any place of this image." in text(
        explorer.tiles.silent
    )
    view.selected = 1
    assert "weights are zero" in text(explorer.detail.about_weights)
    view.selected = 2
    assert "weights are zero" not in text(explorer.detail.about_weights)
    assert "Silent: never above zero" in text(explorer.detail.about_map)
    assert "No part of this image" in text(explorer.detail.about_patches)


def test_the_kernels_of_a_separable_convolution_have_no_map_of_their_own_and_say_so():
    import keras
    from keras import layers

    image = keras.Input((16, 16, 3))
    values = layers.SeparableConv2D(5, 3, name="separable")(image)
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(values)))
    session = Session(Network(model, class_names=CLASSES), np.full((16, 16, 3), 99.0), runner=Inline())
    explorer = FilterExplorer(session=session)
    assert "this kernel has no map of its own" in text(explorer.detail.about_map)
    assert explorer.detail.target.disabled


def test_a_network_without_convolutions_is_told_on_the_page():
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    explorer = FilterExplorer(session=Session(Network(model, class_names=CLASSES), runner=Inline()))
    assert "Filters needs a layer" in text(explorer.status.message)
    assert explorer.detail.widget.layout.display == "none"


def test_without_an_image_the_filters_are_there_and_the_rest_says_what_is_missing(network):
    explorer = FilterExplorer(session=Session(network, method=Filters, runner=Inline()))
    assert explorer.tiles.live_image.names
    assert "Choose an image" in text(explorer.detail.about_map)


def test_a_closed_explorer_follows_no_more(session):
    explorer = FilterExplorer(session=session)
    explorer.close()
    before = text(explorer.detail.title)
    session.layer = "conv2"
    assert text(explorer.detail.title) == before
