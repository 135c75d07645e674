"""Places of boxes and lines, worked out by hand where that is possible; and what the widget does with groups."""

from dataclasses import replace
from itertools import combinations, pairwise

import pytest

from cnnviz_widgets.anatomy.anatomy import Anatomy, LayerStructure
from cnnviz_widgets.anatomy.grouping import Group, layers_in
from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.widgets.charts.diagram_layout import layered
from cnnviz_widgets.widgets.charts.diagram_scene import groups_around, scene, shortened, without_steps
from cnnviz_widgets.widgets.front.diagram import Diagram

BOX = (100, 40)


def facts(path, *inputs, kind="Conv2D", parameters=10):
    info = LayerInfo(path, kind, (8, 8, 4), parameters, None)
    return LayerStructure(info, inputs, parameters, 0, 100, (3, 3), (1, 1), (1, 1), "same", 1, "linear", None)


def network(members, layers, containers=()):
    return Anatomy(tuple(layers), tuple(containers), tuple(members), 10 * len(layers), 0, 100 * len(layers))


@pytest.fixture
def residual():
    """stem -> block(one -> norm -> two, with a skip; add) -> head, and a closed group inside of the block."""
    layers = [
        facts("stem", ""),
        facts("one", "stem"),
        facts("norm", "one", kind="BatchNormalization"),
        facts("two", "norm"),
        facts("three", "two"),
        facts("add", "stem", "three", kind="Add"),
        facts("head", "add", kind="Dense"),
    ]
    block = Group("block*", "block", ("one", "norm", Group("deep*", "deep", ("two", "three")), "add"))
    return network(("stem", block, "head"), layers)


def boxes(drawn):
    return {box["path"]: box for box in (*drawn["nodes"], *drawn["boxes"])}


def apart(one, other):
    return (
        one["x"] + one["width"] <= other["x"]
        or other["x"] + other["width"] <= one["x"]
        or one["y"] + one["height"] <= other["y"] + 0.2  # hanging layers touch; places are rounded
        or other["y"] + other["height"] <= one["y"] + 0.2
    )


def chain(*names):
    return dict.fromkeys(names, BOX), list(pairwise(names))


# ---- Layout


def test_a_chain_is_a_straight_column_in_order():
    layout = layered(*chain("a", "b", "c"))
    assert [layout.corners[name][0] for name in "abc"] == pytest.approx([0, 0, 0])
    tops = [layout.corners[name][1] for name in "abc"]
    assert tops == sorted(tops)
    assert layout.width == pytest.approx(100)
    assert layout.height == pytest.approx(tops[2] + 40)


def test_branches_stand_side_by_side_and_their_merge_below_between_them():
    sizes, _ = chain("a", "b", "c", "d")
    layout = layered(sizes, [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])
    (bx, by), (cx, cy) = layout.corners["b"], layout.corners["c"]
    assert by == cy
    assert abs(bx - cx) >= 100
    assert layout.corners["a"][0] == pytest.approx((bx + cx) / 2, abs=2)
    assert layout.corners["d"][0] == pytest.approx((bx + cx) / 2, abs=2)


def test_a_skip_bends_around_what_it_passes():
    sizes, edges = chain("a", "b", "c", "d")
    layout = layered(sizes, [*edges, ("a", "d")])
    for name in ("b", "c"):
        left, top = layout.corners[name]
        for x, y in layout.routes["a", "d"]:
            assert not (left < x < left + 100 and top < y < top + 40)


def test_crossings_that_can_be_avoided_are():
    sizes = dict.fromkeys(["a", "left", "right", "far", "near"], BOX)
    layout = layered(sizes, [("a", "left"), ("a", "right"), ("right", "far"), ("left", "near")])
    x = {name: corner[0] for name, corner in layout.corners.items()}
    assert (x["left"] < x["right"]) == (x["near"] < x["far"])


def test_an_edge_against_the_order_is_drawn_upwards():
    sizes, edges = chain("a", "b", "c")
    route = layered(sizes, [*edges, ("c", "a")]).routes["c", "a"]
    assert route[0][1] > route[-1][1]


def test_boxes_of_any_size_never_overlap_and_lines_end_at_their_boxes():
    sizes = {n: (60 + 37 * n % 90, 20 + 13 * n % 50) for n in range(40)}
    edges = [(n * 7 % m, m) for m in range(1, 40) for n in range(1 + m % 3)]
    layout = layered(sizes, edges)
    placed = {n: {"x": x, "y": y, "width": sizes[n][0], "height": sizes[n][1]} for n, (x, y) in layout.corners.items()}
    assert all(apart(placed[a], placed[b]) for a, b in combinations(placed, 2))
    for (one, other), route in layout.routes.items():
        (x0, y0), (x1, y1) = route[0], route[-1]
        assert y0 == pytest.approx(placed[one]["y"] + placed[one]["height"])
        assert y1 == pytest.approx(placed[other]["y"])
        assert placed[one]["x"] <= x0 <= placed[one]["x"] + placed[one]["width"]
        assert placed[other]["x"] <= x1 <= placed[other]["x"] + placed[other]["width"]


# ---- Scene


def test_a_closed_group_is_one_box_that_says_what_is_inside(residual):
    drawn = scene(residual, [])
    assert [node["path"] for node in drawn["nodes"]] == ["", "stem", "head", "block*"]
    block = boxes(drawn)["block*"]
    assert block["group"]
    assert "5 layers" in block["detail"]
    assert {(edge["from"], edge["to"]) for edge in drawn["edges"]} == {
        ("", "stem"),
        ("stem", "block*"),
        ("block*", "head"),
    }


def test_an_open_group_holds_its_layers_and_lines_go_on_through_its_frame(residual):
    drawn = scene(residual, ["block*", "deep*"])
    placed = boxes(drawn)
    frame = placed["block*"]
    for path in ("one", "two", "add", "deep*"):
        assert frame["x"] <= placed[path]["x"]
        assert placed[path]["x"] + placed[path]["width"] <= frame["x"] + frame["width"]
        assert frame["y"] < placed[path]["y"]
        assert placed[path]["y"] + placed[path]["height"] < frame["y"] + frame["height"]
    ends = {(edge["from"], edge["to"]): (edge["points"], edge["arrow"]) for edge in drawn["edges"]}
    outside, arrow = ends["stem", "block*"]
    inside, inner_arrow = ends["stem", "one"]
    assert outside[-1] == pytest.approx(inside[0], abs=0.2)
    assert not arrow
    assert inner_arrow
    leaving, going_on = ends["add", "add"][0], ends["block*", "head"][0]
    assert leaving[-1] == pytest.approx(going_on[0], abs=0.2)


def test_a_layer_that_carries_on_hangs_below_the_one_it_takes(residual):
    placed = boxes(scene(residual, ["block*"]))
    one, norm = placed["one"], placed["norm"]
    assert (norm["x"], norm["width"]) == (one["x"], one["width"])
    assert norm["y"] == pytest.approx(one["y"] + one["height"], abs=0.2)


def test_a_value_that_somebody_else_takes_too_keeps_its_own_box():
    layers = [facts("conv", ""), facts("norm", "conv", kind="BatchNormalization"), facts("add", "conv", "norm")]
    placed = boxes(scene(network(["conv", "norm", "add"], layers), []))
    assert placed["norm"]["y"] > placed["conv"]["y"] + placed["conv"]["height"] + 1


def test_every_layer_is_somewhere_and_no_two_boxes_overlap(residual):
    everything = [*groups_around(residual)]
    drawn = scene(residual, everything)
    assert {node["path"] for node in drawn["nodes"]} == {"", *layers_in(residual.members)}
    assert all(apart(one, other) for one, other in combinations(drawn["nodes"], 2))


def test_a_group_that_feeds_back_into_a_layer_between_its_own_is_drawn_all_the_same():
    layers = [facts("a", ""), facts("b", "a"), facts("c", "b")]
    drawn = scene(network([Group("ends*", "ends", ("a", "c")), "b"], layers), ["ends*"])
    assert {node["path"] for node in drawn["nodes"]} == {"", "a", "b", "c"}


def test_a_convolution_with_its_normalisation_needs_no_group_of_its_own():
    layers = [facts("conv", ""), facts("norm", "conv", kind="BatchNormalization"), facts("other", "norm")]
    step, base = Group("conv*", "conv", ("conv", "norm")), Group("base", "base", ("other",))
    assert without_steps(network([step, base], layers)).members == ("conv", "norm", base)


def test_what_hangs_below_says_only_what_is_new_in_its_name():
    first, second = "conv2_block1_1_conv_with_words", "conv2_block1_1_bn_with_words"
    drawn = scene(network([first, second], [facts(first, ""), facts(second, first, kind="BatchNormalization")]), [])
    placed = boxes(drawn)
    assert placed[second]["title"].startswith("…bn_")
    assert placed[second]["detail"] == "BatchNorm"


def test_a_long_name_keeps_its_ends():
    assert shortened("batch_normalization_12", 12) == "batch…ion_12"
    assert shortened("conv1", 12) == "conv1"


# ---- Widget


@pytest.fixture
def diagram(residual):
    shown = Diagram()
    shown.show_anatomy(residual, "small")
    shown.opened = []
    return shown


def paths(diagram):
    return {node["path"] for node in diagram.scene["nodes"]}


def test_a_small_network_is_open_at_first(residual):
    shown = Diagram()
    shown.show_anatomy(residual)
    assert set(shown.opened) == {"block*", "deep*"}


def test_a_large_one_begins_with_its_groups_closed():
    layers = [facts(f"conv{n}", f"conv{n - 1}" if n else "") for n in range(60)]
    groups = [Group(f"g{n}*", f"g{n}", tuple(f"conv{m}" for m in range(10 * n, 10 * n + 10))) for n in range(6)]
    shown = Diagram()
    shown.show_anatomy(network(groups, layers))
    assert shown.opened == []
    assert len(paths(shown)) == 7


def test_picking_a_layer_opens_what_is_around_it_and_closes_that_again_for_the_next(diagram):
    diagram.selected = "three"
    assert set(diagram.opened) == {"block*", "deep*"}
    diagram.selected = "one"
    assert diagram.opened == ["block*"]
    diagram.selected = "head"
    assert diagram.opened == []


def test_what_a_person_opened_stays_open(diagram):
    diagram.opened = ["block*"]
    diagram.selected = "three"
    diagram.selected = "head"
    assert diagram.opened == ["block*"]


def test_the_group_around_the_picked_layer_can_be_closed(diagram):
    diagram.selected = "one"
    diagram.opened = []
    assert "block*" in paths(diagram)
    assert diagram.selected == "one"


@pytest.mark.parametrize("state", [{"selected": "nowhere"}, {"opened": ["nowhere", "one", "block*"]}, {"scene": {}}])
def test_a_browser_can_name_only_what_is_there(diagram, state):
    diagram.set_state(state)
    assert diagram.selected == ""
    assert set(diagram.opened) <= {"block*"}
    assert diagram.scene["nodes"]


def test_another_network_takes_the_place_of_the_first(diagram):
    diagram.selected = "one"
    diagram.show_anatomy(network(["only"], [facts("only", "")]), "other")
    assert (diagram.selected, paths(diagram), diagram.scene["name"]) == ("", {"", "only"}, "other")
    diagram.show_anatomy(None)
    assert diagram.scene["nodes"] == []


def test_a_name_that_is_html_stays_a_name(residual):
    evil = "<img src=x>"
    renamed = network([evil], [facts(evil, "")])
    assert scene(replace(renamed, members=(evil,)), [])["nodes"][1]["title"] == evil
