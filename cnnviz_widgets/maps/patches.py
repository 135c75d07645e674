"""The parts of an image that excite a channel most, cut out by its receptive field."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Cells that are looked at, strongest first: further ones of a fine grid would not be strong.
LOOKED_AT = 400
OUTSIDE = 128  # the grey where a receptive field reaches beyond the image

# (top, left, bottom, right) in px, bottom and right exclusive.
Box = tuple[int, int, int, int]


class HasBoxes(Protocol):
    """The one question that this file puts to a receptive field."""

    def box(self, row: int, column: int, height: int, width: int) -> Box | None:
        """Return the part of an image that a cell sees; None for a cell that sees nothing of it."""
        ...


@dataclass(frozen=True)
class ExcitedCell:
    """One cell of a channel's map, and the part of the image that it sees."""

    row: int
    column: int
    value: float
    box: Box


def strongest_cells(
    channel: np.ndarray, field: HasBoxes, height: int, width: int, count: int = 9
) -> tuple[ExcitedCell, ...]:
    """Return at most `count` cells of a map (rows, columns), by falling value.

    Where the boxes of cells overlap by more than half (of their union), only the strongest counts; only values above
    zero excite. `field` is a ReceptiveField, `height` and `width` those of the image.
    """
    found = []
    for index in np.argsort(-channel, axis=None, kind="stable")[:LOOKED_AT]:
        row, column = np.unravel_index(index, channel.shape)
        value = float(channel[row, column])
        if len(found) == count or not value > 0:
            break
        box = field.box(int(row), int(column), height, width)
        if box is not None and all(_overlap(box, place.box) <= 0.5 for place in found):
            found.append(ExcitedCell(int(row), int(column), value, box))
    return tuple(found)


def cut_out(rgb: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Return the parts of an image (height, width, 3) inside `boxes`, of one size: (box, height, width, 3) uint8.

    Parts that the border of the image made smaller stand in the middle of grey.
    """
    parts = [rgb[top:bottom, left:right] for top, left, bottom, right in boxes]
    height, width = np.max([part.shape[:2] for part in parts], axis=0)
    patches = np.full((len(parts), height, width, 3), OUTSIDE, np.uint8)
    for patch, part in zip(patches, parts, strict=True):
        top, left = (height - part.shape[0]) // 2, (width - part.shape[1]) // 2
        patch[top : top + part.shape[0], left : left + part.shape[1]] = part
    return patches


def _overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes as a share of their union."""
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    both = max(height, 0) * max(width, 0)
    return both / (_area(one) + _area(other) - both)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
