"""Target: a class, or a channel of a layer."""

import numpy as np
import pytest

from cnnviz_widgets.core.target import Target


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


@pytest.mark.parametrize("position", [4, (4,), (1, 2, 3), "45", (1.5, 2), (True, 1)])
def test_a_position_that_is_no_row_and_column_is_refused(position):
    with pytest.raises(TypeError, match="Received: "):
        Target("conv1", 3, position)
