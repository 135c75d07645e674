"""What the outputs of operations see that sum over whole axes: means, softmax, matrix products.

A rule is a function of the operation and of what its inputs see; see `sight_rules`.
"""

import numpy as np

from .intervals import hull
from .rules_moving import placed, turned
from .seen import Sight, Unknown, constant


def _reduction(operation, inputs):
    if inputs[0] is None:
        raise Unknown
    axes = np.atleast_1d(constant(operation.inputs[1])).tolist()
    return [inputs[0].each(lambda reach: reach.reduced(axes, operation.get_attr("keep_dims")))]


def _arg_reduction(operation, inputs):
    axis = int(constant(operation.inputs[1]))
    return [inputs[0].each(lambda reach: reach.reduced([axis], False))]


def _softmax(operation, inputs):
    return [inputs[0].each(lambda reach: reach.reduced([-1], True) if reach.shape[-1] > 1 else reach)]


def _batch_norm(operation, inputs):
    if operation.get_attr("is_training") or any(inputs[1:]):
        raise Unknown
    return [inputs[0], *[None] * (len(operation.outputs) - 1)]


def _matmul(operation, inputs):
    names = ("adj_x", "adj_y") if "Batch" in operation.type else ("transpose_a", "transpose_b")
    # The last axis of the first factor and the last but one of the second are summed over, unless they are swapped.
    summed, parts = (-1, -2), []
    for sight, name, axis in zip(inputs, names, summed, strict=True):
        if sight is not None:
            sight = sight.each(_last_two_swapped) if operation.get_attr(name) else sight
            parts.append(sight.each(lambda reach, axis=axis: reach.reduced([axis], True)))
    return [_product(parts)]


def _product(parts):
    """What products of the cells of several factors see."""
    return Sight(tuple(map(hull, zip(*(part.reaches for part in parts), strict=True))))


def _last_two_swapped(reach):
    return turned(reach, [*range(reach.rank - 2), reach.rank - 1, reach.rank - 2])


def _einsum(operation, inputs):
    left, result = operation.get_attr("equation").decode().split("->")
    if "." in left + result:
        raise Unknown
    parts = []
    for labels, sight in zip(left.split(","), inputs, strict=True):
        if sight is None:
            continue
        gone = [axis for axis, label in enumerate(labels) if label not in result]
        kept = [label for label in labels if label in result]
        if len(set(labels)) != len(labels):
            raise Unknown
        part = sight.each(lambda reach, gone=gone: reach.reduced(gone, False) if gone else reach)
        parts.append(part.each(lambda reach, kept=kept: _spread_over(reach, kept, result)))
    return [_product(parts)]


def _spread_over(reach, labels, result):
    """The axes called `labels` in the order in which `result` calls them, with axes of length 1 for the rest."""
    order = sorted(range(len(labels)), key=lambda axis: result.index(labels[axis]))
    return placed(turned(reach, order), sorted(result.index(label) for label in labels), len(result))


RULES = {
    **dict.fromkeys(("Mean", "Sum", "Max", "Min", "Prod", "All", "Any", "EuclideanNorm"), _reduction),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg_reduction),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), _batch_norm),
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matmul),
    "Einsum": _einsum,
}
