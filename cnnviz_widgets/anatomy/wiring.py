"""Connections between layers, and the multiply-adds of each layer, read from the traced graph.

Operations between the outputs of two layers belong to the later one. Operations outside any layer, such as those of a
subclassed model's own code, therefore count for the layer behind them.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cnnviz_widgets.engine.op_kinds import MATRIX_PRODUCTS, SHAPE_ONLY

if TYPE_CHECKING:
    import tensorflow as tf


def inputs_of(
    sized: "tf.Graph", image: "tf.Tensor", taps: "Sequence[tuple[str, tf.Tensor]]"
) -> dict[str, tuple[str, ...]]:
    """{path: paths of the layers whose outputs it takes, in order of execution}; "" is the image.

    `sized` is a graph of all operations, `image` its input tensor, `taps` [(path, tensor)] in order of execution. A
    layer that passes on its input unchanged, like dropout, comes behind the layer that made it.
    """
    order = {"": 0} | {path: n for n, (path, _) in enumerate(taps, start=1)}
    at = defaultdict(list)
    for path, tensor in taps:
        at[tensor.ref()].append(path)
    found, sources = {}, {}

    def pass_layers(tensor, before):
        for path in at[tensor.ref()]:
            found[path] = tuple(sorted(before, key=order.__getitem__))
            before = frozenset((path,))
        sources[tensor.ref()] = before

    pass_layers(image, frozenset(("",)))
    for operation in sized.get_operations():
        if operation is image.op:
            continue
        read = () if operation.type in SHAPE_ONLY else operation.inputs
        before = frozenset().union(*(sources.get(tensor.ref(), ()) for tensor in read))
        for tensor in operation.outputs:
            pass_layers(tensor, before)
    return found


def multiply_adds_of(image: "tf.Tensor", taps: "Iterable[tuple[Any, tf.Tensor]]") -> dict[Any, int | None]:
    """{path: multiply-adds of the layer without those of the layers inside it, None if they are unknown}.

    `taps` as above, with nested models after their own layers.
    """
    costs, counted = {}, {image.op}
    for path, tensor in taps:
        costs[path] = _total(_uncounted(tensor.op, counted))
    return costs


def _uncounted(last, counted):
    """The operations up to `last` that were not counted before; they are now."""
    waiting, found = [last], []
    while waiting:
        operation = waiting.pop()
        if operation not in counted:
            counted.add(operation)
            found.append(operation)
            waiting.extend(tensor.op for tensor in operation.inputs)
    return found


def _total(operations):
    total = 0
    for operation in operations:
        if (cost := multiply_adds(operation)) is None:
            return None
        total += cost
    return total


def multiply_adds(operation: "tf.Operation") -> int | None:
    """The number of products of an activation and a weight, or of two activations, that an operation adds up.

    None if a shape is unknown or the work is hidden in a function. Operations that work cell by cell, pooling and
    normalisation count as 0, as in the figures of papers.
    """
    count = COUNTS.get(operation.type)
    if count is None:
        hidden = any(attribute.type.endswith("func") for attribute in operation.op_def.attr)
        return None if hidden or "Conv" in operation.type else 0
    try:
        return int(count(operation))
    except TypeError:  # an axis whose length is not known is None
        return None


def _convolution(operation):
    # The kernel is (height, width, input channels of a group, filters).
    return math.prod(operation.outputs[0].shape) * math.prod(operation.inputs[1].shape[:3])


def _convolution_3d(operation):
    return math.prod(operation.outputs[0].shape) * math.prod(operation.inputs[1].shape[:4])


def _depthwise(operation):
    return math.prod(operation.outputs[0].shape) * math.prod(operation.inputs[1].shape[:2])


def _transposed(operation):
    # Every cell of the small grid is multiplied with the whole kernel, (height, width, filters, input channels).
    return math.prod(operation.inputs[2].shape) * math.prod(operation.inputs[1].shape[:3])


def _matmul(operation):
    transposed = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
    return math.prod(operation.outputs[0].shape) * operation.inputs[0].shape[-2 if transposed else -1]


def _einsum(operation):
    left, _ = operation.get_attr("equation").decode().split("->")
    lengths = {}
    for labels, tensor in zip(left.split(","), operation.inputs, strict=True):
        lengths.update(zip(labels, tensor.shape, strict=True))
    return math.prod(lengths.values()) if len(operation.inputs) > 1 else 0


COUNTS: "dict[str, Callable[[tf.Operation], float]]" = {
    "Conv2D": _convolution,
    "Conv3D": _convolution_3d,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    **dict.fromkeys(MATRIX_PRODUCTS, _matmul),
    "Einsum": _einsum,
}
