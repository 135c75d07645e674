"""Prediction of the memory that an image takes on its way through a part of the graph, from shapes alone.

On the way forward a map is kept until the last operation that reads it has run, and the peak is what counts. For a
gradient, the maps that the backward pass reads are kept as well, and two of the largest come on top where it begins. An
output that an operation writes over its input takes no memory of its own. The inside of functions that the graph calls
is not predicted. A test compares the prediction with a real pass; they must agree within a factor of three.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .op_kinds import CELL_BY_CELL, FORGETFUL, HANDED_ON, NORMALISATIONS

if TYPE_CHECKING:
    import tensorflow as tf

    from .graph import ForwardGraph

# Operations that write over an input that no other operation reads.
IN_PLACE = CELL_BY_CELL | NORMALISATIONS
# The sides, in px, with which a network that takes any size is tried.
SIDE = 256
# Kernels convert maps into an order of axes of their own and back, which takes about as much again as the maps.
TURNED = 2


@dataclass
class Room:
    """A block of memory."""

    size: int
    readers: float = 0  # the number of times that its content will still be read
    kept: bool = False  # for the backward pass


def times_its_input(graph: "ForwardGraph", starts: Sequence[str], ends: Sequence[str], backward: bool) -> float:
    """The memory for the way from `starts` to `ends`, and back if `backward`, as a multiple of an image's `starts[0]`.

    The memory of a network that takes images of any size is assumed to be proportional to their pixels.
    """
    sides = [SIDE if side is None else side for side in graph.tensor(graph.input).shape[1:3]]
    sized, image = graph.for_one_image(*sides)
    given = [image if name == graph.input else sized.get_tensor_by_name(name) for name in starts]
    needed = set().union(*(graph.before(name) for name in ends))
    needed &= set().union(*(graph.after(name) for name in starts))
    operations = [each for each in sized.get_operations() if each.name in needed]
    return peak(operations, given, ends, backward) / max(1, _bytes(given[0]))


def peak(
    operations: "Iterable[tf.Operation]", given: "Sequence[tf.Tensor]", ends: Iterable[str], backward: bool
) -> float:
    """The largest number of bytes that are held at a time while `operations` run one after the other."""
    readers = Counter(tensor.name for each in operations for tensor in each.inputs) + Counter(ends)
    rooms = {tensor.name: Room(_bytes(tensor), math.inf) for tensor in given}  # the caller holds them
    held = most = sum(room.size for room in rooms.values())
    largest = 0
    for each in operations:
        read = [rooms[tensor.name] for tensor in each.inputs if tensor.name in rooms]
        looked_at = backward and each.type not in FORGETFUL
        for output in each.outputs:
            room = _taken_over(each, read, _bytes(output))
            if room is None:
                room = Room(_bytes(output))
                held += room.size
            room.readers += readers[output.name]
            room.kept |= looked_at
            rooms[output.name] = room
        largest, most = max([largest, *(rooms[output.name].size for output in each.outputs)]), max(most, held)
        for room in read:
            room.readers -= 1
            room.kept |= looked_at
        made = [rooms[output.name] for output in each.outputs]
        for room in {id(room): room for room in (*read, *made)}.values():
            if room.readers == 0 and not room.kept:
                held -= room.size
    return max(most, held + 2 * largest) if backward else TURNED * most


def _taken_over(operation, read, size):
    """The room of an input that the output takes over, or None."""
    if operation.type in HANDED_ON:
        return next((room for room in read if room.size == size), None)
    if operation.type not in IN_PLACE:
        return None
    return next((room for room in read if room.size == size and room.readers == 1 and not room.kept), None)


def _bytes(tensor):
    return (tensor.shape.num_elements() or 0) * tensor.dtype.size
