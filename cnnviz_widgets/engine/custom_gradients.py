"""Custom gradients of layers, saved as operations while the model is traced.

A quantised layer rounds, and rounding has no gradient; a square root has an infinite one at zero. So a layer defines
one of its own (`tf.custom_gradient`), a Python function that holds tensors of the graph in which the layer was called.
We import parts of that graph elsewhere, where such a function is of no use. So it is called once, in the traced graph,
and the operations that it adds are kept like all others.

The operations between are in the graph too. Their own gradients take its place where a ReLU among them has to follow
one of our rules, and in `x * sigmoid(x)`, where they are the same and there are many.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import tensorflow as tf
from tensorflow.python.framework import ops as tf_ops

from cnnviz_widgets.words import one_line

from .op_kinds import IDENTITIES, RELUS, ROUNDINGS
from .registered_gradients import FLOATS, register_once
from .tensor_names import NodeDef, operation

if TYPE_CHECKING:
    from .graph import ForwardGraph

# The name of our gradient in TensorFlow's register.
RECORDED = "CnnvizRecorded"
# {operation: (names of the gradients at its outputs, names of those at its inputs, None where there is none)};
# where the layer's function failed, what it said.
SavedGradients = dict[str, tuple[tuple[str, ...], tuple[str | None, ...]] | str]


def record_gradients(graph: tf.Graph) -> SavedGradients:
    """Save the custom gradients of layers: add the operations that compute them to `graph`.

    To be called at the end of the `tf.function` that is traced into `graph`.
    """
    found, nodes = {}, {operation.name: operation.node_def for operation in graph.get_operations()}
    for name in [name for name, node in nodes.items() if has_own_gradient(node) and not _is_silu(node, nodes)]:
        operation = graph.get_operation_by_name(name)
        given = [tf.compat.v1.placeholder(output.dtype, output.shape) for output in operation.outputs]
        # There is one, or the operation would not count as having a gradient of its own.
        own = cast(Callable[..., Any], tf_ops.get_gradient_function(operation))
        try:
            gradients = own(operation, *given)
        except Exception as error:  # the model's own code runs here: said when a gradient is asked for
            found[name] = one_line(f"{type(error).__name__}: {error}", 100)
            continue
        names = [None if gradient is None else tf.convert_to_tensor(gradient).name for gradient in gradients]
        found[name] = tuple(tensor.name for tensor in given), tuple(names)
    return found


def has_own_gradient(node: NodeDef) -> bool:
    """True for the node at the end of a function with a custom gradient."""
    return "_gradient_op_type" in node.attr and node.attr["_gradient_op_type"].s.startswith(b"CustomGradient")


def is_cut(node: NodeDef, nodes: Mapping[str, NodeDef]) -> bool:
    """True if an operation without a gradient lies between the inputs and outputs of such a function.

    `node` is that at its end, `nodes` are the graph's by name.
    """
    return any(
        each.op in ROUNDINGS or (each.op == "Cast" and each.attr["DstT"].type not in FLOATS)
        for each in _inside(node, nodes)
    )


def has_inner_relu(node: NodeDef, nodes: Mapping[str, NodeDef]) -> bool:
    """True if such a function has a ReLU that a rule may rewrite; the arguments are as for `is_cut`."""
    return any(each.op in RELUS for each in _inside(node, nodes))


def _is_silu(node, nodes):
    return {each.op for each in _inside(node, nodes)} - IDENTITIES - {"Const", "Cast"} == {"Mul", "Sigmoid"}


def _inside(node, nodes):
    """The operations of such a function. The inputs of its `node` are first its outputs, then its inputs."""
    gave, *took = [operation(name) for name in node.input]
    waiting, seen, found = [gave], set(took), []
    while waiting:
        name = waiting.pop()
        if name not in seen and name in nodes:
            seen.add(name)
            found.append(nodes[name])
            waiting.extend(map(operation, nodes[name].input))
    return found


def _recorded(operation, *gradients):
    parts = tf.compat.v1.get_collection(RECORDED)
    return next(part for part in parts if operation.name.startswith(part.prefix)).backward(operation, gradients)


class ImportedPart:
    """A part of a `ForwardGraph` as it was imported into a graph; a saved gradient finds its tensors through it."""

    whole: "ForwardGraph"
    prefix: str
    feeds: Mapping[str, tf.Tensor]

    def __init__(self, whole: "ForwardGraph", prefix: str, feeds: Mapping[str, tf.Tensor]):
        """Put itself into a collection of the current graph, where `whole`'s "conv:0" is called `prefix` + "conv:0"."""
        self.whole, self.prefix, self.feeds = whole, prefix, feeds
        register_once(RECORDED, _recorded)
        tf.compat.v1.add_to_collection(RECORDED, self)

    def backward(self, operation: tf.Operation, gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
        """The gradients at an operation's inputs, for those at its outputs."""
        name = operation.name.removeprefix(self.prefix)
        saved = self.whole.backward.get(name)
        if isinstance(saved, str):
            raise ValueError(
                "A gradient must pass a layer that brings its own, which failed: choose a method that needs none. "
                f"Received: {name.rpartition('/')[0]!r}, it said: {saved}."
            )
        if saved is None:
            raise ValueError(
                "A gradient must pass a rounding whose custom gradient was not saved with the model: choose a method "
                f"that needs no gradient. Received: {name.rpartition('/')[0]!r}."
            )
        given, wanted = saved
        pairs = zip(gradients, operation.outputs, strict=True)
        filled = [tf.zeros_like(output) if gradient is None else gradient for gradient, output in pairs]
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
