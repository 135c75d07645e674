"""Receptive fields along one axis of the image: arithmetic on intervals of pixels.

An operation makes each cell of its output from a few cells of its input, so the receptive field of an output cell is
the union of theirs. `Intervals` follows the operations on numbers with intervals of pixels: where a convolution sums
over a window, it takes the hull, the smallest interval around those of the window's cells.

Each cell has two intervals. The true one is cut off at the border of the image. The free one is the receptive field in
an image, and in grids, without borders: it has the same size for every cell, as in "the receptive field of conv3 is
20 px". It is NaN where it is unknown.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

FREE, TRUE = slice(0, 2), slice(2, 4)


@dataclass(frozen=True, eq=False)
class Intervals:
    """The intervals of all cells of a tensor along one axis of the image.

    `values` is (4, *shape): for the free interval minus the first pixel and the pixel after the last, then both for the
    true one. In this form the hull of intervals is the maximum of their values. An axis of the tensor along which the
    intervals are the same has length 1 in `shape`. -inf stands for an empty field, inf for the whole image. `pace` is
    (axis, period, step): the free interval moves by `step` pixels for every `period` cells along that axis of the
    tensor. It is None if the interval does not move evenly, or if this is unknown.
    """

    values: np.ndarray
    pace: tuple[int, int, int] | None = None

    @classmethod
    def of_pixels(cls, length: int, axis: int, rank: int) -> "Intervals":
        """The intervals of the image itself, `length` pixels along `axis` of a tensor with `rank` axes."""
        first = np.arange(length, dtype=np.float64)
        shape = [length if n == axis else 1 for n in range(rank)]
        return cls(np.stack([-first, first + 1] * 2).reshape(4, *shape), (axis, 1, 1))

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the tensor's axes, 1 for those along which the intervals do not change."""
        return self.values.shape[1:]

    @property
    def rank(self) -> int:
        """The number of the tensor's axes, the batch axis included."""
        return self.values.ndim - 1

    @property
    def whole(self) -> bool:
        """True if the field of every cell is the whole image, along this axis."""
        return bool((self.values[FREE] == np.inf).all())

    @property
    def stride(self) -> Fraction | None:
        """The pixels by which the free interval moves from one cell to the next; None if unknown."""
        return None if self.pace is None else Fraction(self.pace[2], self.pace[1])

    def with_rank(self, rank: int) -> "Intervals":
        """The same intervals with axes of length 1 put in front, as in broadcasting."""
        more = rank - self.rank
        pace = None if self.pace is None else (self.pace[0] + more, *self.pace[1:])
        return Intervals(self.values.reshape(4, *[1] * more, *self.shape), pace)

    def extended(self, axis: int, before: int, after: int) -> "Intervals":
        """The intervals with cells of padding, whose field is empty, at both ends. Negative numbers cut cells off."""
        if (before, after) == (0, 0) or self._constant_along(axis):
            return self
        length = self.shape[axis]
        at = np.arange(-before, length + after)
        outside = (at < 0) | (at >= length)
        inside = np.clip(at, 0, length - 1)
        values = np.take(self.values, inside, axis + 1)
        within = [slice(None)] * axis + [outside]
        values[(TRUE, *within)] = -np.inf
        values[(FREE, *within)] = self._continued(axis, at[outside])
        return Intervals(values, self.pace)

    def _continued(self, axis, at):
        """The free intervals of cells beyond the ends: those of cells in the grid, moved by whole periods."""
        length, (along, period, step) = self.shape[axis], self.pace or (axis, 0, 0)
        if self.whole:
            return np.inf
        if self.pace is None or along != axis or period > length:
            return np.nan
        middle = (length - period) // 2  # away from the ends, where an enlarged image repeats its edge
        like = middle + (at - middle) % period
        further = ((at - like) // period * step).reshape(-1, *[1] * (self.rank - axis - 1))
        values = np.take(self.values[FREE], like, axis + 1)
        return np.stack([values[0] - further, values[1] + further])

    def windows(self, axis: int, size: int, stride: int = 1, dilation: int = 1) -> "Intervals":
        """The hulls of windows of `size` cells, `dilation` apart; the window moves by `stride`."""
        if self._constant_along(axis):
            return self
        count = (self.shape[axis] - (size - 1) * dilation - 1) // stride + 1
        first = np.arange(count) * stride
        values = _hulls(np.take(self.values, first + tap * dilation, axis + 1) for tap in range(size))
        pace = self.pace
        if pace is not None:
            _, period, step = pace
            new = period // math.gcd(period, stride)
            pace = (axis, new, step * new * stride // period)
        return Intervals(values, pace)

    def spread(self, axis: int, stride: int) -> "Intervals":
        """The intervals with `stride` - 1 empty cells after each cell: the first step of a transposed convolution."""
        if stride == 1 or self._constant_along(axis):
            return self
        values = np.full_like(self.values, -np.inf, shape=(4, *np.multiply(self.shape, self._times(axis, stride))))
        values[(slice(None), *[slice(None)] * axis, slice(None, None, stride))] = self.values
        return Intervals(values, self.pace and (axis, self.pace[1] * stride, self.pace[2]))

    def _times(self, axis, factor):
        return [factor if n == axis else 1 for n in range(self.rank)]

    def resized(self, axis: int, *indices: np.ndarray) -> "Intervals":
        """The hulls of the cells that enlarging picks: those at each of `indices`, arrays of the new length."""
        if self._constant_along(axis):
            return self
        values = _hulls(np.take(self.values, at, axis + 1) for at in indices)
        if self.pace is None:
            return Intervals(values)
        _, period, step = self.pace
        cells = Fraction(self.shape[axis], len(indices[0])) / period  # periods that one new cell goes further
        return Intervals(values, (axis, cells.denominator, step * cells.numerator))

    def reduced(self, axes: Iterable[int], keepdims: bool) -> "Intervals":
        """The hull along `axes`. If no axis is left along which cells could move, the field is the whole image."""
        axes = tuple(sorted(axis % self.rank for axis in axes))
        moving = any(self.shape[axis] > 1 for axis in axes)
        values = self.values.max(axis=tuple(axis + 1 for axis in axes), keepdims=keepdims)
        if values.size == 4 and (moving or (self.pace and self.pace[0] in axes)):
            return everything(values)
        if moving:
            left = paced(values)
            alike = (values[TRUE] == values[TRUE].reshape(2, -1)[:, 0].reshape(2, *[1] * left.rank)).all()
            return everything(values) if alike and left.pace is None else left  # after attention, say
        fewer = 0 if keepdims or not self.pace else sum(axis < self.pace[0] for axis in axes)
        return Intervals(values, self.pace and (self.pace[0] - fewer, *self.pace[1:]))

    def _constant_along(self, axis: int) -> bool:
        return self.shape[axis] == 1 and (self.pace is None or self.pace[0] != axis)


def hull(parts: Sequence[Intervals]) -> Intervals:
    """The hulls of the intervals of several tensors, which broadcast as their numbers do."""
    rank = max(part.rank for part in parts)
    parts = [part.with_rank(rank) for part in parts]
    values = _hulls(part.values for part in parts)
    if any(part.whole for part in parts):
        return everything(values)
    paces = [part.pace for part in parts if part.pace is not None]
    if not paces:
        return Intervals(values)
    rates = {(axis, Fraction(step, period)) for axis, period, step in paces}
    (axis, stride), *others = rates
    uneven = len(paces) < len(parts) or any(part.shape[axis] != values.shape[axis + 1] for part in parts)
    if others or uneven:
        return lost(values)
    period = math.lcm(*(period for _, period, _ in paces))
    return Intervals(values, (axis, period, int(period * stride)))


def everything(values: np.ndarray) -> Intervals:
    """Intervals with these true values, whose free ones are infinite."""
    values = values.copy()
    values[FREE] = np.inf
    return Intervals(values)


def lost(values: np.ndarray) -> Intervals:
    """Intervals with these true values, whose free ones are unknown."""
    values = values.copy()
    values[FREE] = np.nan
    return Intervals(values)


def paced(values: np.ndarray) -> Intervals:
    """Intervals of these values: axes of equal cells are shortened, and the pace is inferred."""
    for axis in range(1, values.ndim):
        first = np.take(values, [0], axis)
        if values.shape[axis] > 1 and np.array_equal(np.broadcast_to(first, values.shape), values, equal_nan=True):
            values = first
    free = values[FREE]
    if (free == np.inf).all():
        return Intervals(values)
    moving = [axis for axis in range(1, values.ndim) if values.shape[axis] > 1]
    if len(moving) == 2 and moving[-1] == values.ndim - 1:  # channels with different fields are taken together
        return paced(values.max(axis=-1, keepdims=True))
    if len(moving) > 1 and np.isfinite(free).all():
        return Intervals(values)
    cells = free.reshape(2, -1)
    for period in range(1, cells.shape[1] // 2 + 1) if np.isfinite(free).all() else ():
        back, forth = cells[:, period:] - cells[:, :-period]
        if (forth == forth[0]).all() and (back == -forth[0]).all():
            return Intervals(values, (moving[0] - 1, period, int(forth[0])))
    return lost(values)


def _hulls(values):
    return functools.reduce(np.maximum, values)
