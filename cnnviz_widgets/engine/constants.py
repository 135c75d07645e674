"""Numbers from a graph that does not run: its constants, and single operations applied to other numbers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


# Arithmetic with which TensorFlow writes the order of axes, as in a softmax over another axis than the last.
FOLDED = {
    "ConcatV2": lambda *values: np.concatenate(values[:-1], int(values[-1])),
    "Pack": lambda *values: np.stack(values),
    "Range": np.arange,
    "Sub": np.subtract,
}


def static_value(tensor: "tf.Tensor") -> np.ndarray | None:
    """The array that a tensor of a graph always holds; None if its value depends on something."""
    import tensorflow as tf

    value = tf.get_static_value(tensor)
    if value is not None or tensor.op.type not in FOLDED or tensor.shape.rank not in (0, 1):
        return value
    given = [static_value(each) for each in tensor.op.inputs]
    return None if any(each is None for each in given) else np.asarray(FOLDED[tensor.op.type](*given))


def applied(kind: str, arguments: Mapping[str, Any]) -> list[np.ndarray]:
    """The outputs of an operation of that kind; `arguments` {name: value} are its inputs and attributes."""
    import tensorflow as tf

    with tf.init_scope():  # computed now, also in the middle of a trace
        outputs = getattr(tf.raw_ops, kind)(**arguments)
        return [np.asarray(output) for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
