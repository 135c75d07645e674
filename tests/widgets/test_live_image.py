"""LiveImage without a browser: what is sent, what is refused, what a browser may write."""

import math

import numpy as np
import pytest
from traitlets import TraitError

from cnnviz_widgets.core.colours import COLORMAPS, LUT_ENTRIES, lookup_table
from cnnviz_widgets.widgets.front.live_image import LiveImage, lookup_tables

MAP = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def view():
    return LiveImage()


@pytest.fixture
def sent(view, monkeypatch):
    """Every state that is sent to the browser from here on, as a set of trait names."""
    messages = []
    monkeypatch.setattr(view, "_send", lambda message, buffers=None: messages.append(message))
    return messages


def names_in(message):
    return set(message["state"]) | {path[0] for path in message["buffer_paths"]}


def values_of(view):
    return np.frombuffer(view.values, "<f4").reshape(view.values_shape)


def test_one_call_is_one_message(view, sent):
    view.show_map(MAP, signed=True, unit="logit", title="a map")
    assert len(sent) == 1
    assert {"values", "values_shape", "signed", "unit", "title", "limits", "colormap"} <= names_in(sent[0])


def test_image_and_map_can_share_a_message(view, sent):
    with view.hold_sync():
        view.show_image(np.zeros((4, 4, 3), np.uint8))
        view.show_map(MAP)
    assert len(sent) == 1
    assert {"image", "values"} <= names_in(sent[0])


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_grey_and_color_images_are_sent_as_rgb_rows_from_the_top(view, shape):
    pixels = np.arange(math.prod(shape)).astype(np.uint8).reshape(shape)
    view.show_image(pixels)
    expected = np.broadcast_to(pixels.reshape(5, 4, -1), (5, 4, 3))
    assert np.array_equal(np.frombuffer(view.image, np.uint8).reshape(5, 4, 3), expected)
    assert view.image_shape == [5, 4]


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)])
def test_an_image_that_is_not_uint8_rgb_is_refused_and_the_old_one_stays(view, bad):
    view.show_image(np.ones((2, 2), np.uint8))
    with pytest.raises(ValueError, match=r"A base image is uint8 .* Received:"):
        view.show_image(bad)
    assert view.image_shape == [2, 2]


def test_values_of_any_kind_arrive_as_little_endian_float32(view):
    for values in (MAP.astype(">f8"), MAP.astype(int), MAP[::-1].copy()[::-1], np.asfortranarray(MAP)):
        view.show_map(values)
        assert np.array_equal(values_of(view), MAP.astype(np.float32))


def test_a_color_map_is_one_tile_over_the_image(view):
    view.show_map(np.zeros((5, 4, 3)), signed=True)
    assert view.values_shape == [1, 5, 4, 3]
    assert view.on_image


@pytest.mark.parametrize(
    ("signed", "values", "expected"),
    [
        (False, [[1, 3]], [0, 3]),
        (False, [[-1, 3]], [-1, 3]),
        (True, [[-1, 3]], [-3, 3]),
        (True, [[-4, 3]], [-4, 4]),
        (False, [[np.nan, 2]], [0, 2]),
        (False, [[np.nan, np.inf]], [0, 0]),
    ],
)
def test_limits_that_are_not_given_hold_zero_and_every_finite_value(view, signed, values, expected):
    view.show_map(np.array(values, float), signed=signed)
    assert view.limits == expected


@pytest.mark.parametrize("limits", [(1, 0), (0, math.nan), (-math.inf, 0)])
def test_limits_without_a_range_are_refused(view, limits):
    with pytest.raises(ValueError, match="Limits are two finite numbers"):
        view.show_map(MAP, limits=limits)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (0, 3)])
def test_a_map_of_another_shape_is_refused_and_the_old_one_stays(view, shape):
    view.show_map(MAP, title="old")
    with pytest.raises(ValueError, match="Received: "):
        view.show_map(np.zeros(shape), title="new")
    assert (view.values_shape, view.title) == ([2, 3], "old")


@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 4, 2), (2, 2, 2, 2, 3)])
def test_tiles_of_another_shape_are_refused(view, shape):
    with pytest.raises(ValueError, match="Tiles have the shape"):
        view.show_tiles(np.zeros(shape))


def test_names_must_be_as_many_as_tiles(view):
    with pytest.raises(ValueError, match=r"equally many \(3\). Received: 2"):
        view.show_tiles(np.zeros((3, 2, 2)), ["a", "b"])


def test_an_open_tile_stays_open_while_the_names_stay(view):
    view.show_tiles(np.zeros((3, 2, 2)), ["a", "b", "c"])
    view.selected = 1
    view.show_tiles(np.ones((3, 2, 2)), ["a", "b", "c"])
    assert view.selected == 1
    view.show_tiles(np.ones((3, 2, 2)), ["d", "e", "f"])
    assert view.selected == -1


def test_categories_are_indices_with_names_and_colors(view):
    view.show_categories(np.array([[0, 1]]), ["cat", "dog"])
    assert [c["name"] for c in view.categories] == ["cat", "dog"]
    view.show_categories(np.array([[0, 1]]), ["cat", "dog"], colors=["#000000", "#ffffff"])
    assert view.categories[1] == {"name": "dog", "color": "#ffffff"}


def test_a_thousand_categories_have_colors_of_their_own(view):
    view.show_categories(np.zeros((1, 1)), [str(k) for k in range(1000)])
    colors = [c["color"] for c in view.categories]
    assert all(len(color) == 7 for color in colors)
    assert len(set(colors[:40])) == 40


def test_a_map_after_categories_has_no_names_left(view):
    view.show_categories(np.array([[0, 1]]), ["cat", "dog"])
    view.show_map(MAP)
    assert view.categories == []


def test_clearing_leaves_the_image(view):
    view.show_image(np.ones((2, 2), np.uint8))
    view.show_tiles(np.zeros((3, 2, 2)), selected=1)
    view.clear()
    assert (view.values_shape, view.selected, view.image_shape) == ([], -1, [2, 2])


def test_a_new_picture_is_neither_dimmed_nor_busy(view):
    view.dimmed = view.busy = True
    view.show_map(MAP)
    assert not view.dimmed
    assert not view.busy


def test_each_family_remembers_its_color_map(view):
    view.colormap = "magma"
    view.show_map(MAP, signed=True)
    assert view.colormap == "RdBu_r"
    view.colormap = "bwr"
    view.show_map(MAP)
    assert view.colormap == "magma"
    view.show_map(MAP, signed=True)
    assert view.colormap == "bwr"


def test_a_color_map_of_the_other_family_is_refused(view):
    with pytest.raises(TraitError, match="Colour maps that fit: viridis"):
        view.colormap = "bwr"


def test_the_browser_gets_the_tables_in_the_order_of_the_names():
    names = [name for family in COLORMAPS.values() for name in family]
    tables = np.frombuffer(lookup_tables(), np.uint8).reshape(len(names), LUT_ENTRIES, 3)
    for name, table in zip(names, tables, strict=True):
        np.testing.assert_array_equal(table, lookup_table(name), err_msg=name)


@pytest.mark.parametrize(
    ("name", "wild", "held"),
    [
        ("opacity", 1e9, 1),
        ("opacity", -1, 0),
        ("saturation", 0, 0.01),
        ("saturation", math.inf, 100),
        ("zoom", 1e9, 32),
        ("zoom", 0, 1),
        ("center", [-5, 7], [0, 1]),
        ("selected", 10**12, -1),
        ("selected", -7, -1),
    ],
)
def test_numbers_from_a_browser_are_held_within_bounds(view, name, wild, held):
    view.set_state({name: wild})
    assert getattr(view, name) == held


@pytest.mark.parametrize(
    ("name", "wild"),
    [
        ("opacity", "x"),
        ("opacity", None),
        ("opacity", math.nan),
        ("colormap", "bwr"),
        ("colormap", "../../etc"),
        ("show", "everything"),
        ("smooth", "yes"),
        ("center", [1]),
        ("center", ["a", "b"]),
        ("selected", 0.5),
    ],
)
def test_nonsense_from_a_browser_changes_nothing_and_is_answered_with_the_truth(view, sent, name, wild):
    before = getattr(view, name)
    view.set_state({name: wild})
    assert getattr(view, name) == before
    assert sent[-1]["state"][name] == before


@pytest.mark.parametrize("name", ["values", "image", "limits", "title", "luts", "categories", "_esm", "_view_name"])
def test_a_browser_cannot_write_what_python_shows(view, name):
    before = getattr(view, name)
    view.set_state({name: "other"})
    assert getattr(view, name) == before


def test_what_a_browser_may_write_arrives(view):
    view.set_state({"opacity": 0.25, "show": "map", "smooth": False, "fade": True, "zoom": 2, "center": [0.25, 0.5]})
    assert (view.opacity, view.show, view.smooth, view.fade, view.zoom) == (0.25, "map", False, True, 2)
    assert view.center == [0.25, 0.5]


def test_a_click_is_believed_only_where_there_is_a_cell(view):
    view.show_tiles(np.zeros((3, 4, 5)))
    view.set_state({"clicked": [2, 3, 4]})
    assert view.clicked == [2, 3, 4]
    for wrong in ([3, 0, 0], [0, 4, 0], [0, 0, 5], [0, -1, 0], [1, 2], ["a", 0, 0]):
        view.set_state({"clicked": wrong})
        assert view.clicked == [2, 3, 4]


def test_without_a_map_a_click_names_a_pixel_of_the_image(view):
    view.show_image(np.ones((6, 7), np.uint8))
    view.clicked = [-1, 5, 6]
    with pytest.raises(TraitError, match="A cell is"):
        view.clicked = [0, 5, 6]


def test_a_click_is_forgotten_with_the_tiles_that_it_pointed_at_and_kept_while_they_stay(view):
    view.show_tiles(np.zeros((3, 4, 5)), ["a", "b", "c"])
    view.clicked = [2, 3, 4]
    view.show_tiles(np.ones((3, 4, 5)), ["a", "b", "c"])
    assert view.clicked == [2, 3, 4]
    view.show_tiles(np.ones((3, 4, 5)), ["b", "c", "a"])
    assert view.clicked == []


def test_a_box_is_four_numbers_that_a_browser_cannot_set(view):
    view.set_state({"box": [0, 0, 1, 1]})
    assert view.box == []
    with pytest.raises(TraitError, match="box is"):
        view.box = [0, 0, 1]
