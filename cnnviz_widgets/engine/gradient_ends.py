"""Ends of a gradient: operations that none passes, as a rounding or a cast to integers, and the sentence about them."""

from typing import TYPE_CHECKING

from .op_kinds import ENDS_OF_GRADIENTS, ROUNDINGS
from .tensor_names import operation

if TYPE_CHECKING:
    from .graph import ForwardGraph

# The beginning of a refusal.
NEEDS_ONE = (
    "A gradient must pass operations that have one: choose a method that needs none, such as Occlusion, RISE, "
    "Score-CAM or Activations, or a layer behind them. Received: a network with "
)


def without_gradient(graph: "ForwardGraph", start: str, end: str) -> str | None:
    """The sentence that says why the tensor `end` has no gradient at the tensor `start`; None if it needs none of it.

    One that depends on the shape of `start` alone has no gradient either, but for the reason that it is independent.
    """
    if operation(end) not in graph.with_numbers_of(start):
        return None
    kinds = sorted({_called(graph, name) for name in graph.between(start, end) if _ends(graph, name)})
    return f"{NEEDS_ONE}{', '.join(kinds) or 'operations'} in between, where it ends."


def _called(graph, name):
    kind = graph.node(name).op
    return f"{kind} to {graph.tensor(f'{name}:0').dtype.name}" if kind == "Cast" else kind


def _ends(graph, name):
    """True for an operation that makes other numbers than floats of floats, or rounds them."""
    node = graph.node(name)
    if node.op in ROUNDINGS | ENDS_OF_GRADIENTS:
        return True
    if name not in graph.of_numbers() or _is_float(graph, f"{name}:0"):
        return False
    return any(_is_float(graph, tensor) and operation(tensor) in graph.of_numbers() for tensor in graph.inputs_of(name))


def _is_float(graph, tensor):
    return graph.tensor(tensor).dtype.is_floating
