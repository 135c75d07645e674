"""The receptive field of each cell of a layer, worked out from the operations of the traced graph.

The rules are those of Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019
(doi:10.23915/distill.00021), applied to intervals of pixels instead of their sizes, so that padding at the border,
branches, enlargement and reshaping come out exactly too. Nothing is guessed: an operation without a rule, and all that
comes after it, has no field.
"""

import weakref
from dataclasses import dataclass, field

import numpy as np

from .intervals import FREE, TRUE, Intervals
from .rules import fields_of

# Sides of the images on which a network that takes any size is tried: what holds for all of them holds for any.
TRIED_SIZES = (512, 513, 729, 730)

_known = weakref.WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """The part of the image on which one cell of a layer's grid depends: (height, width) each, in pixels of the image.

    A layer without a grid, such as a vector of classes, has one cell, at row 0 and column 0.
    """

    # The size away from the image's border. None in a direction in which there is no moving window: the field is the
    # whole image there, through global pooling, a dense layer after a flatten, squeeze-and-excitation.
    size: tuple
    # The distance from the field of a cell to that of the next; a float where a grid was enlarged, None with a size of
    # None.
    stride: tuple
    # The top and left pixel of cell (0, 0), negative where that is padding; 0 with a size of None. None where it
    # depends on the image's size.
    start: tuple
    image_size: tuple | None = None  # the (height, width) for which `box` answers; None: for any
    cells: tuple | None = None  # the number of (rows, columns) of cells at that size
    _intervals: tuple = field(default=(), repr=False)
    _at: object = field(default=None, repr=False)

    def box(self, row, column, height, width):
        """(top, left, bottom, right) of the field of cell (row, column) in an image of (height, width); integers.

        Bottom and right are exclusive. None where the cell depends on padding only. Raises IndexError for a cell that
        the layer does not have, and ValueError for an image that the network does not take.
        """
        if self._at is not None:
            if (there := self._at((height, width))) is None:
                raise ValueError(f"At this size of the image the field cannot be told. Received: {(height, width)}.")
            return there.box(row, column, height, width)
        if (height, width) != self.image_size:
            raise ValueError(
                f"height and width must be those of the network's images, {self.image_size}. "
                f"Received: {(height, width)}."
            )
        if not (0 <= row < self.cells[0] and 0 <= column < self.cells[1]):
            raise IndexError(f"The layer has {self.cells} (rows, columns) of cells. Received: {(row, column)}.")
        values = np.concatenate([_cell(along, row, column) for along in self._intervals])
        if np.isinf(values).any():
            return None
        top, bottom, left, right = values * (-1, 1, -1, 1)
        return int(top), int(left), int(bottom), int(right)


def receptive_fields(network, image_size=None):
    """The field of every layer of a Network: {path: ReceptiveField, or None where it is not known}.

    `image_size` (height, width) is for networks that take images of any size. Without it, a field holds only facts that
    are the same at every size, and `ReceptiveField.box` works out the rest for the size that it is given.
    """
    sides = network.input_shape[:2] if image_size is None else tuple(image_size)
    if any(have not in (None, want) for have, want in zip(network.input_shape, sides, strict=False)):
        raise ValueError(
            f"image_size must be one that the network takes, {network.input_shape[:2]}. Received: {sides}."
        )
    known = _known.setdefault(network, {})
    if sides not in known:
        known[sides] = _at_any_size(network, sides) if None in sides else _at_size(network, sides)
    return known[sides]


def _at_size(network, sides):
    traced = network.traced_engine.traced
    found = fields_of(traced.graph, sides, [tap.tensor for tap in traced.taps])
    return {tap.path: _field(found.get(tap.tensor), sides) for tap in traced.taps}


def _at_any_size(network, sides):
    """The facts that are the same at several sizes, with all the remainders that padding can depend on."""
    trials = []
    for tried in TRIED_SIZES:
        trials.append(receptive_fields(network, tuple(tried if side is None else side for side in sides)))
    return {path: _common([trial[path] for trial in trials], network, path) for path in trials[0]}


def _common(fields, network, path):
    first = fields[0]
    if any(one is None or (one.size, one.stride) != (first.size, first.stride) for one in fields):
        return None
    starts = zip(*(one.start for one in fields), strict=True)
    start = tuple(values[0] if len(set(values)) == 1 else None for values in starts)

    here = weakref.ref(network)  # what is known of a network must not keep it alive

    def at(sides):
        return receptive_fields(here(), sides)[path]

    return ReceptiveField(first.size, first.stride, start, _at=at)


def _field(found, sides):
    if found is None:
        return None
    shape, pair = found
    # A grid's axes are its rows and columns; a vector of features counts as one cell, with the fields of all features.
    grid = (1, 2) if len(shape) == 4 else ()
    pair = [along.reduced([axis for axis in range(along.rank) if axis not in grid], True) for along in pair]
    pair = tuple(along if grid else Intervals(along.values.reshape(4, 1, 1, 1, 1)) for along in pair)
    measures = [_measured(along, axis) for axis, along in enumerate(pair, start=1)]
    if None in measures:
        return None
    cells = shape[1:3] if grid else (1, 1)
    return ReceptiveField(*zip(*measures, strict=True), image_size=sides, cells=cells, _intervals=pair)


def _measured(intervals, axis):
    """(size, stride, start) along one axis of the image; None where they are not known."""
    if intervals.whole:
        return None, None, 0
    size = intervals.values[FREE].sum(axis=0).max()
    if intervals.pace is None or intervals.pace[0] != axis or not np.isfinite(size):  # also a grid that was turned
        return None
    stride = intervals.stride
    return int(size), int(stride) if stride.denominator == 1 else float(stride), -int(intervals.values[0].flat[0])


def _cell(intervals, row, column):
    """(minus first, last) pixel of a cell's true interval."""
    row, column = (min(at, length - 1) for at, length in zip((row, column), intervals.shape[1:3], strict=True))
    return intervals.values[TRUE][:, 0, row, column, 0]
