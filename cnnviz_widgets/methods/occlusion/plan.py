"""The plan of an occlusion: the switch from rectangles to whole maps, and the batches of windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .cost import Cost, followed, pasting, whole
from .dirty_cells import DirtyCells, sources

if TYPE_CHECKING:
    from .steps import Program

# Predicted seconds for a batch, which cannot be stopped before it is done.
STEP_SECONDS = 0.2
LARGEST = 64  # windows in a batch


@dataclass(frozen=True, eq=False)
class Plan:
    """The way through the network for windows of one kind.

    The first `cut` steps are followed, then the tensors of the `frontier` are made whole. `changed`
    {tensor: DirtyCells} holds, for all windows, the cells that change up to there. `cost` is that of the chosen way,
    `plain` that of whole maps.
    """

    cut: int
    frontier: tuple[str, ...]
    changed: dict[str, DirtyCells]
    cost: Cost
    plain: Cost

    @property
    def batch(self) -> int:
        """The number of windows to take at once."""
        return int(np.clip((STEP_SECONDS - self.cost.once) / self.cost.each, 1, LARGEST))


def cheapest(
    program: "Program", frontiers: Mapping[int, tuple[str, ...]], rectangles: Sequence[tuple[slice, slice]]
) -> Plan:
    """Return the `Plan` of least predicted cost for windows; `rectangles` are pairs of slices of the image."""
    changed = changes(program, rectangles)
    plain = sum(map(whole, program.works.values()), Cost())
    rest = {name: whole(work) for name, work in program.works.items()}
    so_far, best = Cost(), Plan(0, frontiers[0], changed, plain, plain)
    for cut, step in enumerate(program.steps, start=1):
        so_far += followed(step, program, changed)
        rest.pop(step.name, None)
        if cut not in frontiers:
            continue
        over = sum((pasting(tensor, program, changed) for tensor in frontiers[cut]), Cost())
        cost = sum(rest.values(), so_far + over)
        if cost.of(16) < best.cost.of(16):
            best = Plan(cut, frontiers[cut], changed, cost, plain)
    return best


def changes(program: "Program", rectangles: Sequence[tuple[slice, slice]]) -> dict[str, DirtyCells]:
    """Return {tensor: DirtyCells} of all tensors that can be followed; `rectangles` are pairs of slices."""
    changed = {program.image: DirtyCells.of_windows(rectangles, program.shapes[program.image][:2])}
    for step in program.steps:
        inputs = [changed[name] for name in step.inputs]
        if step.is_direct:
            changed[step.output] = inputs[0].shifted(step.window.before)
        else:
            changed[step.output] = step.window.reached(inputs)
    return changed


def pastes(program: "Program", plan: Plan, indices: np.ndarray) -> list[np.ndarray]:
    """Return the sources of the cells of each part of a map that is assembled for the windows `indices` (n,).

    Each is (n, rows, columns), see `sources`.
    """
    pasting = [step for step in program.steps[: plan.cut] if not step.is_direct]
    names = {name for step in pasting for name in (step.output, *step.inputs)} | set(plan.frontier)
    where = {}  # {tensor: (first, size)} of these windows' rectangles
    for name in names:
        changed = plan.changed[name].chosen(indices)
        size = changed.size
        where[name] = changed.first_of(size), size
    found = []
    for step in pasting:
        part = step.window.needed(*where[step.output])
        found += [_paste(program, where, name, part[0], part[1]) for name in step.inputs]
    corner = np.zeros((len(indices), 2), int)
    return found + [_paste(program, where, name, corner, program.shapes[name][:2]) for name in plan.frontier]


def _paste(program, where, name, at, size):
    first, own_size = where[name]
    return sources(program.shapes[name][:2], first, own_size, at, size)


def batches(plan: Plan, ranks: np.ndarray) -> list[np.ndarray]:
    """Return arrays of indices of windows to be computed together, by rising rank (`ranks` is (n,)), then by size.

    Windows near the border change less of a map than those in the middle, and all rectangles of a batch are as large
    as its largest.
    """
    extents = np.sum([changed.extent for changed in plan.changed.values()], axis=0)
    found = []
    for rank in np.unique(ranks):
        some = np.flatnonzero(ranks == rank)
        bands = int(np.ceil(np.sqrt(len(some) / plan.batch)))
        for band in np.array_split(some[np.argsort(extents[some, 0], kind="stable")], bands):
            count = int(np.ceil(len(band) / plan.batch))
            found += np.array_split(band[np.argsort(extents[band, 1], kind="stable")], count)
    return found
