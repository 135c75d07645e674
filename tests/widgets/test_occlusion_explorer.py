import numpy as np
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.occlusion_explorer import OcclusionExplorer

SIDE_BY_SIDE = Occlusion(window=8, stride=8, fill="white")  # every pixel in one window: the map is the drops


@pytest.fixture
def explorer(network, image):
    return OcclusionExplorer(session=Session(network, image, runner=Inline()), method=SIDE_BY_SIDE)


def point(view, row, column, trait="hovered"):
    """What a browser sends when somebody points at a pixel of a map, or clicks it."""
    view.live_image.set_state({trait: [0, row, column]})


def leave(view):
    view.live_image.set_state({"hovered": []})


def numbers(view):
    return np.frombuffer(view.live_image.values, "<f4").reshape(view.live_image.values_shape)


def test_heat_map_and_class_map_show_one_result(explorer):
    result = explorer.result
    np.testing.assert_array_equal(numbers(explorer.heat_map), result.array)
    names = [category["name"] for category in explorer.class_map.live_image.categories]
    winners = np.array(explorer.session.network.class_names)[result.class_map]
    np.testing.assert_array_equal(np.array(names)[numbers(explorer.class_map).astype(int)], winners)
    assert result.request.caption in explorer.pictures.caption.value


@pytest.mark.parametrize("which", ["heat_map", "class_map"])
@pytest.mark.parametrize("pixel", [(0, 0), (13, 21), (31, 31)])
def test_pointing_at_a_map_covers_its_window_and_finds_the_same_drop(explorer, which, pixel):
    row, column = pixel
    point(getattr(explorer, which), row, column)
    widget, network = explorer.by_hand.widget, explorer.session.network
    top, left = row // 8 * 8, column // 8 * 8
    assert widget.rectangle == [top, left, 8, 8]
    assert widget.fill == "white"
    assert f"Window at row {top}, column {left}." in widget.caption
    covered = explorer.session.image.array.copy()
    covered[top : top + 8, left : left + 8] = 255
    target = explorer.result.request.target.index
    drop = network.logits(explorer.session.image)[target] - network.logits(covered)[target]
    assert explorer.result.array[pixel] == pytest.approx(drop, abs=1e-5)
    assert f"logit {'drop' if drop >= 0 else 'rise'} {abs(drop):.2f}" in widget.caption
    assert widget.bars[0]["now"] == pytest.approx(network.probabilities(covered)[target], abs=1e-6)


def test_when_the_pointer_leaves_the_persons_own_rectangle_is_back(explorer):
    widget = explorer.by_hand.widget
    widget.set_state({"rectangle": [1, 2, 3, 4], "fill": "black", "asked": 1})
    caption = widget.caption
    point(explorer.heat_map, 13, 21)
    assert (widget.rectangle, widget.fill) != ([1, 2, 3, 4], "black")
    leave(explorer.heat_map)
    assert (widget.rectangle, widget.fill, widget.caption) == ([1, 2, 3, 4], "black", caption)


def test_a_click_keeps_the_window_when_the_pointer_leaves(explorer):
    point(explorer.class_map, 13, 21)
    point(explorer.class_map, 13, 21, "clicked")
    leave(explorer.class_map)
    assert explorer.by_hand.widget.rectangle == [8, 16, 8, 8]
    explorer.by_hand.widget.set_state({"rectangle": [], "asked": 1})
    assert explorer.by_hand.widget.window == []


def test_with_a_surround_the_area_is_covered_and_the_window_marked_in_its_middle(explorer):
    explorer.session.method = Occlusion(window=4, stride=4, surround=3)
    point(explorer.heat_map, 17, 17)
    assert explorer.by_hand.widget.rectangle == [12, 12, 12, 12]
    assert explorer.by_hand.widget.window == [16, 16, 4, 4]
    point(explorer.heat_map, 0, 0)
    assert explorer.by_hand.widget.rectangle == [0, 0, 8, 8]
    leave(explorer.heat_map)
    assert explorer.by_hand.widget.window == []


def test_the_article_is_a_preset_away(explorer):
    explorer.controls.presets.value = "article"
    assert explorer.session.method == Occlusion(5, 5, surround=5, score="probability")
    assert explorer.result.unit == "drop in probability"


def test_without_a_method_it_begins_with_what_suits_the_network(network, image):
    explorer = OcclusionExplorer(network, image)
    assert explorer.session.method == Occlusion.suited_to(32)
    explorer.session.close()
    explorer.close()


def test_a_session_of_another_method_keeps_it_and_the_explorer_has_its_own(network, image):
    session = Session(network, image, method=GradCAM(), runner=Inline())
    explorer = OcclusionExplorer(session=session)
    assert isinstance(session.method, GradCAM)
    assert isinstance(explorer.result.request.method, Occlusion)
    explorer.target_picker.list.selected = 2
    assert session.target == Target(2)


def test_a_map_that_is_no_occlusion_has_no_windows_to_point_at(explorer):
    explorer.session.choose_method(GradCAM)
    point(explorer.heat_map, 0, 0)
    assert explorer.by_hand.widget.rectangle == []
    assert explorer.session.status == "done"


def test_a_refusal_is_told_and_the_maps_stay(explorer):
    before = numbers(explorer.heat_map)
    explorer.session.method = Occlusion(window=40, stride=4)
    assert "window must fit in the image" in explorer.status.message.value
    np.testing.assert_array_equal(numbers(explorer.heat_map), before)
    point(explorer.heat_map, 13, 21)  # of the map that is shown
    assert explorer.by_hand.widget.rectangle == [8, 16, 8, 8]


def test_a_closed_explorer_answers_no_more(explorer):
    explorer.close()
    before = explorer.by_hand.widget.bars
    explorer.session.target = 2
    assert explorer.by_hand.widget.bars == before
