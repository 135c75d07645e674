"""Rules for operations that work on whole axes: means, softmax, normalisation, matrix products; see `rules`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnviz_widgets.engine.op_kinds import (
    MATRIX_PRODUCTS,
    NORMALISATIONS,
    PLACES_OF_EXTREMES,
    REDUCTIONS,
    SOFTMAXES,
)

from .cell_fields import Unknown, constant, hulls
from .rules_moving import placed, transposed


def _reduction(operation, inputs):
    if inputs[0] is None:
        raise Unknown
    axes = np.atleast_1d(constant(operation.inputs[1])).tolist()
    return [inputs[0].each(lambda intervals: intervals.reduced(axes, operation.get_attr("keep_dims")))]


def _arg_reduction(operation, inputs):
    axis = int(constant(operation.inputs[1]))
    return [inputs[0].each(lambda intervals: intervals.reduced([axis], False))]


def _softmax(operation, inputs):
    return [inputs[0].each(lambda intervals: intervals.reduced([-1], True) if intervals.shape[-1] > 1 else intervals)]


def _batch_norm(operation, inputs):
    if operation.get_attr("is_training") or any(inputs[1:]):
        raise Unknown
    return [inputs[0], *[None] * (len(operation.outputs) - 1)]


def _matmul(operation, inputs):
    names = ("adj_x", "adj_y") if "Batch" in operation.type else ("transpose_a", "transpose_b")
    # The last axis of the first factor and the last but one of the second are summed over, unless they are swapped.
    summed, parts = (-1, -2), []
    for fields, name, axis in zip(inputs, names, summed, strict=True):
        if fields is not None:
            fields = fields.each(_last_two_swapped) if operation.get_attr(name) else fields
            parts.append(fields.each(lambda intervals, axis=axis: intervals.reduced([axis], True)))
    return [hulls(parts)]


def _last_two_swapped(intervals):
    return transposed(intervals, [*range(intervals.rank - 2), intervals.rank - 1, intervals.rank - 2])


def _einsum(operation, inputs):
    left, result = operation.get_attr("equation").decode().split("->")
    if "." in left + result:
        raise Unknown
    parts = []
    for labels, fields in zip(left.split(","), inputs, strict=True):
        if fields is None:
            continue
        gone = [axis for axis, label in enumerate(labels) if label not in result]
        kept = [label for label in labels if label in result]
        if len(set(labels)) != len(labels):
            raise Unknown
        part = fields.each(lambda intervals, gone=gone: intervals.reduced(gone, False) if gone else intervals)
        parts.append(part.each(lambda intervals, kept=kept: _spread_over(intervals, kept, result)))
    return [hulls(parts)]


def _spread_over(intervals, labels, result):
    """Intervals with the axes `labels` in the order of those of `result`, and axes of length 1 for its others."""
    order = sorted(range(len(labels)), key=lambda axis: result.index(labels[axis]))
    return placed(transposed(intervals, order), sorted(result.index(label) for label in labels), len(result))


RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(REDUCTIONS, _reduction),
    **dict.fromkeys(PLACES_OF_EXTREMES, _arg_reduction),
    **dict.fromkeys(SOFTMAXES, _softmax),
    **dict.fromkeys(NORMALISATIONS, _batch_norm),
    **dict.fromkeys(MATRIX_PRODUCTS, _matmul),
    "Einsum": _einsum,
}
