"""Which layer feeds which, and how many multiply-adds each of them costs, read from the traced graph.

What a graph computes between the outputs of two layers belongs to the later one. Operations outside any layer, such as
the raw ones of a subclassed model, are so counted with the layer that comes after them.
"""

import math
from collections import defaultdict

from cnnviz_widgets.engine.op_kinds import MATRIX_PRODUCTS, SHAPE_ONLY


def inputs_of(sized, image, taps):
    """{path: paths of the layers it takes, in order of execution}, "" for the image.

    `sized` is a graph of all operations, `image` its input tensor, `taps` [(path, tensor)] in order of execution. A
    layer that hands on its input as it is, like dropout, stands behind the layer that made it.
    """
    order = {"": 0} | {path: n for n, (path, _) in enumerate(taps, start=1)}
    at = defaultdict(list)
    for path, tensor in taps:
        at[tensor.ref()].append(path)
    found, sources = {}, {}

    def pass_layers(tensor, before):
        for path in at[tensor.ref()]:
            found[path] = tuple(sorted(before, key=order.get))
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


def multiply_adds_of(image, taps):
    """{path: multiply-adds of the layer without those of the layers inside it}, None where they cannot be told.

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
    costs = [multiply_adds(operation) for operation in operations]
    return None if None in costs else sum(costs)


def multiply_adds(operation):
    """The number of products of an activation and a weight, or of two activations, that an operation adds up.

    None where a shape is not known, and where the work is hidden in a function. Operations that work cell by cell,
    pooling and normalisation count as nothing, as in the figures that papers give.
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


def _depthwise(operation):
    return math.prod(operation.outputs[0].shape) * math.prod(operation.inputs[1].shape[:2])


def _transposed(operation):
    # Every cell of the small grid is multiplied with the whole kernel, (height, width, filters, input channels).
    return math.prod(operation.inputs[2].shape) * math.prod(operation.inputs[1].shape[:3])


def _matmul(operation):
    turned = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
    return math.prod(operation.outputs[0].shape) * operation.inputs[0].shape[-2 if turned else -1]


def _einsum(operation):
    left, _ = operation.get_attr("equation").decode().split("->")
    lengths = {}
    for labels, tensor in zip(left.split(","), operation.inputs, strict=True):
        lengths.update(zip(labels, tensor.shape, strict=True))
    return math.prod(lengths.values()) if len(operation.inputs) > 1 else 0


COUNTS = {
    "Conv2D": _convolution,
    "Conv3D": lambda operation: math.prod(operation.outputs[0].shape) * math.prod(operation.inputs[1].shape[:4]),
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    **dict.fromkeys(MATRIX_PRODUCTS, _matmul),
    "Einsum": _einsum,
}
