"""The chart: where its lines run, what it does with what is not known, and what a legend says."""

import re

import numpy as np

from cnnviz_widgets.widgets.charts.line_chart import (
    BOTTOM,
    CHANCE,
    HEIGHT,
    LEFT,
    LOOKS,
    RIGHT,
    TOP,
    WIDTH,
    Legend,
    Line,
    chart,
    ends_of,
    side_by_side,
)

NAN = float("nan")


def lines_in(svg):
    """The points of every polyline."""
    found = re.findall(r'<polyline points="([^"]*)"', svg)
    return [np.array([[float(n) for n in point.split(",")] for point in line.split()]) for line in found]


def drawn(y, x=None, **options):
    x = np.arange(len(y)) if x is None else x
    return chart([Line(x, np.array(y), LOOKS[0])], "steps", "score", x[-1], (0, 1), **options)


def test_a_line_runs_from_corner_to_corner():
    (points,) = lines_in(drawn([0.0, 0.5, 1.0]))
    middle = ((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2)
    np.testing.assert_allclose(points, [(LEFT, HEIGHT - BOTTOM), middle, (WIDTH - RIGHT, TOP)], atol=0.06)


def test_what_is_not_known_is_a_gap_and_a_point_by_itself_a_dot():
    svg = drawn([0.0, 0.1, NAN, 0.3, NAN, NAN, 0.4, 0.5])
    assert [len(points) for points in lines_in(svg)] == [2, 1, 2]
    assert svg.count("<circle") == 5


def test_a_long_line_has_dots_only_where_a_point_stands_by_itself():
    values = np.full(100, NAN)
    values[[0, 50, 51, 99]] = 0.5
    assert drawn(values).count("<circle") == 2


def test_a_line_of_which_nothing_is_known_yet_draws_nothing():
    assert "<polyline" not in drawn([NAN, NAN])


def test_a_band_is_drawn_around_its_line():
    band = (np.array([0.0, 0.2]), np.array([0.4, 0.6]))
    svg = chart([Line(np.arange(2), np.array([0.2, 0.4]), CHANCE, band)], "steps", "score", 1, (0, 1))
    (polygon,) = re.findall(r'<polygon points="([^"]*)"', svg)
    assert len(polygon.split()) == 4


def test_axes_are_labelled_and_a_screen_reader_hears_what_it_is():
    svg = drawn([0.0, 1.0])
    assert ">steps</text>" in svg
    assert ">score</text>" in svg
    assert 'aria-label="score over steps: 1 curves"' in svg


def test_a_marker_stands_where_it_is_told():
    across = LEFT + (WIDTH - LEFT - RIGHT) / 4
    assert f"M{across:.1f}," in drawn([0.0, 0.5, 1.0, 0.2, 0.1], marker=1)


def test_axes_reach_as_far_as_the_values():
    assert ends_of([0.2, -0.7, NAN], 0.0, 1.0) == (-0.7, 1.0)
    assert ends_of([], 0.0, 1.0) == (0.0, 1.0)


def test_lines_differ_in_dashes_as_well_as_in_colour():
    assert len({colour for colour, _ in LOOKS}) == len({dashes for _, dashes in LOOKS}) == len(LOOKS)


def test_a_legend_row_has_a_look_a_name_and_its_numbers():
    legend = Legend(["area"])
    legend.show([(LOOKS[1], "<b>", ["0.3"])])
    texts = [cell.value for cell in legend.widget.children]
    assert len(texts) == 6
    assert LOOKS[1][0] in texts[3]
    assert "&lt;b&gt;" in texts[4]
    assert "0.3" in texts[5]
    legend.show([])
    assert legend.widget.children == ()


def test_a_legend_that_says_something_new_is_made_of_the_same_cells():
    legend = Legend(["area"])
    legend.show([(LOOKS[0], "one", ["…"]), (LOOKS[1], "two", ["…"])])
    before = legend.widget.children
    legend.show([(LOOKS[0], "one", ["0.5"]), (LOOKS[1], "two", ["0.6"])])
    assert legend.widget.children == before
    assert "0.6" in before[-1].value
    legend.show([(LOOKS[1], "two", ["0.6"])])
    assert legend.widget.children == before[:6]
    assert "two" in before[4].value


def test_charts_stand_side_by_side():
    assert side_by_side(["<svg>a</svg>", "<svg>b</svg>"]).count("flex:1") == 2
