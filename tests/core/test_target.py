"""Target: a class, a channel of a layer, a part of either, and sums of such."""

import copy
import pickle

import numpy as np
import pytest

from cnnviz_widgets.core.target import EVERYWHERE, Target


def test_a_class_and_a_channel_are_the_same_kind_of_thing():
    assert (Target(285).layer, Target(285).index) == (None, 285)
    assert (Target("conv1", 3).layer, Target("conv1", 3).index) == ("conv1", 3)


def test_equal_targets_are_equal_keys_whatever_type_the_index_has():
    assert {Target(3), Target(np.int64(3)), Target(None, 3)} == {Target(3)}
    assert Target("conv1", 3) != Target("conv2", 3) != Target(3)
    assert type(Target(np.int64(3)).index) is int


def test_a_target_is_written_as_it_was_made():
    assert repr(Target(3)) == "Target(3)"
    assert repr(Target("conv1", 3)) == "Target('conv1', 3)"


def test_a_target_does_not_change():
    with pytest.raises(AttributeError):
        Target(3).index = 4


@pytest.mark.parametrize("index", [2.7, "cat", True, None, [1]])
def test_an_index_that_is_no_whole_number_is_refused(index):
    with pytest.raises(TypeError, match="index is a whole number. Received: "):
        Target(index)


def test_a_unit_is_a_channel_at_one_position():
    unit = Target("conv1", 3, (np.int64(4), 5))
    assert unit.position == (4, 5)
    assert unit != Target("conv1", 3)
    assert repr(unit) == "Target('conv1', 3, (4, 5))"
    assert {unit} == {Target("conv1", 3, [4, 5])}


@pytest.mark.parametrize("position", [4, (), "45", (1.5, 2), (True, 1)])
def test_a_position_that_is_no_row_and_column_is_refused(position):
    with pytest.raises(TypeError, match="Received: "):
        Target("conv1", 3, position)


# ---- Regions


def test_a_region_is_a_box_whose_ends_are_as_in_a_slice():
    box = Target(3, region=((2, 5), [1, np.int64(6)]))
    assert (box.layer, box.index, box.region, box.position) == (None, 3, ((2, 5), (1, 6)), None)
    assert repr(box) == "Target(3, region=((2, 5), (1, 6)))"
    assert repr(Target("conv1", 3, region=((2, 5), (1, 6)))) == "Target('conv1', 3, region=((2, 5), (1, 6)))"


def test_a_position_is_a_box_of_one_cell():
    assert Target("conv1", 3, (4, 5)) == Target("conv1", 3, region=((4, 5), (5, 6)))
    assert Target(3, position=(4, 5)).region == ((4, 5), (5, 6))
    assert repr(Target(3, position=(4, 5))) == "Target(3, position=(4, 5))"
    assert Target(3).region is Target(3).position is None


def test_places_that_are_no_grid_have_a_number_for_each_of_their_axes():
    step = Target(3, position=(5,))
    assert step == Target(3, region=((5, 6),))
    assert (step.position, step.region, repr(step)) == ((5,), ((5, 6),), "Target(3, position=(5,))")
    assert Target("video", 0, (1, 2, 3)).region == ((1, 2), (2, 3), (3, 4))
    values = np.arange(24).reshape(2, 4, 3)
    assert Target(2, region=((1, 3),)).of(values).tolist() == [(5 + 8) / 2, (17 + 20) / 2]


def test_an_objective_has_an_axis_for_each_that_a_term_names():
    assert Target(3).objective.boxes.shape == (1, 0, 2)
    boxes = (Target(3, position=(5,)) - Target(4)).objective.boxes
    assert boxes.tolist() == [[[5, 6]], [list(EVERYWHERE)]]


@pytest.mark.parametrize("region", [4, (), (1, 2), ((1, 2, 3),), ((1, 2.5), (3, 4)), "ab"])
def test_a_region_that_is_no_box_is_refused(region):
    with pytest.raises(TypeError, match="A target's .*region.* Received: "):
        Target(3, region=region)


@pytest.mark.parametrize("region", [((2, 2), (0, 1)), ((0, 1), (3, 2))])
def test_a_region_without_a_cell_is_refused(region):
    with pytest.raises(ValueError, match="each begin before its end. Received: "):
        Target(3, region=region)


def test_a_position_and_a_region_at_once_are_refused():
    with pytest.raises(ValueError, match="a position or a region, not both. Received: "):
        Target(3, position=(1, 1), region=((1, 2), (1, 2)))


# ---- Sums and differences

a, b, c = Target(285), Target(282), Target(7, region=((0, 2), (1, 3)))
SUMS = {
    "Target(285) - Target(282)": a - b,
    "Target(282) + Target(285)": a + b,
    "0.5 * Target(285)": 0.5 * a,
    "-Target(285)": -a,
    "-0.5 * Target(285)": a * -0.5,
    "-Target(282) - Target(285)": -(a + b),
    "2 * Target(285) - 0.1 * Target(282)": 2 * a - 0.1 * b,
    "Target(285) - Target(7, region=((0, 2), (1, 3)))": a - c,
    "Target('conv1', 3, (4, 5)) - 3 * Target('conv1', 3)": Target("conv1", 3, (4, 5)) - 3 * Target("conv1", 3),
}


@pytest.mark.parametrize("text", SUMS)
def test_a_sum_is_written_as_it_can_be_typed(text):
    assert repr(SUMS[text]) == text
    assert eval(text) == SUMS[text]


def test_equal_sums_are_equal_keys_in_whatever_order_they_were_written():
    assert {a - b, -b + a, 1.0 * a - 1 * b, np.float64(1) * a - b, a + c - b - c} == {a - b}
    assert {0.5 * a + 0.5 * a, a + b - b, -1 * -a} == {a}
    assert a - b != b - a != -a != a != 2 * a


def test_the_parts_of_a_sum_are_plain_targets_the_largest_weight_first():
    assert (b - 2 * a + 3 * c).parts == ((3, c), (1, b), (-2, a))
    assert [target.plain for target in (a, -a, 2 * a, a - b)] == [True, False, False, False]
    assert [target.everywhere for target in (a, c, a - b, a - c)] == [True, False, True, False]


def test_only_a_difference_sets_something_against_something_else():
    assert [target.is_contrast for target in (a - b, a - 0.5 * b, a + b, a, -a)] == [True, True, False, False, False]


@pytest.mark.parametrize("fact", ["index", "region", "position"])
def test_a_sum_has_no_index_and_no_place_of_its_own(fact):
    assert (Target("conv1", 1) - Target("conv1", 2)).layer == "conv1"
    with pytest.raises(ValueError, match=r"Only one class or channel by itself has.*Received: Target\(285\) - Target"):
        getattr(a - b, fact)


@pytest.mark.parametrize("other", [Target("conv1", 3), Target("conv2", 1)])
def test_targets_of_two_outputs_cannot_be_added(other):
    for sum_of in (lambda: Target("conv2", 3) + Target(3), lambda: a - other, lambda: other + a):
        with pytest.raises(ValueError, match="must be of one output: classes, or channels of one layer. Received: "):
            sum_of()


def test_nothing_left_to_explain_is_refused():
    with pytest.raises(ValueError, match="must leave something to explain. Received: Target.285. and -Target.285."):
        a - a


@pytest.mark.parametrize("weight", [0, float("nan"), float("inf")])
def test_a_weight_that_weighs_nothing_or_no_number_is_refused(weight):
    with pytest.raises(ValueError, match="weight must be a finite number other than 0. Received: "):
        weight * a


@pytest.mark.parametrize("other", ["2", None, True, 1j])
def test_only_targets_are_added_and_only_numbers_multiply(other):
    for operation in (lambda: a + other, lambda: a - other, lambda: a * other, lambda: other * a):
        with pytest.raises(TypeError, match="unsupported operand|multiply"):
            operation()


def test_a_sum_is_found_in_an_array_of_values_by_hand():
    values = np.arange(2 * 3 * 4 * 8, dtype=np.float32).reshape(2, 3, 4, 8)
    target = 2 * Target(5) - Target(7, region=((0, 2), (1, 3)))
    expected = [
        2 * grid[..., 5].mean() - (grid[0, 1, 7] + grid[0, 2, 7] + grid[1, 1, 7] + grid[1, 2, 7]) / 4 for grid in values
    ]
    assert target.of(values) == pytest.approx(expected)
    assert (Target(1) - Target(0)).of(np.array([[1.0, 4.0], [5.0, 2.0]])).tolist() == [3, -3]


def test_a_target_can_be_copied_and_pickled():
    assert pickle.loads(pickle.dumps(a - b)) == copy.deepcopy(a - b) == a - b
