"""How long following a step, or computing it on a whole map, will take: products added up and bytes moved.

Only the ratios matter: they decide where to go over to whole maps. The rates are those of one core or two of a common
processor; other machines are faster or slower, but at all of this about alike.
"""

from dataclasses import dataclass

import numpy as np

# Multiply-adds a second: of dense products, and of those of one channel with itself, which move more than they compute.
DENSE, DEPTHWISE = 60e9, 20e9
# Bytes moved a second: by what works cell by cell, and by what looks each cell up in a table.
MOVED, LOOKED_UP = 40e9, 20e9
CALL = 10e-6  # seconds for an operation to begin
NUMBER = 4  # bytes


@dataclass(frozen=True)
class Cost:
    """Seconds for each covered image, and once for a batch of them."""

    each: float = 0.0
    once: float = 0.0

    def __add__(self, other):
        return Cost(self.each + other.each, self.once + other.once)

    def of(self, count):
        """Seconds for a batch of `count`."""
        return self.once + count * self.each


def whole(work):
    """The `Cost` of an operation on whole maps."""
    moved = work.read + work.written
    return Cost(work.multiply_adds / _rate(work) + _seconds(moved), _seconds(work.weights) + CALL)


def followed(step, program, changed):
    """The `Cost` of a step on the rectangles that hold the cells `changed` {tensor: DirtyCells}."""
    rows_and_columns = np.maximum(changed[step.output].extent, 1)
    share = _cells(rows_and_columns) / _cells(step.window.sides)
    computing = Cost(share * (step.work.multiply_adds / _rate(step.work) + _seconds(step.work.written)))
    starting = Cost(0.0, _seconds(step.work.weights) + CALL)
    if step.is_direct:
        return computing + starting + Cost(share * _seconds(step.work.read))
    _, needed = step.window.needed(0, rows_and_columns)
    pastes = [pasted(tensor, program, changed, needed) for tensor in step.inputs]
    reading = Cost(sum(_cells(needed) * _seconds(program.shapes[tensor][-1]) for tensor in step.inputs))
    return sum(pastes, computing + starting + reading)


def pasted(tensor, program, changed, needed=None):
    """The `Cost` of the cells `needed` (n, 2) of a tensor, the whole map by default, put together from what is known.

    All that is known is first copied into one table, then read from there.
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
