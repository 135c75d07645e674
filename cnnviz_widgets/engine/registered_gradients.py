"""Gradients of ours in TensorFlow's register, where operations find them by name, and the types that one passes."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# A gradient ends at a cast to any type but these.
FLOATS = frozenset(kind.as_datatype_enum for kind in (tf.float16, tf.bfloat16, tf.float32, tf.float64))

# The name in the register of a gradient that an operation hands back as it is.
HANDED_BACK = "CnnvizHandedBack"


def hand_back(operation: tf.Operation, gradient: tf.Tensor) -> tf.Tensor:
    """The gradient of `HANDED_BACK`."""
    return gradient


def register_once(name: str, gradient: Callable[..., Any]) -> None:
    """Register a gradient in TensorFlow; once a process."""
    try:
        tf.RegisterGradient(name)(gradient)
    except KeyError:  # registered before: also when the package was reloaded
        return
