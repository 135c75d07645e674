"""The predicted time to follow a step or to compute it on a whole map, from multiply-adds and bytes moved.

Only the ratios matter: they decide where to switch to whole maps. The rates are those of one or two cores of a common
processor; other machines are faster or slower at all of them by about the same factor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .dirty_cells import DirtyCells

if TYPE_CHECKING:
    from .steps import Program, Step, Work

# Multiply-adds per second: dense products, and products within one channel, which move more than they compute.
DENSE, DEPTHWISE = 60e9, 20e9
# Bytes moved per second: by operations that work cell by cell, and by those that look each cell up in a table.
MOVED, LOOKED_UP = 40e9, 20e9
CALL = 10e-6  # seconds to start an operation
NUMBER = 4  # bytes


@dataclass(frozen=True)
class Cost:
    """Seconds for `each` covered image, and `once` for a batch of them."""

    each: float = 0.0
    once: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.each + other.each, self.once + other.once)

    def of(self, count: int) -> float:
        """Return the seconds for a batch of `count` covered images."""
        return self.once + count * self.each


def whole(work: "Work") -> Cost:
    """Return the `Cost` of an operation on whole maps."""
    moved = work.read + work.written
    return Cost(work.multiply_adds / _rate(work) + _seconds(moved), _seconds(work.weights) + CALL)


def followed(step: "Step", program: "Program", changed: Mapping[str, DirtyCells]) -> Cost:
    """Return the `Cost` of a step on the rectangles that hold the cells `changed` {tensor: DirtyCells}."""
    rows_and_columns = np.maximum(changed[step.output].extent, 1)
    share = _cells(rows_and_columns) / _cells(step.window.sides)
    computing = Cost(share * (step.work.multiply_adds / _rate(step.work) + _seconds(step.work.written)))
    starting = Cost(0.0, _seconds(step.work.weights) + CALL)
    if step.is_direct:
        return computing + starting + Cost(share * _seconds(step.work.read))
    _, needed = step.window.needed(0, rows_and_columns)
    pastes = [pasting(tensor, program, changed, needed) for tensor in step.inputs]
    reading = Cost(sum(_cells(needed) * _seconds(program.shapes[tensor][-1]) for tensor in step.inputs))
    return sum(pastes, computing + starting + reading)


def pasting(
    tensor: str, program: "Program", changed: Mapping[str, DirtyCells], needed: np.ndarray | None = None
) -> Cost:
    """Return the `Cost` of assembling a part of a tensor, `needed` (n, 2) rows and columns, or else the whole map.

    All known cells are first copied into one table, then read from there.
    """
    *sides, channels = program.shapes[tensor]
    known = _cells(np.maximum(changed[tensor].extent, 1))
    moved = 2 * channels * (known + _cells(np.array(sides) if needed is None else needed))
    return Cost(_seconds(moved, LOOKED_UP), _seconds(2 * channels * np.prod(sides), LOOKED_UP) + 3 * CALL)


def _cells(sides):
    return float(np.prod(sides, axis=-1).mean())


def _rate(work):
    return DEPTHWISE if work.kind == "DepthwiseConv2dNative" else DENSE


def _seconds(numbers, rate=MOVED):
    return NUMBER * float(numbers) / rate
