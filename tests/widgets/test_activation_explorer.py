"""The activation explorer without a browser: maps, a unit's field, and the arithmetic that ends in its number."""

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.activation_explorer import ActivationExplorer


@pytest.fixture
def explorer(network, image):
    made = ActivationExplorer(session=Session(network, image, method=Activations, layer="conv2", runner=Inline()))
    yield made
    made.close()


def pick(explorer, channel, row, column):
    names = [name.split()[1] for name in explorer.tiles.live_image.names]
    place = names.index(str(channel))
    explorer.tiles.live_image.selected = place
    explorer.tiles.live_image.clicked = [place, row, column]


def picked(explorer):
    return explorer.tiles.selection.channel, explorer.tiles.selection.place


def test_nothing_is_picked_at_first_and_a_click_enlarges(explorer):
    assert explorer.tiles.selection is None
    assert explorer.detail.widget.layout.display == "none"
    explorer.tiles.live_image.selected = 3
    assert explorer.tiles.live_image.enlarges
    assert "conv2 · channel 3" in explorer.detail.title.value
    assert "Click a cell" in explorer.detail.about.value


def test_the_arithmetic_ends_in_the_number_of_the_map(explorer, network, image):
    pick(explorer, 4, 6, 7)
    value = network.activations(image, "conv2")[6, 7, 4]
    *channels, last = explorer.detail.numbers.lines
    assert last[-1]["value"] == pytest.approx(float(value), abs=1e-6)
    summed = sum(
        part["value"] for part in last if part["kind"] == "number" and part["title"] not in ("sum", "in the map")
    )
    (total,) = [part["value"] for part in last if part.get("title") == "sum"]
    assert summed == pytest.approx(total, abs=1e-5)
    assert max(total, 0) == pytest.approx(float(value), abs=1e-5)
    for patch, _, kernel, _, result in channels:
        product = np.multiply(patch["rows"], kernel["rows"]).sum()
        assert product == pytest.approx(result["value"], abs=1e-5)
    np.testing.assert_allclose(
        channels[0][0]["rows"],
        network.activations(image, "pool1")[6:9, 7:10, int(channels[0][0]["title"].split()[1][:-1])],
    )


def test_what_the_unit_sees_is_outlined(explorer):
    pick(explorer, 0, 2, 3)
    # A 3×3 convolution, pooling by 2, another 3×3: 8×8 px, 2 px from one unit to the next.
    assert explorer.tiles.live_image.box == [4, 6, 12, 14]
    assert "It sees 8×8 px" in explorer.detail.about.value


def test_under_the_pointer_the_field_moves_and_comes_back_when_it_leaves(explorer):
    pick(explorer, 0, 2, 3)
    explorer.tiles.live_image.hovered = [0, 5, 5]
    assert explorer.tiles.live_image.box == [10, 10, 18, 18]
    explorer.tiles.live_image.hovered = []
    assert explorer.tiles.live_image.box == [4, 6, 12, 14]


def test_another_channel_keeps_the_place(explorer, network, image):
    pick(explorer, 1, 2, 3)
    explorer.tiles.live_image.selected = 4
    assert picked(explorer) == (4, (2, 3))
    assert explorer.tiles.live_image.clicked == [4, 2, 3]
    value = network.activations(image, "conv2")[2, 3, 4]
    assert explorer.detail.numbers.lines[-1][-1]["value"] == pytest.approx(float(value))


def test_another_order_keeps_the_unit(explorer):
    pick(explorer, 1, 2, 3)
    explorer.tiles.order.value = "strongest first"
    names = explorer.tiles.live_image.names
    place = explorer.tiles.live_image.selected
    assert names[place] == "channel 1"
    assert explorer.tiles.live_image.clicked == [place, 2, 3]


def test_another_image_keeps_the_unit_and_changes_its_number(explorer, network):
    pick(explorer, 1, 2, 3)
    explorer.session.image = np.full((32, 32, 3), 200.0)
    value = network.activations(explorer.session.fitted, "conv2")[2, 3, 1]
    assert picked(explorer) == (1, (2, 3))
    assert explorer.detail.numbers.lines[-1][-1]["value"] == pytest.approx(float(value), abs=1e-6)


def test_another_layer_forgets_the_unit(explorer):
    pick(explorer, 1, 2, 3)
    explorer.session.layer = "conv1"
    assert explorer.tiles.selection is None
    assert explorer.tiles.live_image.box == []
    assert explorer.detail.widget.layout.display == "none"


def test_a_layer_that_is_no_convolution_says_so_and_still_outlines(explorer):
    explorer.session.layer = "pool1"
    pick(explorer, 1, 2, 3)
    assert explorer.detail.numbers.lines == []
    assert "needs a convolution" in explorer.detail.about.value
    assert "the one before is &#x27;conv1&#x27;" in explorer.detail.about.value
    assert explorer.tiles.live_image.box == [4, 6, 8, 10]


def test_buttons_make_the_channel_or_the_unit_the_target(explorer):
    explorer.tiles.live_image.selected = 2
    assert explorer.detail.unit_button.disabled
    explorer.detail.channel_button.click()
    assert explorer.session.target == Target("conv2", 2)
    pick(explorer, 2, 4, 5)
    explorer.detail.unit_button.click()
    assert explorer.session.target == Target("conv2", 2, (4, 5))
    assert "unit (4, 5) of channel 2 of conv2" in explorer.detail.target.value


def test_looking_at_a_channel_does_not_make_it_the_target(explorer):
    pick(explorer, 2, 4, 5)
    assert explorer.session.target is None


def test_a_click_on_the_softmax_of_a_segmentation_shows_how_its_number_comes_about():
    keras.utils.set_random_seed(1)
    picture = keras.Input((12, 12, 3))
    maps = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(picture)
    model = keras.Model(picture, layers.Conv2D(3, 1, activation="softmax", name="pixels")(maps))
    network, image = Network(model, value_range=(0, 1)), InputImage(np.full((12, 12, 3), 0.5))
    session = Session(network, image, method=Activations, layer="pixels", runner=Inline())
    explorer = ActivationExplorer(session=session)
    pick(explorer, 2, 6, 7)
    value = float(model(image.array[np.newaxis])[0, 6, 7, 2])
    assert explorer.detail.numbers.lines[-1][-1]["value"] == pytest.approx(value, abs=1e-6)
    assert "softmax also looks at the sums of the other channels" in explorer.detail.about.value
    explorer.close()
