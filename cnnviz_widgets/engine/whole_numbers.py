"""Models that take whole numbers: the gradient is that behind the cast, where the numbers are the pixels'.

A model of uint8 images casts them to integers, may flip, crop or pad these, and casts them back; no gradient passes
that. The first cast becomes a rounding down, the same numbers, whose gradient hands on what it gets, and what moves
integers moves floats. Whatever computes with the integers in another way gets them by a cast as before.
"""

from collections import defaultdict

import tensorflow as tf

from .op_kinds import IDENTITIES, LINEAR, MOVES, RESIZINGS, SHAPE_ONLY
from .registered_gradients import FLOATS, HANDED_BACK, hand_back, register_once
from .tensor_names import GraphDef, NodeDef, operation

# The name of the operation that gives the images to the model, where a person's function prepares them.
DOOR = "images_for_the_model"
INTEGERS = {kind.as_datatype_enum for kind in (tf.uint8, tf.int8, tf.uint16, tf.int16, tf.int32, tf.int64)}
NEAREST = "ResizeNearestNeighbor"
# The output holds numbers of the inputs, whatever their type.
CARRYING = IDENTITIES | MOVES | {NEAREST}
# The output is floats, also of integers.
TO_FLOATS = RESIZINGS - {NEAREST} | {"ResizeArea", "ResizeBicubic"}


def without_integers(definition: GraphDef, image: str) -> GraphDef:
    """A GraphDef in which the images `image` stay floats where they are cast to integers, moved, and cast back.

    That is so where the model does nothing else with them: it takes integers. Else it has a gradient without that.
    """
    if not any(_makes_integers(node) for node in definition.node):
        return definition
    nodes, readers = {node.name: node for node in definition.node}, defaultdict(list)
    for node in definition.node:
        for tensor in node.input:
            readers[operation(tensor)].append(node)
    casts = _casts(DOOR if DOOR in nodes else operation(image), readers)
    carried = _carried(casts, readers)
    if not any(_is_end(reader) for name in carried for reader in readers[name]):
        return definition
    register_once(HANDED_BACK, hand_back)
    kind, *others = {nodes[name].attr["SrcT"].type for name in casts}
    return definition if others else _Rewriting(carried, casts, kind).of(definition)


def _makes_integers(node):
    return node.op == "Cast" and node.attr["SrcT"].type in FLOATS and node.attr["DstT"].type in INTEGERS


def _makes_floats(node):
    return node.op == "Cast" and node.attr["DstT"].type in FLOATS


def _is_end(node):
    return _makes_floats(node) or node.op in TO_FLOATS


def _is_widening(node):
    """True for a cast to integers that has all values of those before it."""
    if node.op != "Cast" or not {node.attr["SrcT"].type, node.attr["DstT"].type} <= INTEGERS:
        return False
    before, after = (tf.as_dtype(node.attr[key].type) for key in ("SrcT", "DstT"))
    return after.min <= before.min and before.max <= after.max


def _data(node):
    """The places of the inputs whose numbers the output holds."""
    if node.op == "ConcatV2":  # the last one is the axis
        return range(int(node.attr["N"].i))
    return LINEAR.get(node.op, (0,))


def _reads_as_data(node, name):
    return any(place in _data(node) and operation(tensor) == name for place, tensor in enumerate(node.input))


def _casts(image, readers):
    """The names of the casts to integers of the image, as it is, moved, or in another type of floats.

    None of them where the numbers of the image are used in another way as well.
    """
    found, waiting, seen = set(), [image], {image}
    while waiting:
        name = waiting.pop()
        for node in readers[name]:
            if _makes_integers(node):
                found.add(node.name)
            elif not (_makes_floats(node) or node.op in CARRYING) or not _reads_as_data(node, name):
                if node.op not in SHAPE_ONLY:
                    return set()
            elif node.name not in seen:
                seen.add(node.name)
                waiting.append(node.name)
    return found


def _carried(casts, readers):
    """{operation: the type of the integers that it gives} of the casts, and of all that only moves their numbers."""
    found, waiting = {}, []

    def keep(node, kind):
        if node.name not in found:
            found[node.name] = kind
            waiting.append(node.name)

    for node in (node for nodes in readers.values() for node in nodes if node.name in casts):
        keep(node, node.attr["DstT"].type)
    while waiting:
        name = waiting.pop()
        for node in readers[name]:
            if _is_widening(node):
                keep(node, node.attr["DstT"].type)
            elif node.op in CARRYING and _reads_as_data(node, name):
                keep(node, node.attr["T" if "T" in node.attr else "Tparams"].type)
    return found


class _Rewriting:
    """The rewriting of a GraphDef: what is `carried` {operation: type of integers} gives floats of the type `kind`."""

    def __init__(self, carried, casts, kind):
        self.carried, self.casts, self.kind = carried, casts, kind

    def of(self, definition):
        """The rewritten GraphDef."""
        changed = tf.compat.v1.GraphDef(versions=definition.versions, library=definition.library)
        for node in definition.node:
            copy = tf.compat.v1.NodeDef()
            copy.CopyFrom(node)
            changed.node.extend(self._inputs_cast(copy))
            self._retype(copy)
            changed.node.append(copy)
        return changed

    def _inputs_cast(self, node):
        """New casts of those inputs of a node that are of the other type now; the node reads these."""
        if node.name in self.casts:
            return
        floats = node.name in self.carried or _is_end(node)
        for place, tensor in enumerate(node.input):
            if tensor.startswith("^"):
                continue
            kind = self.carried.get(operation(tensor))
            if kind is not None and not (floats and place in _data(node)):
                yield self._cast(node, place, self.kind, kind)
            elif kind is None and node.name in self.carried and self._is_integer(node, place):
                yield self._cast(node, place, self.carried[node.name], self.kind)

    def _is_integer(self, node, place):
        """True for an input of a carried node that has the type of its output: its data, and what it pads with."""
        return place in _data(node) or (node.op == "PadV2" and place == 2)

    def _cast(self, node, place, before, after):
        cast = tf.compat.v1.NodeDef(name=f"{node.name}/input_{place}_cast", op="Cast", input=[node.input[place]])
        cast.attr["SrcT"].type, cast.attr["DstT"].type = before, after
        node.input[place] = cast.name
        return cast

    def _retype(self, node):
        if node.name in self.casts:
            _round_down(node)
        elif node.name in self.carried and node.op == "Cast":
            node.attr["SrcT"].type = node.attr["DstT"].type = self.kind
        elif node.name in self.carried:
            node.attr["T" if "T" in node.attr else "Tparams"].type = self.kind
        elif _is_end(node) and any(operation(tensor) in self.carried for tensor in node.input):
            node.attr["SrcT" if node.op == "Cast" else "T"].type = self.kind


def _round_down(cast: NodeDef):
    """Make a rounding of a cast to integers."""
    kind = cast.attr["SrcT"].type
    cast.op = "Floor"
    cast.attr.clear()
    cast.attr["T"].type = kind
    cast.attr["_gradient_op_type"].s = HANDED_BACK.encode()
