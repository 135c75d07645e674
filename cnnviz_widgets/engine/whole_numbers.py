"""Models that take whole numbers: the gradient is that behind the cast, where the numbers are the pixels'.

A model of uint8 images casts them to integers and back, and no gradient passes that. The two casts become a rounding
down, the same numbers, whose gradient hands on what it gets.
"""

from collections import defaultdict

import tensorflow as tf

from .op_kinds import IDENTITIES
from .registered_gradients import FLOATS, HANDED_BACK, hand_back, register_once
from .tensor_names import GraphDef, operation

INTEGERS = {kind.as_datatype_enum for kind in (tf.uint8, tf.int8, tf.uint16, tf.int16, tf.int32, tf.int64)}


def without_integers(definition: GraphDef, image: str) -> GraphDef:
    """A GraphDef in which the images `image` stay floats where they are cast to integers and straight back."""
    if not any(_makes_integers(node) for node in definition.node):
        return definition
    nodes, readers = {node.name: node for node in definition.node}, defaultdict(list)
    for node in definition.node:
        for tensor in node.input:
            readers[operation(tensor)].append(node)
    ways = {cast.name: _way_back(cast, readers) for cast in _casts(operation(image), readers)}
    ways = {name: way for name, way in ways.items() if way is not None}
    if not ways:
        return definition
    register_once(HANDED_BACK, hand_back)
    floats = {later: nodes[name].attr["SrcT"].type for name, way in ways.items() for later in way}
    changed = tf.compat.v1.GraphDef()
    changed.CopyFrom(definition)
    for node in changed.node:
        if node.name in ways:
            _round_down(node)
        elif node.name in floats:
            node.attr["SrcT" if node.op == "Cast" else "T"].type = floats[node.name]
    return changed


def _makes_integers(node):
    return node.op == "Cast" and node.attr["SrcT"].type in FLOATS and node.attr["DstT"].type in INTEGERS


def _makes_floats(node):
    return node.op == "Cast" and node.attr["DstT"].type in FLOATS


def _casts(image, readers):
    """The casts to integers of the image, as it is or in another type of floats."""
    found, waiting = [], [image]
    while waiting:
        for node in readers[waiting.pop()]:
            if node.op in IDENTITIES or _makes_floats(node):
                waiting.append(node.name)
            elif _makes_integers(node):
                found.append(node)
    return found


def _way_back(cast, readers):
    """The names of the operations from a cast to integers to those back, these included; None with any others."""
    found, waiting = [], [cast.name]
    while waiting:
        for node in readers[waiting.pop()]:
            if node.op not in IDENTITIES and not _makes_floats(node):
                return None
            found.append(node.name)
            if node.op in IDENTITIES:
                waiting.append(node.name)
    return found


def _round_down(cast):
    """Make a rounding of a cast to integers."""
    kind = cast.attr["SrcT"].type
    cast.op = "Floor"
    cast.attr.clear()
    cast.attr["T"].type = kind
    cast.attr["_gradient_op_type"].s = HANDED_BACK.encode()
