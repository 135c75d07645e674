"""Where to go over to whole maps, and which windows go together."""

import keras
import numpy as np
import pytest
from keras import layers
from kinds import trace

from cnnviz_widgets.engine.graph import ForwardGraph
from cnnviz_widgets.methods.occlusion import plan as route_module
from cnnviz_widgets.methods.occlusion.cost import Cost, followed, whole
from cnnviz_widgets.methods.occlusion.plan import Plan, batches, changes, cheapest
from cnnviz_widgets.methods.occlusion.steps import program

SIDE = 64


@pytest.fixture(scope="module")
def prepared():
    """A network of eight convolutions, which changes ever more of ever smaller maps."""
    middle = [layers.Conv2D(16, 3, padding="same", strides=1 + (k % 3 == 2), activation="relu") for k in range(8)]
    tail = [layers.GlobalAveragePooling2D(), layers.Dense(3)]
    found = trace(keras.Sequential([keras.Input((SIDE, SIDE, 3)), *middle, *tail]), (SIDE, SIDE, 3))
    graph: ForwardGraph = found.graph
    made = program(graph, (SIDE, SIDE), (found.logits,))
    return made, made.frontiers(graph)


def windows(side, stride):
    begins = range(0, SIDE - side + 1, stride)
    return [(slice(row, row + side), slice(column, column + side)) for row in begins for column in begins]


def test_small_windows_are_followed_further_than_large_ones(prepared):
    cuts = [cheapest(*prepared, windows(side, 8)).cut for side in (2, 16, 48, 64)]
    assert cuts == sorted(cuts, reverse=True)
    assert cuts[0] > 10
    assert cuts[-1] == 0  # the whole image is covered


def test_the_chosen_way_is_never_dearer_than_whole_maps(prepared):
    for side in (4, 20, 40, 64):
        found = cheapest(*prepared, windows(side, 4))
        assert found.cost.of(16) <= found.plain.of(16)


def test_following_a_step_costs_its_share_of_the_map(prepared):
    made, _ = prepared
    step = made.steps[0]  # 3 x 3, so a window of 4 changes 6 x 6 cells away from the border
    changed = changes(made, [(slice(20, 24), slice(20, 24))])
    computing = whole(step.work).each * 36 / SIDE**2
    assert changed[step.output].extent.tolist() == [[6, 6]]
    assert computing < followed(step, made, changed).each < 10 * computing  # looking up cells comes on top


def route_of(extents, seconds):
    changed = changes_like(np.array(extents))
    return Plan(1, ("x",), {"x": changed}, Cost(seconds), Cost(seconds))


def changes_like(extents):
    from cnnviz_widgets.methods.occlusion.dirty_cells import DirtyCells

    return DirtyCells(np.zeros_like(extents), extents, np.zeros(2, int), np.array([99, 99]))


def test_every_window_is_in_one_batch_and_no_batch_is_too_large():
    extents = np.random.default_rng(0).integers(1, 30, (100, 2))
    ranks = np.random.default_rng(1).integers(0, 3, 100)
    found = batches(route_of(extents, 0.02), ranks)
    assert sorted(np.concatenate(found)) == list(range(100))
    assert max(map(len, found)) <= route_module.STEP_SECONDS / 0.02
    assert [len(set(ranks[batch])) for batch in found] == [1] * len(found)


def test_windows_of_a_batch_are_alike_in_size():
    extents = [(rows, columns) for rows in (5, 20) for columns in (6, 30) for _ in range(10)]
    found = batches(route_of(np.array(extents)[np.random.default_rng(0).permutation(40)], 0.02), np.zeros(40))
    assert len(found) == 4


def test_a_batch_is_as_large_as_its_time_allows():
    assert route_of([(1, 1)], route_module.STEP_SECONDS / 10.5).batch == 10
    assert route_of([(1, 1)], 1.0).batch == 1
    assert route_of([(1, 1)], 1e-9).batch == route_module.LARGEST
