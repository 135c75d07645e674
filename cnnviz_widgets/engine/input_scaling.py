"""The arithmetic with which a model begins: whether it tells that the model takes pixels from 0 to 255.

A Rescaling or a Normalization layer, or the operations of a `preprocess_input` inside the model, do arithmetic by
constants before anything learned: they make small numbers of pixels from 0 to 255, or take the mean of these away.
Constants that make large numbers of such pixels, as `Rescaling(2, -1)` does, are for pixels of another range.
"""

from typing import TYPE_CHECKING

import numpy as np

from .op_kinds import AFFINE, IDENTITIES, MOVES, READING, RESIZINGS, ROUNDINGS
from .tensor_names import operation, tensor_name
from .whole_numbers import INTEGERS

if TYPE_CHECKING:
    from .tensorflow_engine import TensorFlowEngine

# The numbers are the image's, at other places or of another type.
CARRYING = IDENTITIES | MOVES | RESIZINGS | {"Cast", "ResizeArea", "ResizeBicubic"}
# Scaled pixels end below the first number in size; those without their mean reach beyond the second to both sides.
SCALED, CENTRED = 10.0, 50.0


def takes_bytes(engine: "TensorFlowEngine") -> bool:
    """True if a model's first operations tell that it takes 0 to 255: it scales these, or takes whole numbers."""
    graph = engine.traced.graph
    found, waiting, seen = set(), [(operation(graph.input), False)], set()
    while waiting:
        name, scaled = way = waiting.pop()
        if way in seen:
            continue
        seen.add(way)
        for reader in map(graph.node, graph.readers(name)):
            if _makes_whole(reader):
                return True
            if reader.op in CARRYING:
                waiting.append((reader.name, scaled))
            elif reader.op in AFFINE and _is_by_constants(graph, reader, name):
                waiting.append((reader.name, True))
            else:
                found.add(way)
    ends = [tensor_name(name) for name, scaled in found if scaled]
    return len(ends) == len(found) > 0 and all(map(_are_of_bytes, *_at_the_ends(engine, ends)))


def _makes_whole(node):
    return node.op in ROUNDINGS or (node.op == "Cast" and node.attr["DstT"].type in INTEGERS)


def _is_by_constants(graph, node, image):
    """True if what an operation adds, or multiplies by, is neither learned nor made from the image."""
    others = [tensor for tensor in graph.inputs_of(node.name) if operation(tensor) != image]
    if any(operation(tensor) in graph.of_numbers() for tensor in others):
        return False
    return not any(graph.node(name).op == READING for tensor in others for name in graph.before(tensor))


def _at_the_ends(engine, tensors):
    """(values of the tensors for a black image, values for a white one), of pixels from 0 to 255."""
    noise = engine.noise.image()
    return [engine.values(np.full_like(noise, pixel), *tensors) for pixel in (0, 255)]


def _are_of_bytes(black, white):
    """True if a tensor with these values was made to take 0 to 255."""
    least, most = min(black.min(), white.min()), max(black.max(), white.max())
    return bool(max(-least, most) <= SCALED or (least < -CENTRED and most > CENTRED))
