"""Axes of tensors as products of parts: the image's rows, its columns, the images of a batch, and the rest.

A reshape deals the parts out anew. Eight rows may become two times four, a window's number and a place in the window;
a window's number may stand in front of the images, and later everything come back to where it was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

IMAGES, ROWS, COLUMNS, SEQUENCE, OTHER = "images", "rows", "columns", "sequence", "other"


@dataclass(frozen=True)
class Part:
    """A factor of an axis: `size` steps, each `stride` places long."""

    of: str
    size: int | None = None
    stride: int = 1
    outer: bool = True  # it goes from one end of the image to the other; not so the places in a window
    before: int = 0  # tokens in front of the cells of a sequence
    cells: tuple["Part", ...] = ()  # the rows and columns of a sequence


Axis = tuple[Part, ...]
Axes = tuple[Axis, ...]


def rest(size: int | None) -> Axis:
    """An axis of which nothing is known but its length."""
    return (Part(OTHER, size),)


def is_images(axis: Axis) -> bool:
    """True for an axis along which there is one place for each image."""
    return tuple(part.of for part in axis) == (IMAGES,)


def is_one(axis: Axis) -> bool:
    """True for an axis of one place."""
    return all(part.size == 1 for part in axis)


def is_side(axis: Axis, of: str) -> bool:
    """True for an axis along the image's rows, or columns, from end to end, and for one of a single place.

    Each row may have become several, as where places are repeated or channels shuffled into pixels.
    """
    return is_one(axis) or (axis[0].of == of and axis[0].outer and all(part.of == OTHER for part in axis[1:]))


def is_grid(axes: Axes | None) -> bool:
    """True for the axes of a grid of the image: images, rows, columns, channels."""
    return (
        axes is not None
        and len(axes) == 4
        and is_images(axes[0])
        and is_side(axes[1], ROWS)
        and is_side(axes[2], COLUMNS)
    )


def length_changed(axis: Axis, size: int | None) -> Axis:
    """The axis with another length, by a convolution, a crop or a resize: rows stay rows, all else is lost."""
    for of in (ROWS, COLUMNS):
        if not is_one(axis) and is_side(axis, of):
            return (Part(of, size),)
    return axis if length(axis) == size and size is not None else rest(size)


def cells_of(axis: Axis) -> tuple[Axis, int]:
    """(the rows and columns of the tokens along an axis, the number of tokens in front); ((), 0) for other axes."""
    if len(axis) == 1 and axis[0].of == SEQUENCE:
        return axis[0].cells, axis[0].before
    cells = tuple(part.of for part in axis if part.outer) == (ROWS, COLUMNS) and len(axis) == 2
    return (axis, 0) if cells else ((), 0)


def length(axis: Axis) -> int | None:
    """The number of places along an axis; None where it depends on something."""
    sizes = [part.size for part in axis if part.size is not None]
    return prod(sizes) if len(sizes) == len(axis) else None


def axis_beside(first: Axis, second: Axis) -> Axis:
    """The axis of a result made place by place of two others, each of which may be of one place."""
    if is_one(first) or _said(first) == _said(second):
        return second if is_one(first) else first
    if is_one(second) or all(part.of == OTHER for part in second):
        return first
    # What has lost its name and is added to rows, place by place, goes along rows.
    return second if all(part.of == OTHER for part in first) else rest(length(first))


def _said(axis):
    return [(part.of, part.stride, part.outer, part.before) for part in axis]


def dealt(axes: Axes, sizes: Sequence[int | None]) -> Axes | None:
    """The axes after a reshape to `sizes`; None where the parts do not fit. The first axis takes what is left."""
    left = [part for axis in axes for part in axis if part.size != 1 or part.of == IMAGES]
    dealt_out: list[Axis] = []
    for size in reversed(sizes[1:]):
        taken = _taken(left, size)
        if taken is None:
            return None
        dealt_out.insert(0, _merged(taken))
    return (_merged(left), *dealt_out)


def _taken(left, size):
    """The parts that make an axis of this size, removed from the end of `left`; None where there are none."""
    if size is None:
        return [left.pop()] if left else None
    taken = []
    while size > 1:
        if not left or left[-1].size is None:
            return None
        part = left.pop()
        if size % part.size == 0:
            taken.insert(0, part)
            size //= part.size
        elif part.size % size == 0 and part.of != SEQUENCE:
            taken.insert(0, replace(part, size=size, outer=False))
            left.append(replace(part, size=part.size // size, stride=part.stride * size))
            size = 1
        else:
            return None
    return taken


def _merged(parts: Iterable[Part]) -> Axis:
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if last is not None and _goes_on(last, part):
            merged[-1] = replace(part, size=length((last, part)), outer=last.outer)
        else:
            merged.append(part)
    return tuple(merged)


def _goes_on(last, part):
    if last.of != part.of or None in (last.size, part.size):
        return False
    return part.of == OTHER or (part.of in (ROWS, COLUMNS) and last.stride == part.stride * part.size)
