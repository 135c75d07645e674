"""Gradients that a layer brings along, written down while its model is traced.

A quantised layer rounds, and rounding has no gradient; so it comes with one of its own (`tf.custom_gradient`), a Python
function that holds tensors of the graph in which the layer was called. We import parts of that graph elsewhere, where
such a function can do nothing. Most of the time this does not matter: the layer's operations were written down too, and
their own gradient takes its place, so that a ReLU among them follows our rules. But where one of them has no gradient,
the function is asked once, in the traced graph, and what it computes is kept as operations like all others.
"""

import tensorflow as tf
from tensorflow.python.framework import ops as tf_ops

from .op_kinds import ROUNDINGS
from .tensor_names import operation

# A gradient on its way back ends at a rounding, or at a cast to a type that is none of these.
FLOATS = [kind.as_datatype_enum for kind in (tf.float16, tf.bfloat16, tf.float32, tf.float64)]
# The name under which TensorFlow knows our gradient.
RECORDED = "CnnvizRecorded"


def record_gradients(graph):
    """{operation: (names of the gradients at its outputs, names of those at its inputs)} where a layer brought its own.

    Inside a `tf.function`, at its end: adds to its graph what computes them.
    """
    found, nodes = {}, {operation.name: operation.node_def for operation in graph.get_operations()}
    for name in [name for name, node in nodes.items() if has_own_gradient(node) and is_cut(node, nodes)]:
        operation = graph.get_operation_by_name(name)
        given = [tf.compat.v1.placeholder(output.dtype, output.shape) for output in operation.outputs]
        gradients = tf_ops.get_gradient_function(operation)(operation, *given)
        names = [None if gradient is None else tf.convert_to_tensor(gradient).name for gradient in gradients]
        found[name] = tuple(tensor.name for tensor in given), tuple(names)
    return found


def has_own_gradient(node):
    """Whether a node of a GraphDef ends what somebody gave a gradient of its own."""
    return "_gradient_op_type" in node.attr and node.attr["_gradient_op_type"].s.startswith(b"CustomGradient")


def is_cut(node, nodes):
    """Whether an operation without a gradient lies between what such a function took and what it gave.

    TensorFlow hands on, in one node, first what the function gave and then what it took.
    """
    gave, *took = [operation(name) for name in node.input]
    waiting, seen = [gave], set(took)
    while waiting:
        name = waiting.pop()
        if name not in seen and name in nodes:
            seen.add(name)
            node = nodes[name]
            if node.op in ROUNDINGS or (node.op == "Cast" and node.attr["DstT"].type not in FLOATS):
                return True
            waiting.extend(map(operation, node.input))
    return False


def register_recorded():
    """Tell TensorFlow of our gradient; once a process."""
    try:
        tf.RegisterGradient(RECORDED)(_recorded)
    except KeyError:  # registered before: also when the package was reloaded
        return


def _recorded(operation, *gradients):
    parts = tf.compat.v1.get_collection(RECORDED)
    return next(part for part in parts if operation.name.startswith(part.prefix)).backward(operation, gradients)


class ImportedPart:
    """A part of a `ForwardGraph` as it was imported into a graph, where a recorded gradient finds its tensors."""

    def __init__(self, whole, prefix, feeds):
        """Remembers itself in the graph that is being made; what `whole` calls "conv:0" is there `prefix` "conv:0"."""
        self.whole, self.prefix, self.feeds = whole, prefix, feeds
        register_recorded()
        tf.compat.v1.add_to_collection(RECORDED, self)

    def backward(self, operation, gradients):
        """The gradients at an operation's inputs, for those at its outputs."""
        name = operation.name.removeprefix(self.prefix)
        if name not in self.whole.backward:
            raise ValueError(
                "A gradient must pass a rounding whose own way back was not saved with the model: choose a method that "
                f"needs no gradient. Received: {name.rpartition('/')[0]!r}."
            )
        given, wanted = self.whole.backward[name]
        pairs = zip(gradients, operation.outputs, strict=True)
        filled = [tf.zeros_like(output) if gradient is None else gradient for gradient, output in pairs]
        ends = [tensor for tensor in wanted if tensor is not None]
        computed = self.whole.continued(ends, dict(zip(given, filled, strict=True)) | self.feeds, self._there)
        found = dict(zip(ends, computed, strict=True))
        return [found.get(tensor) for tensor in wanted]

    def _there(self, tensor):
        """The tensor of that name where the part was imported; None where it was not."""
        try:
            return tf.compat.v1.get_default_graph().get_tensor_by_name(self.prefix + tensor)
        except KeyError:
            return None
