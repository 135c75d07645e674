"""Results, facts and clicks arrive in any order: what was chosen in one thing never meets the other half of another."""

from dataclasses import replace

import numpy as np
import pytest
from kinds import KINDS

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.methods.smooth_grad import SmoothGrad
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.activation_explorer import ActivationExplorer
from cnnviz_widgets.widgets.explorers.cam_explorer import CAMExplorer
from cnnviz_widgets.widgets.explorers.filter_explorer import FilterExplorer
from cnnviz_widgets.widgets.explorers.occlusion_explorer import OcclusionExplorer
from cnnviz_widgets.widgets.explorers.sanity_explorer import SanityExplorer
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.live_view import LiveView
from cnnviz_widgets.widgets.parts.maximal_activation_gallery import MaximalActivationGallery
from cnnviz_widgets.widgets.parts.occlusion_by_hand import OcclusionByHand

from .conftest import ByHand, small_network
from .test_maximal_activation_explorer import QUICK

OWN_SESSION, READER = 2, 3


def late(explorer_class, network, image, held=OWN_SESSION):
    """An explorer in which one in line is slow: its session, or its reader of facts. Both have answered once."""
    explorer = explorer_class(session=Session(network, image, layer="conv1", runner=ByHand(held)))
    (explorer.session.runner if held == OWN_SESSION else explorer.facts._reader).finish()
    return explorer


def pick(explorer, tile, *place):
    explorer.tiles.live_image.selected = tile
    if place:
        explorer.tiles.live_image.clicked = [tile, *place]


# ---- A unit, and the facts of a layer


def test_a_unit_of_one_layer_does_not_meet_the_facts_of_the_next(network, image):
    explorer = late(ActivationExplorer, network, image)
    pick(explorer, 1, 28, 27)
    explorer.session.layer = "conv2"  # 13×13 cells, whose facts are there before its tiles
    assert explorer.facts.facts.layer.path == "conv2"
    assert explorer.session.status == "running", explorer.session.message
    assert explorer.detail.widget.layout.display == "none"
    assert explorer.tiles.live_image.box == []
    explorer.session.runner.finish()
    assert explorer.session.status == "done"
    assert explorer.tiles.selection is None


def test_a_unit_does_not_meet_the_facts_of_the_layer_before(network, image):
    explorer = late(ActivationExplorer, network, image, READER)
    explorer.session.layer = "conv2"  # its tiles are there before its facts
    pick(explorer, 5, 12, 11)
    assert explorer.session.status == "done", explorer.session.message
    assert explorer.detail.widget.layout.display == "none"
    explorer.facts._reader.finish()
    assert "conv2 · channel 5 · row 12, column 11" in explorer.detail.title.value


def test_a_unit_of_a_large_image_does_not_meet_the_facts_of_a_small_one():
    from keras import Input, Sequential, layers

    any_size = [Input((None, None, 3)), layers.Conv2D(4, 3, activation="relu", name="conv1")]
    model = Sequential([*any_size, layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])
    large, small = (InputImage(np.full((side, side, 3), 0.5)) for side in (32, 12))
    explorer = late(ActivationExplorer, Network(model, value_range=(0, 1)), large)
    pick(explorer, 1, 28, 27)
    explorer.session.image = small
    assert explorer.session.status == "running", explorer.session.message
    assert explorer.detail.widget.layout.display == "none"


def test_under_the_pointer_only_the_field_of_the_layer_that_is_shown_is_outlined(network, image):
    explorer = late(ActivationExplorer, network, image)
    pick(explorer, 1, 8, 7)
    explorer.session.layer = "conv2"
    explorer.tiles.live_image.hovered = [1, 2, 3]
    assert explorer.tiles.live_image.box == []


@pytest.mark.parametrize("explorer_class", [ActivationExplorer, FilterExplorer])
def test_a_channel_becomes_the_target_in_the_layer_in_which_it_was_picked(explorer_class, network, image):
    explorer = late(explorer_class, network, image)
    pick(explorer, 2)
    explorer.session.layer = "conv2"
    getattr(explorer.detail, "target" if explorer_class is FilterExplorer else "channel_button").click()
    assert explorer.session.target == Target("conv1", 2)


@pytest.mark.parametrize("explorer_class", [ActivationExplorer, FilterExplorer])
def test_a_channel_of_a_network_is_no_target_of_another(explorer_class, network, image):
    explorer = late(explorer_class, network, image)
    pick(explorer, 2)
    explorer.session.open(small_network("second", seed=1))
    getattr(explorer.detail, "target" if explorer_class is FilterExplorer else "channel_button").click()
    assert explorer.session.target is None


def test_a_filter_is_not_told_of_with_the_facts_of_another_network(network, image):
    explorer = late(FilterExplorer, network, image, READER)
    other = small_network("second", seed=1)
    explorer.session.open(other)
    explorer.session.layer = "conv1"
    pick(explorer, 3)
    assert "filter 3" not in explorer.detail.title.value
    explorer.facts._reader.finish()
    assert "conv1 · filter 3" in explorer.detail.title.value
    np.testing.assert_array_equal(
        np.frombuffer(explorer.detail.map.values, "<f4").reshape(explorer.detail.map.values_shape),
        other.activations(image, "conv1")[..., 3],
    )


def test_what_is_silent_on_one_image_is_not_struck_in_the_tiles_of_another(image):
    network = small_network(seed=3)
    kernel, bias = network.layer("conv1").layer.get_weights()
    kernel[..., 2], bias[2] = -np.abs(kernel[..., 2]), 0.5  # silent unless the image is black
    network.layer("conv1").layer.set_weights([kernel, bias])
    explorer = late(ActivationExplorer, network, image, READER)
    assert explorer.tiles.live_image.struck == [2]
    explorer.session.image = np.zeros((32, 32, 3))
    assert explorer.tiles.live_image.struck == []


# ---- Tiles, maps and pictures of a network that is there no more


def test_a_tile_of_a_network_is_no_target_of_another(network, image):
    session = Session(network, image, runner=ByHand(held=1))
    view = LiveView(session)
    session.update(method=late(ActivationExplorer, network, image).session.method, layer="conv2")
    session.runner.finish()
    session.open(small_network("second", seed=1))
    view.live_image.selected = 3
    assert session.target is None


def test_a_class_has_the_probability_of_the_network_that_was_asked(network, image):
    session = Session(network, image, runner=ByHand(held=OWN_SESSION))
    explorer = CAMExplorer(session=session)
    explorer.session.runner.finish()
    explorer.mode.value = "classes"
    explorer.session.runner.finish()
    before = [panel.picture.title for panel in explorer.panels.panels]
    session.open(small_network("two", classes=["left", "right"], seed=3))
    explorer.session.runner.step()  # its probabilities are known, its maps are not
    explorer.panels.scale.value = "own"
    assert explorer.session.status == "running", explorer.session.message
    assert [panel.picture.title for panel in explorer.panels.panels] == before


def test_what_is_said_of_the_classes_goes_with_their_network(network, image):
    session = Session(network, image, runner=ByHand(held=1))
    session.runner.finish()
    assert session.probabilities is not None
    session.open(small_network("second", seed=1))
    assert session.probabilities is None
    session.runner.finish()
    assert session.probabilities is not None


def test_a_picture_picked_for_one_network_is_not_picked_for_another(network):
    def both(settings):
        return tuple(replace(settings, target=Target(index)) for index in (0, 1))

    session = Session(network, method=QUICK, runner=Inline(), variants=both)
    pictures = MaximalActivationGallery(session)
    pictures.grid.selected = 0
    assert pictures.shown.request.target == Target(0)
    session.open(small_network("second", seed=1))
    assert pictures.grid.selected == -1


# ---- Controls of what is there no more


def test_a_slider_of_one_method_does_not_move_a_parameter_of_another(session):
    session.method = Occlusion(window=8, stride=8)
    controls = ParameterControls(session)
    slider = controls.of_parameter["stride"]
    session.method = SmoothGrad()
    slider.value = 4
    assert (session.method, session.status) == (SmoothGrad(), "done")
    session.method = Occlusion(window=8, stride=8)
    slider.value = 2
    assert session.method == Occlusion(window=8, stride=8)


def test_a_slider_over_the_layers_of_one_network_chooses_none_of_another(network, image, monkeypatch):
    monkeypatch.setattr("cnnviz_widgets.session.LatestWins", Inline)
    explorer = CAMExplorer(network, image)
    slider = explorer.layer_slider.slider
    explorer.session.open(Network(KINDS["relu_activation"].build(), value_range=(0, 1)))
    slider.value = 0
    assert explorer.session.layer is None


# ---- Covering by hand


def test_by_hand_the_image_is_shown_in_the_range_of_its_own_network(network, image):
    session = Session(network, image, runner=Inline())
    by_hand = OcclusionByHand(session)
    wide = Network(network.model, class_names=network.class_names, value_range=(0, 1000))
    session.open(wide)
    session.image = image
    assert by_hand.widget.image == image.rgb((0, 1000)).tobytes()


def test_pointing_at_the_map_of_one_image_covers_nothing_of_another(network, image):
    explorer = OcclusionExplorer(
        session=Session(network, image, runner=ByHand(held=OWN_SESSION)), method=Occlusion(window=8, stride=8)
    )
    explorer.session.runner.finish()
    explorer.session.image = np.full((32, 32, 3), 9.0)
    explorer.heat_map.live_image.hovered = [0, 3, 3]
    assert explorer.by_hand.widget.rectangle == []
    explorer.session.runner.finish()
    explorer.heat_map.live_image.hovered = [0, 2, 2]
    assert explorer.by_hand.widget.rectangle == [0, 0, 8, 8]


# ---- A line, and how the weights of its network are destroyed


def test_a_line_is_measured_as_it_was_begun(network, image):
    explorer = SanityExplorer(session=Session(network, image, method=GradCAM(), runner=ByHand(held=3)))
    measurement = explorer.similarity.measurement
    explorer._choice = (1, 7, True)  # the person has chosen on; the line goes its way until the session has answered
    measurement.runner.step(5)
    ((_, _, line),) = explorer.similarity.lines
    again = SanityExplorer(session=Session(network, image, method=GradCAM(), runner=Inline()))
    ((_, _, wanted),) = again.similarity.lines
    np.testing.assert_array_equal(line.values("spearman"), wanted.values("spearman"))
