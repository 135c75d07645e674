"""The receptive field of each cell of a layer, derived from the operations of the traced graph.

The rules are those of Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019
(doi:10.23915/distill.00021), applied to intervals of pixels instead of their sizes, so that padding at the border,
branches, enlargement and reshaping are exact too. Nothing is guessed: an operation without a rule has no field, and
neither has an operation behind it.
"""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .intervals import FREE, TRUE, Intervals
from .rules import fields_of

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# A network that takes any size is tried with images of these sides: facts that are the same for all hold for any size.
TRIED_SIZES = (512, 513, 729, 730)

Sides = tuple[int | None, int | None]  # (height, width), None for any

_known: "weakref.WeakKeyDictionary[Network, dict[Sides, Fields]]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """The part of the image on which one cell of a layer's grid depends: (height, width) each, in pixels of the image.

    A layer without a grid, such as a vector of classes, has one cell, at row 0 and column 0.
    """

    # The size away from the image's border. It is None in a direction without a moving window: the field is the whole
    # image there, through global pooling, a dense layer behind a Flatten, squeeze-and-excitation.
    size: tuple[int | None, int | None]
    # The distance from the field of a cell to that of the next; a float if a grid was enlarged, None if the size is.
    stride: tuple[float | None, float | None]
    # The top and left pixel of cell (0, 0), negative in the padding; 0 if the size is None, and None if it depends on
    # the image's size.
    start: tuple[int | None, int | None]
    image_size: tuple[int, int] | None = None  # the only (height, width) for `box`; None for any
    cells: tuple[int, int] = (1, 1)  # the numbers of (rows, columns) at that size
    _intervals: tuple[Intervals, ...] = field(default=(), repr=False)
    _at: "Callable[[tuple[int, int]], ReceptiveField | None] | None" = field(default=None, repr=False)

    def box(self, row: int, column: int, height: int, width: int) -> tuple[int, int, int, int] | None:
        """(top, left, bottom, right) of the field of cell (row, column) in an image of (height, width).

        Bottom and right are exclusive. None means that the cell depends on padding only. Raises IndexError for a cell
        that the layer does not have, and ValueError for an image that the network does not take.
        """
        if self._at is not None:
            if (there := self._at((height, width))) is None:
                raise ValueError(
                    f"The receptive field must be known at this size of the image. Received: {(height, width)}."
                )
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


Fields = dict[str, ReceptiveField | None]


def receptive_fields(network: "Network", image_size: Sequence[int | None] | None = None) -> Fields:
    """The field of every layer of a Network: {path: ReceptiveField, or None if it is unknown}.

    `image_size` (height, width) is for networks that take images of any size. Without it, a field holds only facts that
    are the same at every size, and `ReceptiveField.box` derives the rest for the size that it is given.
    """
    height, width = network.input_shape[:2] if image_size is None else image_size
    sides = height, width
    if any(have not in (None, want) for have, want in zip(network.input_shape, sides, strict=False)):
        raise ValueError(
            f"image_size must be one that the network takes, {network.input_shape[:2]}. Received: {sides}."
        )
    known = _known.setdefault(network, {})
    if sides not in known:
        sized = None if height is None or width is None else (height, width)
        known[sides] = _at_any_size(network, sides) if sized is None else _at_size(network, sized)
    return known[sides]


def _at_size(network, sides):
    traced = network.traced_engine.traced
    found = fields_of(traced.graph, sides, [tap.tensor for tap in traced.all_taps])
    return {tap.path: _field(found.get(tap.tensor), sides) for tap in traced.all_taps}


def _at_any_size(network, sides):
    """The facts that are the same at several sizes, which have all the remainders that padding can depend on."""
    trials = []
    for tried in TRIED_SIZES:
        trials.append(receptive_fields(network, tuple(tried if side is None else side for side in sides)))
    return {path: _common([trial[path] for trial in trials], network, path) for path in trials[0]}


def _common(fields, network, path):
    first = fields[0]
    if any(one is None or (one.size, one.stride) != (first.size, first.stride) for one in fields):
        return None
    starts = zip(*(one.start for one in fields), strict=True)
    top, left = (values[0] if len(set(values)) == 1 else None for values in starts)

    here = weakref.ref(network)  # kept fields must not keep the network alive

    def at(sides):
        alive = here()
        return None if alive is None else receptive_fields(alive, sides)[path]

    return ReceptiveField(first.size, first.stride, (top, left), _at=at)


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
    """(size, stride, start) along one axis of the image; None if they are unknown."""
    if intervals.whole:
        return None, None, 0
    size = intervals.values[FREE].sum(axis=0).max()
    if intervals.pace is None or intervals.pace[0] != axis or not np.isfinite(size):  # also for a transposed grid
        return None
    stride = intervals.stride
    return int(size), int(stride) if stride.denominator == 1 else float(stride), -int(intervals.values[0].flat[0])


def _cell(intervals, row, column):
    """(minus first, last) pixel of a cell's true interval."""
    row, column = (min(at, length - 1) for at, length in zip((row, column), intervals.shape[1:3], strict=True))
    return intervals.values[TRUE][:, 0, row, column, 0]
