"""The cells of a map that a covered window can change, and the cells that an operation needs to compute them again.

Arithmetic on rectangles in NumPy, the same along rows and columns. The last axis of every array here is
(rows, columns); the first, where there are two, counts the windows over the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, eq=False)
class DirtyCells:
    """The cells of one map that may differ from those of the uncovered image, for each of n windows.

    `begin` and `end` (n, 2), end exclusive, are these cells. `low` and `high` (2,) are the rows and columns between
    which cells can change at all: the whole map except for the padding that an earlier operation put around it.
    """

    begin: np.ndarray
    end: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of_windows(cls, rectangles: Sequence[tuple[slice, slice]], sides: Sequence[int]) -> Self:
        """Return the cells of the image itself, of `sides` (2,); `rectangles` are pairs of slices (rows, columns)."""
        begin = np.array([[along.start for along in pair] for pair in rectangles])
        end = np.array([[along.stop for along in pair] for pair in rectangles])
        return cls(begin, end, np.zeros(2, int), np.array(sides))

    @property
    def extent(self) -> np.ndarray:
        """The numbers of rows and columns, (n, 2)."""
        return np.maximum(self.end - self.begin, 0)

    @property
    def size(self) -> np.ndarray:
        """The size of the rectangles that are computed, (2,), the same for all windows: that of the largest."""
        return np.maximum(self.extent.max(axis=0), 1)

    @property
    def first(self) -> np.ndarray:
        """The upper left cells of these rectangles, (n, 2); all rectangles lie in the map."""
        return self.first_of(self.size)

    def first_of(self, size: np.ndarray) -> np.ndarray:
        """Return the upper left cells (n, 2) of rectangles of `size` (2,)."""
        return np.minimum(np.maximum(self.begin, self.low), self.high - size)

    def chosen(self, indices: np.ndarray) -> Self:
        """Return the cells of some windows only; `indices` is (k,)."""
        return replace(self, begin=self.begin[indices], end=self.end[indices])

    def shifted(self, cells: np.ndarray) -> "DirtyCells":
        """Return the cells in a map with `cells` (2,) more rows above and columns to the left."""
        return DirtyCells(self.begin + cells, self.end + cells, self.low + cells, self.high + cells)


@dataclass(frozen=True, eq=False)
class Window:
    """The input cells from which an operation makes each cell of its output; all fields are (2,), rows and columns.

    Output cell o looks at `extent` input cells, beginning at o * stride - before and including the gaps that dilation
    leaves. `sides` are those of the output.
    """

    extent: np.ndarray
    stride: np.ndarray
    before: np.ndarray
    sides: np.ndarray

    @classmethod
    def single(cls, sides: Sequence[int], before: Sequence[int] | np.ndarray = (0, 0)) -> Self:
        """Return the window of an operation that works cell by cell, or puts `before` rows and columns in front."""
        return cls(np.ones(2, int), np.ones(2, int), np.array(before), np.array(sides))

    @property
    def is_single(self) -> bool:
        """True where each output cell looks at one input cell, so that a rectangle needs only itself."""
        return bool((self.extent == 1).all() and (self.stride == 1).all())

    def reached(self, parts: Sequence[DirtyCells]) -> DirtyCells:
        """Return the `DirtyCells` of the output: all cells that see one of `parts`, those of its inputs."""
        begin = np.min([part.begin for part in parts], axis=0) + self.before
        end = np.max([part.end for part in parts], axis=0) + self.before
        # o * stride <= last changed cell, and o * stride + extent > first changed cell
        first = -((self.extent - 1 - begin) // self.stride)  # rounded up
        last = (end - 1) // self.stride
        return DirtyCells(np.clip(first, 0, self.sides), np.clip(last + 1, 0, self.sides), np.zeros(2, int), self.sides)

    def needed(self, first: Any, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (first (n, 2), size (2,)) of the input cells from which a rectangle of the output is made."""
        return first * self.stride - self.before, (size - 1) * self.stride + self.extent


def sources(sides: Any, first: np.ndarray, size: Any, at: np.ndarray, part: Any) -> np.ndarray:
    """Return the source of each cell of a part of a map, assembled for each window: (n, rows, columns) int32.

    The map has `sides`; a window's own rectangle of it has `size` and begins at the cell `first`; the part has the size
    `part` and begins at the cell `at`, which may lie beyond the border. `first` and `at` are (n, 2), the others (2,).
    The numbers count the cells of the map, row by row, then those of all rectangles, then one for all cells beyond the
    border.
    """
    cells, count = int(sides[0]) * int(sides[1]), len(first)
    row, column = (at[:, k, np.newaxis] + np.arange(part[k]) for k in (0, 1))
    row, column = row[:, :, np.newaxis], column[:, np.newaxis, :]
    top, left = (first[:, k, np.newaxis, np.newaxis] for k in (0, 1))
    of_map = np.where(_within(row, 0, sides[0]) & _within(column, 0, sides[1]), row * sides[1] + column, -1)
    window = cells + np.arange(count)[:, np.newaxis, np.newaxis] * np.prod(size)
    of_rectangle = window + (row - top) * size[1] + column - left
    own = _within(row, top, top + size[0]) & _within(column, left, left + size[1])
    found = np.where(own, of_rectangle, of_map)
    return np.where(found < 0, cells + count * np.prod(size), found).astype(np.int32)


def _within(at, begin, end):
    return (at >= begin) & (at < end)
