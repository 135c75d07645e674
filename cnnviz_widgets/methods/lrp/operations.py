"""The operations of a traced graph from the viewpoint of relevance, and a way to run one of them on other numbers."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from cnnviz_widgets.engine.grouped_convolutions import GRADIENT
from cnnviz_widgets.engine.op_kinds import (
    IDENTITIES,
    KEEPS_SIGN,
    MOVES,
    RELUS,
    WEIGHTS_AT,
)
from cnnviz_widgets.engine.registered_gradients import HANDED_BACK

# Functions of one number that keep its sign.
PASSING = KEEPS_SIGN | IDENTITIES
# Operations that move or copy numbers.
MOVING = MOVES | {"IdentityN"}
NARROW = (tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum)


def wide(tensor: tf.Tensor) -> tf.Tensor:
    """Return the tensor in at least 32 bits, because relevance is divided by small numbers."""
    return tf.cast(tensor, tf.float32) if tensor.dtype.as_datatype_enum in NARROW else tensor


def again(operation: tf.Operation, values: Mapping[int, tf.Tensor]) -> list[tf.Tensor]:
    """Return the outputs of `operation` for other inputs: `values` maps an input's position to its replacement."""
    inputs = [values.get(place, wide(tensor)) for place, tensor in enumerate(operation.inputs)]
    attributes = {}
    for name, given in operation.node_def.attr.items():
        if not name.startswith("_") or given.s == GRADIENT.encode():
            attributes[name] = tf.compat.v1.AttrValue()
            attributes[name].CopyFrom(given)
            if given.type in NARROW:
                attributes[name].type = tf.float32.as_datatype_enum
            elif given.HasField("list"):
                types = [tf.float32.as_datatype_enum if each in NARROW else each for each in given.list.type]
                attributes[name].list.type[:] = types
    types = [tf.float32 if tensor.dtype.as_datatype_enum in NARROW else tensor.dtype for tensor in operation.outputs]
    graph = tf.compat.v1.get_default_graph()
    return graph.create_op(operation.type, inputs, types, attrs=attributes, compute_device=False).outputs


def scaled_and_shifted(operation: tf.Operation, way: int, scale: Any, shift: Any) -> tuple[Any, Any]:
    """Return (scale, shift) after `operation` follows a scale and shift, tensors or numbers.

    `way` is the position of the input that the operation scales or shifts; its other inputs are constants.
    """
    constants = [wide(tensor) for place, tensor in enumerate(operation.inputs) if place != way]
    match operation.type:
        case "Neg":
            return -scale, -shift
        case "Mul":
            return scale * constants[0], shift * constants[0]
        case "Div" | "RealDiv":
            return scale / constants[0], shift / constants[0]
        case "Add" | "AddV2" | "BiasAdd":
            return scale, shift + constants[0]
        case "Sub":
            return (scale, shift - constants[0]) if way == 0 else (-scale, constants[0] - shift)
    grow, beta, mean, variance = constants  # of a normalisation
    grow *= tf.math.rsqrt(variance + operation.get_attr("epsilon"))
    return scale * grow, (shift - mean) * grow + beta


def scaled_weights(core: tf.Operation, scale: Any) -> tf.Tensor | None:
    """Return weights that multiply the output of `core` by `scale`, a float or a tensor; None where none do."""
    weights = wide(core.inputs[WEIGHTS_AT[core.type]])
    if isinstance(scale, float):
        return weights if scale == 1 else weights * scale
    if scale.shape.rank is None or any(side != 1 for side in scale.shape[:-1]):
        return None  # not one number for each channel
    scale = tf.reshape(scale, [-1])
    if core.type == "DepthwiseConv2dNative":  # (rows, columns, input channel, multiple)
        return weights * (scale if scale.shape[0] == 1 else tf.reshape(scale, weights.shape[2:]))
    if core.type == "Conv2DBackpropInput":  # (rows, columns, filter, input channel)
        return weights * scale[:, tf.newaxis]
    if core.type == "Conv2D" or (core.type == "MatMul" and not core.get_attr("transpose_b")):
        return weights * scale
    return None


def passes(operation: tf.Operation) -> bool:
    """Return True where relevance passes unchanged: a function of one number that keeps its sign, or clips it."""
    if operation.type == "Cast":
        return operation.inputs[0].dtype.is_floating and operation.outputs[0].dtype.is_floating
    return operation.type in PASSING or _is_handed_back(operation) or _keeps_zero(operation)


def is_same(operation: tf.Operation) -> bool:
    """Return True where numbers stay as they are, in another type or cut off to the integers that a model takes."""
    return (
        operation.type in IDENTITIES or _is_handed_back(operation) or (operation.type == "Cast" and passes(operation))
    )


def _is_handed_back(operation):
    """Return True for a rounding at the image, or a function of NumPy's there, of which the gradient is that behind."""
    return operation.node_def.attr["_gradient_op_type"].s == HANDED_BACK.encode()


def _keeps_zero(operation):
    """Return True for a Maximum or Minimum with a constant that maps zero to zero, as a ReLU does."""
    allowed = {"Maximum": lambda bound: (bound <= 0).all(), "Minimum": lambda bound: (bound >= 0).all()}
    bounds = [tf.get_static_value(tensor) for tensor in operation.inputs]
    return operation.type in allowed and any(b is not None and allowed[operation.type](b) for b in bounds)


def never_negative(tensor: tf.Tensor) -> bool:
    """Return True where a ReLU keeps the tensor from going below zero."""
    if tensor.op.type in IDENTITIES | {"Cast", "MaxPool"}:
        return never_negative(tensor.op.inputs[0])
    return tensor.op.type in RELUS
