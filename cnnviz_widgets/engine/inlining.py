"""Inlining of function calls in a traced graph: the operations of the function take the place of the call.

A `@tf.function` inside a model, or a SavedModel used as a layer, is a single call in the trace. Its ReLUs, logits and,
once the graph is imported somewhere else, even its gradient would be out of reach.
"""

import tensorflow as tf
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

from .op_kinds import CALLS
from .tensor_names import GraphDef

# Behind a call's name: an operation that comes when all is done in it that may have effects.
DONE = "all_done"


def inlined(definition: GraphDef) -> GraphDef:
    """A GraphDef without function calls that computes the same as `definition`, under the same names."""
    while any(node.op in CALLS for node in definition.node):
        bodies = {body.signature.name: body for body in definition.library.function}
        opened = tf.compat.v1.GraphDef(versions=definition.versions, library=definition.library)
        with _graph_of(definition).as_default():  # it knows the functions that the bodies call in turn
            calls = {node.name: bodies.get(node.attr["f"].func.name) for node in definition.node if node.op in CALLS}
            for node in definition.node:
                body = calls.get(node.name)
                opened.node.extend([node] if body is None else _opened(node, body))
        _wait_for_effects({f"^{name}" for name, body in calls.items() if body is not None}, opened)
        definition = opened
    return definition


def _opened(call, body):
    """The operations of a call's body, named "call/operation", and one that passes on the results, named "call"."""
    inside, flat_names = function_def_to_graph_def(body)
    arguments = {argument.name for argument in body.signature.input_arg}
    given = iter([name for name in call.input if not name.startswith("^")])
    waits_for = [name for name in call.input if name.startswith("^")]
    nodes = []
    for node in inside.node:
        if node.name in arguments:
            nodes.append(_passing(f"{call.name}/{node.name}", [next(given)], [node.attr["dtype"].type]))
            continue
        node.name = f"{call.name}/{node.name}"
        node.input[:] = [*(_moved(name, call.name) for name in node.input), *waits_for]
        node.attr.pop("_class", None)  # "beside that other operation", by a name that it no longer has
        nodes.append(node)
    outputs = body.signature.output_arg
    results = [_moved(flat_names[body.ret[output.name]], call.name) for output in outputs]
    effects = [f"^{call.name}/{name}" for name in body.control_ret.values()]
    done = _passing(f"{call.name}/{DONE}", effects + waits_for, [])
    return [*nodes, done, _passing(call.name, [*results, f"^{done.name}"], [output.type for output in outputs])]


def _wait_for_effects(calls, definition):
    """Let what waits for one of `calls` wait for what may have effects in it, not for its results.

    TensorFlow lets the end of a function wait for every call that reads a variable. The results of all these would
    be computed for any answer, and an answer that begins in the middle has no image to make them of.
    """
    for node in definition.node:
        node.input[:] = [f"{name}/{DONE}" if name in calls else name for name in node.input]


def _passing(name, inputs, types):
    """An operation that passes on its inputs."""
    kind = ("NoOp", "Identity", "IdentityN")[min(len(types), 2)]  # only Identity knows the shape of a variable
    node = tf.compat.v1.NodeDef(name=name, op=kind, input=inputs)
    if kind == "Identity":
        node.attr["T"].type = types[0]
    elif types:
        node.attr["T"].list.type.extend(types)
    return node


def _moved(tensor, prefix):
    return f"^{prefix}/{tensor[1:]}" if tensor.startswith("^") else f"{prefix}/{tensor}"


def _graph_of(definition):
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(definition, name="")
    return graph
