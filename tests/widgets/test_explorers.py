from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from kinds import KINDS
from quick import OF_CONVOLUTIONS

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.methods.attention_rollout import AttentionRollout
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.gradient_weighted_rollout import GradientWeightedRollout
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.methods.raw_attention import RawAttention
from cnnviz_widgets.methods.score_cam import ScoreCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.architecture_explorer import ArchitectureExplorer
from cnnviz_widgets.widgets.explorers.explorer import Explorer
from cnnviz_widgets.widgets.front.pick_list import NOTHING
from cnnviz_widgets.widgets.parts.live_view import alt_text


def shown(explorer):
    view = explorer.live_view.live_image
    return np.frombuffer(view.values, "<f4").reshape(view.values_shape)


MAKES_PICTURES = (MaximalActivation,)


@pytest.mark.parametrize(
    "method", [each for each in OF_CONVOLUTIONS if each not in MAKES_PICTURES], ids=lambda method: method.__name__
)
def test_the_live_view_holds_the_raw_numbers_of_every_method(session, method):
    explorer = Explorer(session=session)
    session.choose_method(method)
    view = explorer.live_view.live_image
    np.testing.assert_array_equal(shown(explorer), session.result.array)
    assert (view.signed, view.unit) == (session.result.signed, session.result.unit)
    assert view.title == session.result.request.caption
    assert not view.dimmed
    assert not view.busy


@pytest.mark.parametrize("method", MAKES_PICTURES)
def test_the_live_view_shows_the_picture_that_a_method_makes(session, method):
    explorer = Explorer(session=session)
    session.method = replace(method.suited_to(32), steps=3)
    view = explorer.live_view.live_image
    expected = InputImage(session.result.array).rgb(session.network.value_range)
    np.testing.assert_array_equal(np.frombuffer(view.image, np.uint8).reshape(32, 32, 3), expected)
    assert view.title == session.result.request.caption


@pytest.mark.parametrize("method", OF_CONVOLUTIONS, ids=lambda method: method.__name__)
def test_the_figure_shows_every_method(session, method):
    explorer = Explorer(session=session)
    explorer.figure.show(True)
    session.choose_method(method)
    explorer.figure.figure.canvas.draw()
    images = [image for axes in explorer.figure.figure.axes for image in axes.get_images()]
    assert images


@pytest.fixture
def transformer():
    network = Network(KINDS["vision_transformer_with_a_class_token"].build(), value_range=(0, 1))
    return Session(network, np.random.default_rng(0).uniform(0, 1, (12, 12, 3)), runner=Inline())


@pytest.mark.parametrize("method", [AttentionRollout, GradientWeightedRollout, RawAttention])
def test_the_live_view_holds_attention_of_a_transformer(transformer, method):
    explorer = Explorer(session=transformer)
    transformer.choose_method(method)
    assert transformer.status == "done", transformer.message
    np.testing.assert_array_equal(shown(explorer), transformer.result.array)


def test_the_layers_of_raw_attention_are_the_attentions_and_its_heads_end_with_the_layer_s(transformer):
    explorer = Explorer(session=transformer)
    transformer.choose_method(RawAttention)
    assert explorer.layer_picker.list.names == ["attention in block1_attention", "attention in block2_attention"]
    explorer.layer_picker.list.selected = 0
    assert transformer.result.request.layer == "attention in block1_attention"
    controls = {control.description: control for control in explorer.controls.widget.children}
    assert controls["head"].max == 1
    assert explorer.target_picker.channel.disabled  # a key of attention is no channel


def test_a_network_without_attention_says_what_the_method_needs(session):
    session.choose_method(AttentionRollout)
    assert session.status == "failed"
    assert "needs self-attention among the same tokens" in session.message


def test_the_figure_is_made_when_asked_for_and_the_backend_stays(session):
    before = matplotlib.get_backend()
    explorer = Explorer(session=session)
    assert explorer.figure.figure is None
    explorer.figure.show(True)
    assert explorer.figure.figure is not None
    assert matplotlib.get_backend() == before


def test_two_explorers_on_one_session_are_linked(session):
    one, other = Explorer(session=session), Explorer(session=session)
    one.target_picker.list.selected = 2
    np.testing.assert_array_equal(shown(one), shown(other))
    assert other.target_picker.list.selected == 2


def test_two_sessions_are_not_linked(network, image):
    one = Explorer(session=Session(network, image, runner=Inline()))
    other = Explorer(session=Session(network, image, runner=Inline()))
    one.session.target = Target(1)
    assert other.session.target is None


def test_several_layers_are_shown_as_one_map_and_no_single_one_is_picked(session):
    explorer, architecture = Explorer(session=session), ArchitectureExplorer(session=session)
    layers = ("conv1", "conv2")
    for method in (GradCAM(), ScoreCAM()):
        session.update(method=method, layer=layers)
        assert (session.status, session.message) == ("done", "")
        assert session.result.request.layer == layers
        np.testing.assert_array_equal(shown(explorer), session.result.array)
        assert explorer.layer_picker.list.selected == NOTHING
        assert explorer.target_picker.channel.disabled
        assert architecture.view.diagram.selected == ""
    session.choose_method(Activations)  # which takes one layer
    assert session.layer is None
    assert session.status == "done"


def test_a_failed_request_dims_the_last_good_picture_and_says_why(session):
    explorer = Explorer(session=session)
    picture = shown(explorer)
    session.layer = "no_such_layer"
    assert explorer.live_view.live_image.dimmed
    np.testing.assert_array_equal(shown(explorer), picture)
    assert "no_such_layer" in explorer.status.message.value
    session.layer = None
    assert not explorer.live_view.live_image.dimmed


def test_picking_a_tile_makes_its_channel_the_target(session):
    explorer = Explorer(session=session)
    session.update(method=Activations(order="strongest first"), layer="conv1")
    name = session.result.names[2]
    explorer.live_view.live_image.selected = 2
    assert session.target == Target("conv1", int(name.split()[-1]))
    session.choose_method(Gradient)
    assert session.result.request.target.layer == "conv1"


def test_a_filter_is_a_channel_of_its_layer(session):
    explorer = Explorer(session=session)
    session.choose_method(Filters)
    explorer.live_view.live_image.selected = 1
    assert session.target == Target("conv1", 1)


def test_back_returns_to_the_picture_before(session):
    explorer = Explorer(session=session)
    first = session.settings
    assert explorer.status.back.disabled
    session.choose_method(Gradient)
    session.target = Target(2)
    assert not explorer.status.back.disabled
    explorer.status.back.click()
    assert session.target is None
    explorer.status.back.click()
    assert session.settings == first
    assert explorer.status.back.disabled
    explorer.status.back.click()  # there is nothing before: stays
    assert session.settings == first


def test_the_class_map_names_the_classes_that_win(session):
    explorer = Explorer(session=session)
    session.choose_method(Occlusion)
    explorer.live_view.choice.value = "classes"
    names = [category["name"] for category in explorer.live_view.live_image.categories]
    winners = {session.network.class_names[index] for index in np.unique(session.result.class_map)}
    assert set(names) == winners
    np.testing.assert_array_equal(
        np.array(names)[shown(explorer).astype(int)],
        np.array(session.network.class_names)[session.result.class_map],
    )


def test_the_notes_stand_beside_the_picture_and_are_escaped(session):
    explorer = Explorer(session=session)
    session.update(method=GradCAM(), layer="conv1", target=1)
    session.method = Gradient(relu="guided")
    text = explorer.status.notes.value
    assert "ReLUs were rewritten" in text
    assert "<img" not in text


def test_a_screen_reader_hears_where_the_map_is_highest(session):
    session.choose_method(GradCAM)
    assert alt_text(session.result).startswith(session.result.request.caption)
    assert "from the top" in alt_text(session.result)


def test_a_closed_explorer_follows_its_session_no_more(session):
    explorer = Explorer(session=session)
    before = shown(explorer)
    explorer.close()
    session.choose_method(Gradient)
    np.testing.assert_array_equal(shown(explorer), before)


def test_a_path_opens_as_image_and_a_method_class_as_method(network, tmp_path):
    from PIL import Image

    Image.new("RGB", (50, 50), "green").save(tmp_path / "leaf.png")
    explorer = Explorer(network, tmp_path / "leaf.png", method=Gradient)
    assert explorer.session.image.name == "leaf"
    assert isinstance(explorer.session.method, Gradient)
    explorer.session.close()


def test_a_bad_target_is_told_on_the_page_not_raised(network, image):
    explorer = Explorer(session=Session(network, image, target=99, runner=Inline()))
    assert explorer.session.status == "failed"
    assert "99" in explorer.status.message.value
