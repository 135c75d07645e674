"""Rules for operations that put a window on a grid: convolutions, pooling, resizing, padding; see `rules`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cnnviz_widgets.engine.op_kinds import CONVOLUTIONS, PADDINGS, POOLINGS, RESIZINGS, TRANSPOSED_CONVOLUTIONS

from .cell_fields import Unknown, attribute, constant

if TYPE_CHECKING:
    import tensorflow as tf


def _convolution(operation, inputs):
    fields, *others = inputs
    if any(others) or attribute(operation, "data_format", b"NHWC") != b"NHWC":
        raise Unknown
    strides = operation.get_attr("strides")[1:3]
    dilations = attribute(operation, "dilations", [1, 1, 1, 1])[1:3]
    for n, (size, padding) in enumerate(zip(window_of(operation), paddings_of(operation), strict=True)):
        axis, dilation = n + 1, dilations[n] * fields.blocks[n]
        fields = fields.each(
            lambda intervals, axis=axis, size=size, padding=padding, dilation=dilation, stride=strides[n]: (
                intervals.extended(axis, *padding).windows(axis, size, stride, dilation)
            )
        )
    return [fields.each(_any_channel)]


def _transposed(operation, inputs):
    *others, fields = inputs
    if any(others) or attribute(operation, "data_format", b"NHWC") != b"NHWC":
        raise Unknown
    strides, dilations = operation.get_attr("strides"), attribute(operation, "dilations", [1, 1, 1, 1])
    small, large = operation.inputs[2].shape, operation.outputs[0].shape
    for axis, size in enumerate(operation.inputs[1].shape[:2], start=1):
        across, stride = (size - 1) * dilations[axis], strides[axis]
        padded, _ = _padding(operation, axis, large[axis], small[axis], across + 1, stride)
        # The cells are `stride` apart. The window of output cell 0 ends at the first of them, but for the padding of
        # the convolution that this one transposes.
        ends = across - padded, large[axis] - small[axis] * stride + padded
        fields = fields.each(
            lambda intervals, at=(axis, size), stride=stride, ends=ends, dilation=dilations[axis]: (
                intervals.spread(at[0], stride).extended(at[0], *ends).windows(*at, 1, dilation)
            )
        )
    return [fields.each(_any_channel)]


def window_of(operation: "tf.Operation") -> Sequence[int]:
    """(height, width) of the window of a convolution or pooling, without the gaps of dilation."""
    if operation.type in POOLINGS:
        batch, *window, channels = operation.get_attr("ksize")
        if (batch, channels) != (1, 1):
            raise Unknown
        return window
    return cast(list[int], operation.inputs[1].shape[:2].as_list())


def paddings_of(operation: "tf.Operation") -> list[Sequence[int]]:
    """The cells of padding that a convolution or pooling adds: [(top, bottom), (left, right)]."""
    dilations = attribute(operation, "dilations", [1, 1, 1, 1])
    strides = operation.get_attr("strides")
    before, after = operation.inputs[0].shape, operation.outputs[0].shape
    return [
        _padding(operation, axis, before[axis], after[axis], (size - 1) * dilations[axis] + 1, strides[axis])
        for axis, size in enumerate(window_of(operation), start=1)
    ]


def _padding(operation, axis, large, small, extent, stride):
    """(before, after) along an axis, for a window of `extent` cells that makes `small` cells out of `large` ones."""
    kind = operation.get_attr("padding")
    if kind == b"EXPLICIT":
        return operation.get_attr("explicit_paddings")[2 * axis : 2 * axis + 2]
    if kind == b"VALID":
        return 0, 0
    total = max((small - 1) * stride + extent - large, 0)  # SAME: an odd cell goes to the end
    return total // 2, total - total // 2


def _any_channel(intervals):
    """Intervals for all channels: a convolution mixes them, and those of a depthwise one have equal fields."""
    return intervals.reduced([intervals.rank - 1], keepdims=True) if intervals.shape[-1] > 1 else intervals


def _pad(operation, inputs):
    fields = inputs[0]
    for axis, (before, after) in enumerate(constant(operation.inputs[1])):
        fields = fields.each(
            lambda intervals, axis=axis, ends=(int(before), int(after)): intervals.extended(axis, *ends)
        )
    return [fields]


def _space_to_batch(operation, inputs):
    (padded,) = _pad_inside(operation, inputs, 1)
    blocks = constant(operation.inputs[1])
    if inputs[0].blocks != (1, 1) or len(blocks) != 2:
        raise Unknown
    return [replace(padded, blocks=tuple(int(block) for block in blocks))]


def _batch_to_space(operation, inputs):
    if tuple(constant(operation.inputs[1])) != inputs[0].blocks:
        raise Unknown
    return [replace(_pad_inside(operation, inputs, -1)[0], blocks=(1, 1))]


def _pad_inside(operation, inputs, sign):
    """Fields with cells added (sign 1) or cut off (-1) at the ends of rows and columns."""
    fields = inputs[0]
    for axis, ends in enumerate(constant(operation.inputs[2]), start=1):
        before, after = (int(sign * end) for end in ends)
        fields = fields.each(lambda intervals, axis=axis, ends=(before, after): intervals.extended(axis, *ends))
    return [fields]


def _resize(operation, inputs):
    if operation.get_attr("align_corners"):
        raise Unknown
    fields = inputs[0]
    half = 0.5 if operation.get_attr("half_pixel_centers") else 0.0
    for axis in (1, 2):
        old, new = operation.inputs[0].shape[axis], operation.outputs[0].shape[axis]
        at = (np.arange(new) + half) * (old / new)
        if operation.type == "ResizeBilinear":
            at = at - half
            picked = [np.floor(at), np.ceil(at)]
        else:
            picked = [np.floor(at)]
        picked = [np.clip(one, 0, old - 1).astype(int) for one in picked]
        fields = fields.each(lambda intervals, axis=axis, picked=picked: intervals.resized(axis, *picked))
    return [fields]


RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(CONVOLUTIONS | POOLINGS, _convolution),
    **dict.fromkeys(TRANSPOSED_CONVOLUTIONS, _transposed),
    **dict.fromkeys(RESIZINGS, _resize),
    **dict.fromkeys(PADDINGS, _pad),
    "BatchToSpaceND": _batch_to_space,
    "SpaceToBatchND": _space_to_batch,
}
