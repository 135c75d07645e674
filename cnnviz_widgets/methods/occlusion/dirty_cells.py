"""Which cells of a map a covered window can change, and which cells an operation needs to compute them again.

Arithmetic on rectangles in NumPy, the same along rows and columns. The last axis of every array here is
(rows, columns); the first, where there are two, counts the windows over the image.
"""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class DirtyCells:
    """For each of n windows, the cells of one map that may hold something else than for the uncovered image.

    `begin` and `end` (n, 2), end exclusive, are these cells. `low` and `high` (2,) are the rows and columns between
    which cells can change at all: the whole map, but for the padding that an operation before has put around it.
    """

    begin: np.ndarray
    end: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of_windows(cls, rectangles, sides):
        """In the image itself, of `sides` (2,); `rectangles` are pairs of slices (rows, columns)."""
        begin = np.array([[along.start for along in pair] for pair in rectangles])
        end = np.array([[along.stop for along in pair] for pair in rectangles])
        return cls(begin, end, np.zeros(2, int), np.array(sides))

    @property
    def extent(self):
        """(n, 2): how many rows and columns."""
        return np.maximum(self.end - self.begin, 0)

    @property
    def size(self):
        """(2,): the size of the rectangles that are computed, one for all windows: that of the largest."""
        return np.maximum(self.extent.max(axis=0), 1)

    @property
    def first(self):
        """(n, 2): the upper left cells of these rectangles, which all lie in the map."""
        return self.first_of(self.size)

    def first_of(self, size):
        """(n, 2): the same, where their `size` is known."""
        return np.minimum(np.maximum(self.begin, self.low), self.high - size)

    def chosen(self, indices):
        """Of some windows only."""
        return replace(self, begin=self.begin[indices], end=self.end[indices])

    def shifted(self, cells):
        """In a map with `cells` (2,) more rows above and columns to the left."""
        return DirtyCells(self.begin + cells, self.end + cells, self.low + cells, self.high + cells)


@dataclass(frozen=True, eq=False)
class Window:
    """What of its input an operation makes each cell of its output from; all of it is (2,), rows and columns.

    Output cell o looks at input cells o * stride - before, and on from there, `extent` of them with the gaps that
    dilation leaves. `sides` are those of the output.
    """

    extent: np.ndarray
    stride: np.ndarray
    before: np.ndarray
    sides: np.ndarray

    @classmethod
    def single(cls, sides, before=(0, 0)):
        """Of an operation that works cell by cell, or puts `before` rows and columns of padding in front."""
        return cls(np.ones(2, int), np.ones(2, int), np.array(before), np.array(sides))

    @property
    def is_single(self):
        """Whether it moves from cell to cell and looks at that one alone: a rectangle of it needs only itself."""
        return bool((self.extent == 1).all() and (self.stride == 1).all())

    def reached(self, parts):
        """The `DirtyCells` cells of the output, when those of its inputs are `parts`: all that see one of them."""
        begin = np.min([part.begin for part in parts], axis=0) + self.before
        end = np.max([part.end for part in parts], axis=0) + self.before
        # o * stride <= last changed cell, and o * stride + extent > first changed cell
        first = -((self.extent - 1 - begin) // self.stride)  # rounded up
        last = (end - 1) // self.stride
        return DirtyCells(np.clip(first, 0, self.sides), np.clip(last + 1, 0, self.sides), np.zeros(2, int), self.sides)

    def needed(self, first, size):
        """(first (n, 2), size (2,)) of the input cells from which a rectangle of the output is made."""
        return first * self.stride - self.before, (size - 1) * self.stride + self.extent


def sources(sides, first, size, at, part):
    """(n, rows, columns) int32: where each cell comes from of a part of a map that is put together for each window.

    The map has `sides`; a window's own rectangle of it has `size` and begins at the cell `first`; the part has the size
    `part` and begins at the cell `at`, which may lie beyond the border. All but `first` and `at`, (n, 2), are (2,).
    Counted are the cells of the map, row by row, then those of all rectangles, then one for all beyond the border.
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
