"""Numbers from a graph that does not run: its constants, and single operations applied to other numbers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


def static_value(tensor: "tf.Tensor") -> np.ndarray | None:
    """The array that a tensor of a graph always holds; None if its value depends on something."""
    import tensorflow as tf

    return tf.get_static_value(tensor)


def applied(kind: str, arguments: Mapping[str, Any]) -> list[np.ndarray]:
    """The outputs of an operation of that kind; `arguments` {name: value} are its inputs and attributes."""
    import tensorflow as tf

    with tf.init_scope():  # computed now, also in the middle of a trace
        outputs = getattr(tf.raw_ops, kind)(**arguments)
        return [np.asarray(output) for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
