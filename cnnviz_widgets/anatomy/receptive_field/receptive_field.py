"""What of the image a cell of a layer can see: its receptive field, worked out from the operations of the traced graph.

The rules are those of Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019
(doi:10.23915/distill.00021), applied to intervals of pixels instead of their sizes, so that padding at the border,
branches, enlargement and reshaping come out exactly too. An operation that we do not know gives no field, and neither
gets what comes after it: never a guess.
"""

import weakref
from dataclasses import dataclass, field

import numpy as np

from .intervals import FREE, TRUE, Reach

# Sides of images on which networks that take any size are tried: what holds for all of them does not depend on it.
TRIED_SIZES = (512, 513, 729, 730)

_known = weakref.WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """What of the image one cell of a layer's grid can see, (height, width) each, in pixels of the image.

    A layer without a grid, a vector of classes say, has one cell, at row 0 and column 0.
    """

    # How large it is where the image does not end. None in a direction in which it is no window that moves: the cell
    # sees everything there, through global pooling, a dense layer after a flatten, squeeze-and-excitation.
    size: tuple
    # How far it moves from a cell to the next; a float where a grid was enlarged, None with a size of None.
    stride: tuple
    # The top and left pixel of cell (0, 0), negative where that is padding; 0 with a size of None. None where it
    # depends on the image's size.
    start: tuple
    image_size: tuple | None = None  # the (height, width) for which `box` knows the answer; None: for any
    cells: tuple | None = None  # how many (rows, columns) of cells there are at that size
    _reaches: tuple = field(default=(), repr=False)
    _at: object = field(default=None, repr=False)

    def box(self, row, column, height, width):
        """(top, left, bottom, right) of what cell (row, column) sees of an image of (height, width); integers.

        Bottom and right are exclusive. None where the cell sees padding only. Raises IndexError for a cell that the
        layer does not have, and ValueError for an image that the network does not take.
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
        values = np.concatenate([_cell(reach, row, column) for reach in self._reaches])
        if np.isinf(values).any():
            return None
        top, bottom, left, right = values * (-1, 1, -1, 1)
        return int(top), int(left), int(bottom), int(right)


def receptive_fields(network, image_size=None):
    """The field of every layer of a Network: {path: ReceptiveField, or None where it cannot be told}.

    `image_size` (height, width) is for networks that take images of any size. Without it, only what holds at every
    size is told about them, and `ReceptiveField.box` works it out for the size it is given.
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
    from .rules import sights

    traced = network.traced_engine.traced
    seen = sights(traced.graph, sides, [tap.tensor for tap in traced.taps])
    return {tap.path: _field(seen.get(tap.tensor), sides) for tap in traced.taps}


def _at_any_size(network, sides):
    """What is the same at several sizes; these leave the several remainders that padding can depend on."""
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
    shape, reaches = found
    # A grid's axes are its rows and columns; a vector of features counts as one cell, which sees what they all see.
    grid = (1, 2) if len(shape) == 4 else ()
    reaches = [reach.reduced([axis for axis in range(reach.rank) if axis not in grid], True) for reach in reaches]
    reaches = tuple(reach if grid else Reach(reach.values.reshape(4, 1, 1, 1, 1)) for reach in reaches)
    measures = [_measured(reach, axis) for axis, reach in enumerate(reaches, start=1)]
    if None in measures:
        return None
    cells = shape[1:3] if grid else (1, 1)
    return ReceptiveField(*zip(*measures, strict=True), image_size=sides, cells=cells, _reaches=reaches)


def _measured(reach, axis):
    """(size, stride, start) along one axis of the image; None where they cannot be told."""
    if reach.whole:
        return None, None, 0
    size = reach.values[FREE].sum(axis=0).max()
    if reach.pace is None or reach.pace[0] != axis or not np.isfinite(size):  # also a grid that was turned
        return None
    stride = reach.stride
    return int(size), int(stride) if stride.denominator == 1 else float(stride), -int(reach.values[0].flat[0])


def _cell(reach, row, column):
    """(minus first, last) pixel of a cell's true interval."""
    row, column = (min(at, length - 1) for at, length in zip((row, column), reach.shape[1:3], strict=True))
    return reach.values[TRUE][:, 0, row, column, 0]
