"""How far the cells of a tensor reach along one axis of the image: arithmetic on intervals of pixels.

An operation of a network makes each of its cells from a few cells before it, and the pixels that a cell can see are
those of all the cells it was made from. `Reach` does for intervals what the operation does for numbers: where a
convolution sums over a window, it takes the hull of the window's intervals.

Two intervals are kept for each cell. The true one ends where the image ends. The free one is what the cell would see
if the image, and every grid after it, went on for ever; it has the same size for every cell, and it is what people
mean by "the receptive field of conv3 is 20 px". Where the free one cannot be known it is NaN.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

FREE, TRUE = slice(0, 2), slice(2, 4)


@dataclass(frozen=True, eq=False)
class Reach:
    """The intervals of a tensor's cells along one axis of the image.

    `values` is (4, *shape): minus the first pixel and the pixel after the last of the free interval, then the same of
    the true one, so that the hull of intervals is the maximum of their values. An axis of the tensor along which the
    intervals do not change has length 1 in `shape`. -inf: the cell sees nothing; inf: the cell sees everything.
    `pace` is (axis, period, step): `period` cells further along that axis of the tensor, the free interval lies `step`
    pixels further. None where no such thing is known.
    """

    values: np.ndarray
    pace: tuple | None = None

    @classmethod
    def of_pixels(cls, length, axis, rank):
        """Of the image itself, `length` pixels long, when it lies along `axis` of a tensor with `rank` axes."""
        first = np.arange(length, dtype=np.float64)
        shape = [length if n == axis else 1 for n in range(rank)]
        return cls(np.stack([-first, first + 1] * 2).reshape(4, *shape), (axis, 1, 1))

    @property
    def shape(self):
        """The lengths of the tensor's axes, 1 where the intervals do not change."""
        return self.values.shape[1:]

    @property
    def rank(self):
        """How many axes the tensor has, the batch axis included."""
        return self.values.ndim - 1

    @property
    def whole(self):
        """Whether every cell sees everything along this axis of the image."""
        return bool((self.values[FREE] == np.inf).all())

    @property
    def stride(self):
        """How many pixels the free interval moves from a cell to the next, a Fraction; None where unknown."""
        return None if self.pace is None else Fraction(self.pace[2], self.pace[1])

    def with_rank(self, rank):
        """The same, with axes of length 1 put in front, as broadcasting does."""
        more = rank - self.rank
        pace = self.pace and (self.pace[0] + more, *self.pace[1:])
        return Reach(self.values.reshape(4, *[1] * more, *self.shape), pace)

    def extended(self, axis, before, after):
        """With cells added at both ends, which hold padding: they see nothing. Negative numbers cut cells off."""
        if (before, after) == (0, 0) or self._steady_along(axis):
            return self
        length = self.shape[axis]
        at = np.arange(-before, length + after)
        outside = (at < 0) | (at >= length)
        inside = np.clip(at, 0, length - 1)
        values = np.take(self.values, inside, axis + 1)
        within = [slice(None)] * axis + [outside]
        values[(TRUE, *within)] = -np.inf
        values[(FREE, *within)] = self._continued(axis, at[outside])
        return Reach(values, self.pace)

    def _continued(self, axis, at):
        """The free intervals of cells beyond the ends, found by going whole periods back into the grid."""
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

    def windows(self, axis, size, stride=1, dilation=1):
        """The hull of `size` cells, `dilation` apart, for a window that moves by `stride`."""
        if self._steady_along(axis):
            return self
        count = (self.shape[axis] - (size - 1) * dilation - 1) // stride + 1
        first = np.arange(count) * stride
        values = _hulls(np.take(self.values, first + tap * dilation, axis + 1) for tap in range(size))
        pace = self.pace
        if pace is not None:
            _, period, step = pace
            new = period // math.gcd(period, stride)
            pace = (axis, new, step * new * stride // period)
        return Reach(values, pace)

    def spread(self, axis, stride):
        """With `stride` - 1 cells that see nothing after each cell: how a transposed convolution begins."""
        if stride == 1 or self._steady_along(axis):
            return self
        values = np.full_like(self.values, -np.inf, shape=(4, *np.multiply(self.shape, self._times(axis, stride))))
        values[(slice(None), *[slice(None)] * axis, slice(None, None, stride))] = self.values
        return Reach(values, self.pace and (axis, self.pace[1] * stride, self.pace[2]))

    def _times(self, axis, factor):
        return [factor if n == axis else 1 for n in range(self.rank)]

    def resized(self, axis, *indices):
        """The hull of the cells at each of `indices`, arrays of the new length: how enlarging picks its cells."""
        if self._steady_along(axis):
            return self
        values = _hulls(np.take(self.values, at, axis + 1) for at in indices)
        if self.pace is None:
            return Reach(values)
        _, period, step = self.pace
        cells = Fraction(self.shape[axis], len(indices[0])) / period  # periods that one new cell goes further
        return Reach(values, (axis, cells.denominator, step * cells.numerator))

    def reduced(self, axes, keepdims):
        """The hull along `axes`. Where no axis is left along which a window could move, the cells see everything."""
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
        return Reach(values, self.pace and (self.pace[0] - fewer, *self.pace[1:]))

    def _steady_along(self, axis):
        return self.shape[axis] == 1 and (self.pace is None or self.pace[0] != axis)


def hull(reaches):
    """What the cells see together, broadcast against each other as numbers would be."""
    rank = max(reach.rank for reach in reaches)
    reaches = [reach.with_rank(rank) for reach in reaches]
    values = _hulls(reach.values for reach in reaches)
    if any(reach.whole for reach in reaches):
        return everything(values)
    if not any(reach.pace for reach in reaches):
        return Reach(values)
    rates = {reach.pace and (reach.pace[0], reach.stride) for reach in reaches}
    axis = next(reach.pace[0] for reach in reaches if reach.pace)
    if len(rates) > 1 or any(reach.shape[axis] != values.shape[axis + 1] for reach in reaches):
        return lost(values)
    period = math.lcm(*(reach.pace[1] for reach in reaches))
    return Reach(values, (axis, period, int(period * reaches[0].stride)))


def everything(values):
    """The same true intervals, but free ones without an end."""
    values = values.copy()
    values[FREE] = np.inf
    return Reach(values)


def lost(values):
    """The same true intervals, the free ones unknown."""
    values = values.copy()
    values[FREE] = np.nan
    return Reach(values)


def paced(values):
    """A Reach of these values, axes of equal cells shortened, its pace read from the values if they have one."""
    for axis in range(1, values.ndim):
        first = np.take(values, [0], axis)
        if values.shape[axis] > 1 and np.array_equal(np.broadcast_to(first, values.shape), values, equal_nan=True):
            values = first
    free = values[FREE]
    if (free == np.inf).all():
        return Reach(values)
    moving = [axis for axis in range(1, values.ndim) if values.shape[axis] > 1]
    if len(moving) == 2 and moving[-1] == values.ndim - 1:  # channels that see different things are taken together
        return paced(values.max(axis=-1, keepdims=True))
    if len(moving) > 1 and np.isfinite(free).all():
        return Reach(values)
    cells = free.reshape(2, -1)
    for period in range(1, cells.shape[1] // 2 + 1) if np.isfinite(free).all() else ():
        back, forth = cells[:, period:] - cells[:, :-period]
        if (forth == forth[0]).all() and (back == -forth[0]).all():
            return Reach(values, (moving[0] - 1, period, int(forth[0])))
    return lost(values)


def _hulls(values):
    total = None
    for one in values:
        total = one if total is None else np.maximum(total, one)
    return total
