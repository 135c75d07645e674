"""The library of a GraphDef: functions that its operations call, such as the body of a loop or of a branch."""

import itertools
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from tensorflow.python.eager import context

from .tensor_names import GraphDef, NodeDef

# Behind the names of functions in the libraries of imported parts.
_copies = itertools.count()


def functions_in(attribute: Any) -> list[str]:
    """The names of the functions in an attribute of an operation, those that it calls."""
    return [each.name for each in (attribute.func, *attribute.list.func) if each.name]


def called(nodes: Iterable[NodeDef], definition: GraphDef) -> dict[str, Any]:
    """{name: FunctionDef} of the functions that operations call, directly or through others."""
    bodies = {body.signature.name: body for body in definition.library.function}
    found, waiting = {}, list(nodes)
    while waiting:
        for name in itertools.chain(*map(functions_in, waiting.pop().attr.values())):
            if name in bodies and name not in found:
                found[name] = bodies[name]
                waiting.extend(bodies[name].node_def)
    return found


def add_to_runtime(definition: GraphDef, graph: Any) -> None:
    """Let TensorFlow find the functions in the library of a GraphDef, as long as the `graph` with its operations is."""
    runtime: Any = context.context()
    for function in definition.library.function:
        runtime.add_function_def(function)
        weakref.finalize(graph, context.remove_function, function.signature.name).atexit = False


def keep_as_own(definition: GraphDef, functions: Mapping[str, Any]) -> None:
    """Make a library for a GraphDef of `functions`, a copy for each operation that calls one, under a name of its own.

    For a gradient TensorFlow rewrites the body of a loop, each time as that gradient needs it, and names it after the
    body: of two gradients through one body the second would find the function of the first.
    """
    waiting = list(definition.node)
    while waiting:
        for value in waiting.pop().attr.values():
            for called_here in (value.func, *value.list.func):
                if called_here.name in functions:
                    own = definition.library.function.add()
                    own.CopyFrom(functions[called_here.name])
                    own.signature.name = called_here.name = f"{called_here.name}_copy_{next(_copies)}"
                    waiting.extend(own.node_def)
