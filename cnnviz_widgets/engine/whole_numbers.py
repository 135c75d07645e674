"""Models that take whole numbers: the gradient is that behind the cast, where the numbers are the pixels'.

A model of uint8 images casts them to integers and back, and no gradient passes that. The two casts become a rounding
down, the same numbers, whose gradient hands on what it gets.
"""

import tensorflow as tf

from .op_kinds import IDENTITIES
from .tensor_names import GraphDef, operation

# The name of our gradient in TensorFlow's register.
HANDED_BACK = "CnnvizHandedBack"
FLOATS = {kind.as_datatype_enum for kind in (tf.float16, tf.bfloat16, tf.float32, tf.float64)}
INTEGERS = {kind.as_datatype_enum for kind in (tf.uint8, tf.int8, tf.uint16, tf.int16, tf.int32, tf.int64)}


def without_integers(definition: GraphDef, image: str) -> GraphDef:
    """A GraphDef in which the images `image` stay floats where they are cast to integers and straight back."""
    readers = {}
    for node in definition.node:
        for tensor in node.input:
            readers.setdefault(operation(tensor), []).append(node.name)
    nodes, casts = {node.name: node for node in definition.node}, {}
    waiting = [operation(image)]
    while waiting:
        for node in (nodes[name] for name in readers.get(waiting.pop(), ())):
            if node.op in IDENTITIES or (node.op == "Cast" and node.attr["DstT"].type in FLOATS):
                waiting.append(node.name)
            elif node.op == "Cast" and node.attr["SrcT"].type in FLOATS and node.attr["DstT"].type in INTEGERS:
                casts[node.name] = _back(node.name, nodes, readers)
    casts = {name: back for name, back in casts.items() if back is not None}
    if not casts:
        return definition
    _register()
    changed = tf.compat.v1.GraphDef()
    changed.CopyFrom(definition)
    kinds = {name: nodes[cast].attr["SrcT"].type for cast, back in casts.items() for name in back}
    for node in changed.node:
        if node.name in casts:
            kind = node.attr["SrcT"].type
            node.op = "Floor"
            node.attr.clear()
            node.attr["T"].type = kind
            node.attr["_gradient_op_type"].s = HANDED_BACK.encode()
        elif node.name in kinds:
            node.attr["SrcT" if node.op == "Cast" else "T"].type = kinds[node.name]
    return changed


def _back(name, nodes, readers):
    """The operations between a cast to integers and those back to floats, these included; None for any others."""
    found, waiting = [], [name]
    while waiting:
        for reader in readers.get(waiting.pop(), ()):
            node = nodes[reader]
            if node.op == "Cast" and node.attr["DstT"].type in FLOATS:
                found.append(reader)
            elif node.op in IDENTITIES:
                found.append(reader)
                waiting.append(reader)
            else:
                return None
    return found


def _register():
    try:
        tf.RegisterGradient(HANDED_BACK)(lambda operation, gradient: gradient)
    except KeyError:  # registered before: also when the package was reloaded
        return
