"""Which cells change, against loops over cells; NumPy only."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cnnviz_widgets.methods.occlusion.dirty_cells import DirtyCells, Window, sources

SIDES = np.array([11, 9])


def changed_in(*rectangles, sides=SIDES):
    pairs = [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in rectangles]
    return DirtyCells.of_windows(pairs, sides)


@st.composite
def windows(draw):
    """A Window along both axes of a map of SIDES, and the padding behind it."""
    extent, stride = ([draw(st.integers(1, top)) for _ in "rc"] for top in (5, 3))
    before, after = ([draw(st.integers(0, size - 1)) for size in extent] for _ in "ba")
    outputs = (SIDES + before + after - extent) // stride + 1
    return Window(np.array(extent), np.array(stride), np.array(before), outputs)


rectangles = st.tuples(st.integers(0, 10), st.integers(1, 11), st.integers(0, 8), st.integers(1, 9)).filter(
    lambda r: r[0] < r[1] and r[2] < r[3]
)


@given(windows(), rectangles)
def test_output_cells_change_that_look_at_a_changed_cell_and_no_others(window, rectangle):
    there = window.reached([changed_in(rectangle)])
    for axis, (begin, end) in enumerate((rectangle[:2], rectangle[2:])):
        seeing = [
            cell
            for cell in range(window.sides[axis])
            if any(
                begin <= cell * window.stride[axis] - window.before[axis] + k < end for k in range(window.extent[axis])
            )
        ]
        found = list(range(there.begin[0, axis], there.end[0, axis]))
        assert found == seeing


@given(windows(), st.lists(rectangles, min_size=1, max_size=4))
def test_rectangles_hold_what_changes_and_lie_in_the_map(window, several):
    there = window.reached([changed_in(*several)])
    assert (there.first >= 0).all()
    assert (there.first + there.size <= window.sides).all()
    some = there.extent.min(axis=1) > 0
    assert (there.first <= there.begin)[some].all()
    assert (there.end <= there.first + there.size)[some].all()
    assert (there.size == np.maximum(there.extent.max(axis=0), 1)).all()


@given(windows(), rectangles)
def test_what_is_needed_is_what_the_rectangles_cells_look_at(window, rectangle):
    there = window.reached([changed_in(rectangle)])
    first, size = window.needed(there.first, there.size)
    for axis in (0, 1):
        cells = there.first[0, axis] + np.arange(there.size[axis])
        looked_at = {
            cell * window.stride[axis] - window.before[axis] + k for cell in cells for k in range(window.extent[axis])
        }
        assert min(looked_at) == first[0, axis]
        assert max(looked_at) == first[0, axis] + size[axis] - 1


def test_a_three_by_three_convolution_changes_one_more_cell_all_around():
    window = Window(np.array([3, 3]), np.array([1, 1]), np.array([1, 1]), SIDES)
    there = window.reached([changed_in((4, 6, 0, 2))])
    assert (there.begin.tolist(), there.end.tolist()) == ([[3, 0]], [[7, 3]])  # cut off at the left border


def test_two_inputs_change_the_hull_of_both():
    there = Window.single(SIDES).reached([changed_in((1, 3, 2, 4)), changed_in((2, 6, 0, 3))])
    assert (there.begin.tolist(), there.end.tolist()) == ([[1, 0]], [[6, 4]])


def test_what_was_padded_changes_only_where_the_map_was():
    moved = changed_in((0, 11, 0, 2), (9, 11, 0, 9)).shifted(np.array([2, 3]))
    assert moved.chosen([1]).first.tolist() == [[11, 3]]
    assert moved.first.tolist() == [[2, 3], [2, 3]]  # both as large as the larger of each side, inside the padding


@given(st.data())
def test_each_cell_of_a_part_comes_from_where_it_should(data):
    sides = np.array([data.draw(st.integers(2, 6)) for _ in "rc"])
    size = np.array([data.draw(st.integers(1, side)) for side in sides])
    count = data.draw(st.integers(1, 3))
    first = np.array([[data.draw(st.integers(0, n)) for n in sides - size] for _ in range(count)])
    part = np.array([data.draw(st.integers(1, 8)) for _ in "rc"])
    at = np.array([[data.draw(st.integers(-3, 5)) for _ in "rc"] for _ in range(count)])
    clean, own = np.random.rand(*sides), np.random.rand(count, *size)
    table = np.concatenate([clean.ravel(), own.ravel(), [-1]])
    found = table[sources(sides, first, size, at, part)]
    for n in range(count):
        padded = np.full(sides + 30, -1.0)
        padded[10 : 10 + sides[0], 10 : 10 + sides[1]] = clean
        top, left = 10 + first[n]
        padded[top : top + size[0], left : left + size[1]] = own[n]
        top, left = 10 + at[n]
        assert np.array_equal(found[n], padded[top : top + part[0], left : left + part[1]])
