"""Custom gradients of layers, recorded while the model is traced: what computes them, as operations.

Such a gradient is a Python function that holds tensors of the graph in which its layer was called: of the model, of a
`@tf.function` inside it, of the body of a loop. So it is called once, in a graph of its own beside that one, and the
operations that this graph then has are kept, with the names of the tensors that they read.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops as tf_ops

from cnnviz_widgets.words import one_line

from .function_library import functions_in
from .inlining import inlined
from .op_kinds import CALLS, IDENTITIES
from .tensor_names import GraphDef, NodeDef, operation

# TensorFlow's own function with a gradient of its own, which is that of its operations, in other words.
SILU = "tensorflow.python.ops.nn_impl", "swish."


@dataclass(frozen=True, eq=False)
class WayBack:
    """The operations that compute one custom gradient.

    `given` are the gradients at the outputs of the operation with the custom gradient, `wanted` those at its inputs,
    None where there is none; `read` {name in `definition`: the tensor of the model that it stands for}.
    """

    definition: GraphDef
    given: tuple[str, ...]
    wanted: tuple[str | None, ...]
    read: Mapping[str, str]


@dataclass(eq=False)
class SavedGradients:
    """The custom gradients of a model.

    `found` {operation of the graph without calls: its way back, or why there is none, the end of a sentence}.
    `within` {(function, operation in it): its way back} are those in the bodies of loops and branches.
    """

    found: dict[str, WayBack | str] = field(default_factory=dict)
    within: dict[tuple[str, str], WayBack] = field(default_factory=dict)


def record_gradients(graph: tf.Graph) -> SavedGradients:
    """The custom gradients of layers that were called in `graph`, and in the functions that it calls.

    To be called at the end of the `tf.function` that is traced into `graph`, for variables may be captured.
    """
    definition = graph.as_graph_def()
    recording = _Recording({body.signature.name: body for body in definition.library.function}, graph)
    recording.follow(graph, definition.node, _Names({id(graph): ""}, {}))
    return recording.saved


def has_own_gradient(node: NodeDef) -> bool:
    """True for the node at the end of a function with a custom gradient."""
    return "_gradient_op_type" in node.attr and node.attr["_gradient_op_type"].s.startswith(b"CustomGradient")


def inside(node: NodeDef, nodes: Mapping[str, NodeDef]) -> list[NodeDef]:
    """The operations of such a function, of which `node` is the end; `nodes` are the graph's by name."""
    gave, *took = [operation(name) for name in node.input]  # first its outputs, then its inputs
    waiting, seen, found = [gave], set(took), []
    while waiting:
        name = waiting.pop()
        if name not in seen and name in nodes:
            seen.add(name)
            found.append(nodes[name])
            waiting.extend(map(operation, nodes[name].input))
    return found


@dataclass(frozen=True)
class _Names:
    """Names of the tensors of nested graphs in the graph without calls, each graph's behind a prefix.

    `arguments` {id of a tensor: name} are called otherwise in the definition of a function than in its graph, and stand
    for tensors from outside that the function captured.
    """

    prefixes: dict[int, str]
    arguments: dict[int, str]

    def __call__(self, tensor):
        """The name of a tensor; None for one of another graph."""
        if id(tensor) in self.arguments:
            return self.arguments[id(tensor)]
        prefix = None if isinstance(tensor, tf.__internal__.EagerTensor) else self.prefixes.get(id(tensor.graph))
        return None if prefix is None else prefix + tensor.name

    def within(self, body, definition, prefix):
        """The names with those of the graph `body` of a function, as they are in its definition behind a prefix."""
        # A gradient through a loop may have given its body more arguments since then, behind these.
        pairs = zip(body.inputs, definition.signature.input_arg, strict=False)
        own = {id(tensor): f"{prefix}{argument.name}:0" for tensor, argument in pairs}
        outside = {id(outer): own[id(inner)] for outer, inner in body.captures if id(inner) in own}
        return _Names(self.prefixes | {id(body): prefix}, outside | own)


class _Recording:
    """A walk through the graph of a model and those of the functions that it calls.

    What stands in a graph is read from its definition, as it is when the function is called: a tape over the model
    changes the graph.
    """

    def __init__(self, bodies, traced):
        self.bodies, self.traced, self.saved = bodies, traced, SavedGradients()

    def follow(self, graph, nodes, names):
        """Save the custom gradients in a graph, and in those of its calls, which will be inlined."""
        prefix = names.prefixes[id(graph)]
        for end, way in self._ways_back(graph, nodes, names, captured=self.traced):
            self.saved.found[prefix + end] = way
        for node in nodes:
            for name, body in self._bodies(graph, node):
                definition = self.bodies[name]
                if node.op in CALLS:
                    below = names.within(body, definition, f"{prefix}{node.name}/")
                    self.follow(body, definition.node_def, below)
                elif reason := next(self._follow_within(body, definition), None):
                    self.saved.found[prefix + node.name] = reason

    def _follow_within(self, body, definition) -> Iterator[str]:
        """Save the custom gradients in the body of a loop or a branch; yield why others cannot be saved."""
        name, nodes = definition.signature.name, definition.node_def
        for end, way in self._ways_back(body, nodes, _Names({}, {}).within(body, definition, "")):
            if isinstance(way, str):
                yield way
            else:
                self.saved.within[name, end] = way
        for node in nodes:
            for inner, graph in self._bodies(body, node):
                if node.op not in CALLS:
                    yield from self._follow_within(graph, self.bodies[inner])
                elif self._has_any(graph, self.bodies[inner]):
                    yield "in a function that a loop calls, where a loop without @tf.function inside would do"

    def _has_any(self, body, definition):
        """True if a function, or one that it calls, has a custom gradient."""
        called = (pair for node in definition.node_def for pair in self._bodies(body, node))
        return any(map(_is_end, definition.node_def)) or any(
            self._has_any(graph, self.bodies[name]) for name, graph in called
        )

    def _bodies(self, graph, node):
        """(name, graph) of the functions that an operation of `graph` calls, of those that are known."""
        now = graph.get_operation_by_name(node.name).node_def if any(map(functions_in, node.attr.values())) else node
        for attribute, value in node.attr.items():
            for name, other in zip(functions_in(value), functions_in(now.attr[attribute]), strict=True):
                body = _graph_of(graph, other)
                if body is not None and name in self.bodies:
                    yield name, body

    def _ways_back(self, graph, nodes, names, captured=None):
        """(name, way back or why there is none) of the operations whose own gradients count."""
        by_name = {node.name: node for node in nodes}
        for node in filter(_is_end, nodes):
            end = graph.get_operation_by_name(node.name)
            if not _does_without(end, node, by_name):
                yield node.name, _way_back(end, names, captured)
                if (vectorized := f"{node.name}/pfor/IdentityN") in by_name:
                    yield vectorized, "in tf.vectorized_map, which leaves it out, where tf.map_fn would do"


def _is_end(node):
    return node.op == "IdentityN" and has_own_gradient(node)


def _graph_of(graph, name):
    """The graph of a function that operations of `graph` call; None where it is not known."""
    while graph is not None:
        function = graph._get_function(name)
        if function is not None:
            return getattr(function, "graph", None)
        graph = getattr(graph, "outer_graph", None)
    return None


def _way_back(end, names, captured=None) -> WayBack | str:
    """The way back of an operation, or why there is none.

    `names` tells the names of the tensors that it reads. Variables are captured by the graph `captured`, where there is
    one.
    """
    own = _own_gradient(end)
    if own is None:
        return "that was not saved with the model, where the model before it was saved would do"
    beside = tf.__internal__.FuncGraph("way_back")
    try:
        with beside.as_default():
            given = [tf.compat.v1.placeholder(output.dtype, output.shape) for output in end.outputs]
            gradients = own(end, *given)
            # A gradient may be a tensor of another graph as it is.
            made = [None if gradient is None else tf.identity(tf.convert_to_tensor(gradient)) for gradient in gradients]
    except Exception as error:  # the model's own code runs here: said when a gradient is asked for
        return f"that failed, it said: {one_line(f'{type(error).__name__}: {error}', 100)}"
    read = {}
    for outer, placeholder in beside.captures:
        is_eager = isinstance(outer, tf.__internal__.EagerTensor)
        read[placeholder.op.name] = names(captured.capture(outer) if is_eager and captured is not None else outer)
    if None in read.values():
        return "that reads a variable or a tensor from outside of its loop, where one that is an argument would do"
    wanted = tuple(None if tensor is None else tensor.name for tensor in made)
    return WayBack(inlined(beside.as_graph_def()), tuple(tensor.name for tensor in given), wanted, read)


def _own_gradient(end) -> Callable[..., Any] | None:
    """The function that computes the gradient of an operation; None where there is none in this process.

    A saved model keeps the name of a gradient but not the gradient, and the name may be that of another one here.
    """
    try:
        own = tf_ops.get_gradient_function(end)
    except LookupError:
        return None
    result = tf.nest.flatten(_held(_held(own, "tape_grad_fn"), "result"))
    others = [tensor for tensor in result if tf.is_tensor(tensor) and getattr(tensor, "graph", None) is not end.graph]
    return None if others else own


def _does_without(end, node, nodes):
    """True for TensorFlow's SiLU, whose gradients are those of its operations.

    `end` is the operation, `node` its definition, `nodes` those of its graph by name.
    """
    own = _own_gradient(end)
    if own is None:  # saved without
        kinds = {each.op for each in inside(node, nodes)} - IDENTITIES - {"Const", "Cast"}
        return kinds == {"Mul", "Sigmoid"}
    written = _held(_held(own, "tape_grad_fn"), "grad_fn")
    module, name = SILU
    return getattr(written, "__module__", "") == module and getattr(written, "__qualname__", "").startswith(name)


def _held(function, name):
    """The value that a function took along from where it was written, under this name; None if it took none."""
    return inspect.getclosurevars(function).nonlocals.get(name) if inspect.isfunction(function) else None
