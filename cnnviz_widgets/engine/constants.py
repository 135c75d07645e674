"""Numbers out of a graph without running it: constants, and an operation applied to other numbers."""

import numpy as np


def static_value(tensor):
    """The array that a tensor of a graph always holds; None where that depends on something."""
    import tensorflow as tf

    return tf.get_static_value(tensor)


def applied(kind, arguments):
    """The outputs, arrays, of an operation of that kind; `arguments` {name: value} are its inputs and attributes."""
    import tensorflow as tf

    with tf.init_scope():  # computed now, also where somebody is tracing
        outputs = getattr(tf.raw_ops, kind)(**arguments)
        return [np.asarray(output) for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
