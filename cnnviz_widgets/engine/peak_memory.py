"""How much memory an image takes on its way through a part of the graph: a prediction, from shapes alone.

Forward, a map is there until the last operation that reads it has run, so what counts is the moment when most is there.
For a gradient those maps stay that the way back looks at, and where it begins two of the largest come on top. What an
operation can write over its input needs no room of its own. What is inside a function that the graph calls is not
foreseen. A test measures a real pass beside it, which must agree within a factor of three.
"""

import math
from collections import Counter
from dataclasses import dataclass

from .op_kinds import CELL_BY_CELL, FORGETFUL, HANDED_ON, NORMALISATIONS

# Operations that write over an input which nobody else reads.
IN_PLACE = CELL_BY_CELL | NORMALISATIONS
# The sides, in px, for which a network that takes any size is looked at.
SIDE = 256
# Kernels turn maps into an order of their own and back, so that forward about twice as much is held as the maps take.
TURNED = 2


@dataclass
class Room:
    """A piece of memory: how often what is in it will still be read, and whether the way back looks at it."""

    size: int
    readers: int = 0
    kept: bool = False


def times_its_input(graph, starts, ends, backward):
    """How many times as much memory as an image's value of `starts[0]` the way to `ends` takes; `backward`: and back.

    A network that takes images of any size is taken to need memory in proportion to their pixels.
    """
    sides = [SIDE if side is None else side for side in graph.tensor(graph.input).shape[1:3]]
    sized, image = graph.for_one_image(*sides)
    given = [image if name == graph.input else sized.get_tensor_by_name(name) for name in starts]
    needed = set().union(*(graph.before(name) for name in ends))
    needed &= set().union(*(graph.after(name) for name in starts))
    operations = [each for each in sized.get_operations() if each.name in needed]
    return peak(operations, given, ends, backward) / max(1, _bytes(given[0]))


def peak(operations, given, ends, backward):
    """The largest number of bytes that are held at a time while `operations` run, one after the other."""
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
    """The room of an input, where the output needs none of its own."""
    if operation.type in HANDED_ON:
        return next((room for room in read if room.size == size), None)
    if operation.type not in IN_PLACE:
        return None
    return next((room for room in read if room.size == size and room.readers == 1 and not room.kept), None)


def _bytes(tensor):
    return (tensor.shape.num_elements() or 0) * tensor.dtype.size
