"""Custom gradients of layers, used in the parts of a graph that are imported.

A quantised layer rounds, and rounding has no gradient; a square root has an infinite one at zero. So a layer defines
one of its own (`tf.custom_gradient`). What computes it was recorded as operations (`recorded_gradients`): they stand
beside the model's, and the gradient of an imported part looks up what it needs of them. In the body of a loop or a
branch, of which TensorFlow makes the gradient, it finds them by a mark on the operation.

The operations between are in the graph too. Their own gradients take its place where a ReLU among them has to follow
one of our rules, and in SiLU, where they are the same and there are many.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from .op_kinds import RELUS, ROUNDINGS
from .recorded_gradients import WayBack, has_own_gradient, inside
from .registered_gradients import FLOATS, register_once
from .tensor_names import GraphDef, NodeDef, operation

if TYPE_CHECKING:
    from .graph import ForwardGraph

# The names of our gradients in TensorFlow's register: for operations of a part, and of a body of a loop or a branch.
RECORDED, WITHIN = "CnnvizRecorded", "CnnvizWithin"
# The mark on an operation in such a body: the function and the operation in it.
MARK = "_cnnviz_way_back"
# {operation: (names of the gradients at its outputs, names of those at its inputs, None where there is none)};
# where there is no way back, the end of a sentence that says why.
WaysBack = dict[str, tuple[tuple[str, ...], tuple[str | None, ...]] | str]


class NoWayBackError(ValueError):
    """A gradient that must pass a layer whose own gradient is not known, said in a sentence."""


def with_ways_back(definition: GraphDef, found: Mapping[str, WayBack | str]) -> tuple[GraphDef, WaysBack]:
    """A GraphDef with the operations that compute custom gradients beside its own, and what they compute.

    `found` are those of `SavedGradients`; the GraphDef is without calls.
    """
    ways: WaysBack = {end: way for end, way in found.items() if isinstance(way, str)}
    recorded = {end: way for end, way in found.items() if isinstance(way, WayBack)}
    if not recorded:
        return definition, ways
    changed = tf.compat.v1.GraphDef()
    changed.CopyFrom(definition)
    known = {function.signature.name for function in changed.library.function}
    for end, way in recorded.items():
        names = _Placed(f"{end}/way_back/", way.read)
        for node in way.definition.node:
            if node.name not in way.read:
                placed = changed.node.add()
                placed.CopyFrom(node)
                placed.name, placed.input[:] = names(node.name), list(map(names, node.input))
        for function in way.definition.library.function:
            if function.signature.name not in known:
                known.add(function.signature.name)
                changed.library.function.add().CopyFrom(function)
        wanted = tuple(None if tensor is None else names(tensor) for tensor in way.wanted)
        ways[end] = tuple(map(names, way.given)), wanted
    return changed, ways


class _Placed:
    """A function of the names in a way back to those in the graph where it is placed."""

    def __init__(self, prefix, read):
        self.prefix, self.read = prefix, read

    def __call__(self, name):
        known = self.read.get(operation(name))
        if name.startswith("^"):
            return f"^{self.prefix}{name[1:]}" if known is None else f"^{operation(known)}"
        return f"{self.prefix}{name}" if known is None else known


def mark_within(functions: Mapping[str, Any], within: Mapping[tuple[str, str], WayBack]) -> dict[str, Any]:
    """Copies of functions {name: FunctionDef} whose custom gradients are the recorded ones `within` them."""
    marked = {}
    for name, function in functions.items():
        marked[name] = copy = type(function)()
        copy.CopyFrom(function)
        for node in filter(has_own_gradient, copy.node_def):
            del node.attr["_gradient_op_type"]
            if (name, node.name) in within:
                node.attr["_gradient_op_type"].s = WITHIN.encode()
                node.attr[MARK].list.s.extend([name.encode(), node.name.encode()])
    return marked


def is_cut(node: NodeDef, nodes: Mapping[str, NodeDef]) -> bool:
    """True if an operation without a gradient lies between the inputs and outputs of such a function.

    `node` is that at its end, `nodes` are the graph's by name.
    """
    return any(
        each.op in ROUNDINGS or (each.op == "Cast" and each.attr["DstT"].type not in FLOATS)
        for each in inside(node, nodes)
    )


def has_inner_relu(node: NodeDef, nodes: Mapping[str, NodeDef]) -> bool:
    """True if such a function has a ReLU that a rule may rewrite; the arguments are as for `is_cut`."""
    return any(each.op in RELUS for each in inside(node, nodes))


def _recorded(operation, *gradients):
    parts = tf.compat.v1.get_collection(RECORDED)
    return next(part for part in parts if operation.name.startswith(part.prefix)).backward(operation, gradients)


def _recorded_within(operation, *gradients):
    name, own = (part.decode() for part in operation.get_attr(MARK))
    parts = operation.graph.get_collection(RECORDED)  # of the graph that has the loop
    way = next(part.whole.within[name, own] for part in parts if (name, own) in part.whole.within)
    here = tf.compat.v1.get_default_graph()
    values = {name: here.capture(operation.graph.get_tensor_by_name(tensor)) for name, tensor in way.read.items()}
    values |= dict(zip(way.given, _filled(operation, gradients), strict=True))
    ends = [tensor for tensor in way.wanted if tensor is not None]
    found = dict(zip(ends, tf.graph_util.import_graph_def(way.definition, values, ends, name=""), strict=True))
    return [None if tensor is None else found[tensor] for tensor in way.wanted]


def _filled(operation, gradients):
    """The gradients at an operation's outputs as tensors, zeros for those where there is none."""
    pairs = zip(gradients, operation.outputs, strict=True)
    return [tf.zeros_like(output) if gradient is None else tf.convert_to_tensor(gradient) for gradient, output in pairs]


class ImportedPart:
    """A part of a `ForwardGraph` as it was imported into a graph; a saved gradient finds its tensors through it."""

    whole: "ForwardGraph"
    prefix: str
    feeds: Mapping[str, tf.Tensor]

    def __init__(self, whole: "ForwardGraph", prefix: str, feeds: Mapping[str, tf.Tensor]):
        """Put itself into a collection of the current graph, where `whole`'s "conv:0" is called `prefix` + "conv:0"."""
        self.whole, self.prefix, self.feeds = whole, prefix, feeds
        register_once(RECORDED, _recorded)
        register_once(WITHIN, _recorded_within)
        tf.compat.v1.add_to_collection(RECORDED, self)

    def backward(self, operation: tf.Operation, gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
        """The gradients at an operation's inputs, for those at its outputs."""
        name = operation.name.removeprefix(self.prefix)
        saved = self.whole.backward[name]
        if isinstance(saved, str):
            raise NoWayBackError(
                "A gradient must pass a layer that brings its own, and that one must be known: choose a method that "
                f"needs none, such as occlusion. Received: {name.rpartition('/')[0]!r} with a gradient {saved}."
            )
        given, wanted = saved
        filled = _filled(operation, gradients)
        ends = [tensor for tensor in wanted if tensor is not None]
        computed = self.whole.continued(ends, dict(zip(given, filled, strict=True)) | dict(self.feeds), self._there)
        found = dict(zip(ends, computed, strict=True))
        return [None if tensor is None else found[tensor] for tensor in wanted]

    def _there(self, tensor):
        """The tensor of that name in the imported part; None if it was not imported."""
        try:
            return tf.compat.v1.get_default_graph().get_tensor_by_name(self.prefix + tensor)
        except KeyError:
            return None
