"""The parts of an image that excite a channel most, cut out by its receptive field."""

from dataclasses import dataclass

import numpy as np

# Cells that are looked at, strongest first: on fine grids more than these would be no strong ones.
LOOKED_AT = 400
OUTSIDE = 128  # the grey where a receptive field reaches beyond the image


@dataclass(frozen=True)
class Place:
    """One cell of a channel's map, and what of the image it sees."""

    row: int
    column: int
    value: float
    box: tuple  # (top, left, bottom, right) in px, bottom and right exclusive


def strongest_places(channel, field, height, width, count=9):
    """At most `count` Places of a map (rows, columns), by falling value.

    Of places whose boxes overlap by more than half (of what both cover), only the strongest counts; only values above
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
            found.append(Place(int(row), int(column), value, box))
    return tuple(found)


def cut_out(rgb, boxes):
    """The parts of an image (height, width, 3) that `boxes` enclose: (box, height, width, 3) uint8, of one size.

    Those that the image's border made smaller stand in the middle of grey.
    """
    parts = [rgb[top:bottom, left:right] for top, left, bottom, right in boxes]
    height, width = np.max([part.shape[:2] for part in parts], axis=0)
    patches = np.full((len(parts), height, width, 3), OUTSIDE, np.uint8)
    for patch, part in zip(patches, parts, strict=True):
        top, left = (height - part.shape[0]) // 2, (width - part.shape[1]) // 2
        patch[top : top + part.shape[0], left : left + part.shape[1]] = part
    return patches


def _overlap(one, other):
    """Share of what two boxes cover together that both cover."""
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    both = max(height, 0) * max(width, 0)
    return both / (_area(one) + _area(other) - both)


def _area(box):
    return (box[2] - box[0]) * (box[3] - box[1])
