"""Names of tensors in a GraphDef: an operation's name, and the number of the output unless it is the first."""

from typing import Any

# TensorFlow's own, of which type checkers know nothing.
GraphDef = Any
NodeDef = Any


def operation(tensor: str) -> str:
    """The operation behind a tensor's name: `"^conv:0"` -> `"conv"`."""
    return tensor.removeprefix("^").split(":")[0]


def place_of(tensor: str) -> int:
    """The number of the output that a tensor's name means: `"split:1"` -> 1, `"conv"` -> 0."""
    return int(tensor.partition(":")[2] or 0)


def tensor_name(name: str) -> str:
    """A tensor's full name, with the number of the output: `"conv"` -> `"conv:0"`."""
    return name if ":" in name else f"{name}:0"
