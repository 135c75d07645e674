"""What the outputs of convolutions, pooling and resizing see: rules for operations that put a window on a grid.

A rule is a function of the operation and of what its inputs see; see `sight_rules`.
"""

from dataclasses import replace

import numpy as np

from .seen import Unknown, attribute, constant


def _convolution(operation, inputs):
    sight, *others = inputs
    if any(others) or attribute(operation, "data_format", b"NHWC") != b"NHWC":
        raise Unknown
    strides = operation.get_attr("strides")[1:3]
    dilations = attribute(operation, "dilations", [1, 1, 1, 1])[1:3]
    for n, (size, padding) in enumerate(zip(window_of(operation), paddings_of(operation), strict=True)):
        axis, dilation = n + 1, dilations[n] * sight.blocks[n]
        sight = sight.each(
            lambda reach, axis=axis, size=size, padding=padding, dilation=dilation, stride=strides[n]: reach.extended(
                axis, *padding
            ).windows(axis, size, stride, dilation)
        )
    return [sight.each(_any_channel)]


def _transposed(operation, inputs):
    *others, sight = inputs
    if any(others) or attribute(operation, "data_format", b"NHWC") != b"NHWC":
        raise Unknown
    strides, dilations = operation.get_attr("strides"), attribute(operation, "dilations", [1, 1, 1, 1])
    small, large = operation.inputs[2].shape, operation.outputs[0].shape
    for axis, size in enumerate(operation.inputs[1].shape[:2], start=1):
        across, stride = (size - 1) * dilations[axis], strides[axis]
        padded, _ = _padding(operation, axis, large[axis], small[axis], across + 1, stride)
        # The cells stand `stride` apart. The window of output cell 0 begins so far before the first of them that,
        # with the padding of the convolution which this one turns round, it ends there.
        ends = across - padded, large[axis] - small[axis] * stride + padded
        sight = sight.each(
            lambda reach, at=(axis, size), stride=stride, ends=ends, dilation=dilations[axis]: (
                reach.spread(at[0], stride).extended(at[0], *ends).windows(*at, 1, dilation)
            )
        )
    return [sight.each(_any_channel)]


def window_of(operation):
    """(height, width) of the window of a convolution or pooling, without the gaps of dilation."""
    if operation.type in ("MaxPool", "AvgPool"):
        batch, *window, channels = operation.get_attr("ksize")
        if (batch, channels) != (1, 1):
            raise Unknown
        return window
    return operation.inputs[1].shape[:2]


def paddings_of(operation):
    """((top, bottom), (left, right)): how many cells of padding a convolution or pooling puts there."""
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
    total = max((small - 1) * stride + extent - large, 0)  # SAME: what is over goes to the end
    return total // 2, total - total // 2


def _any_channel(reach):
    """A convolution mixes the channels; a depthwise one does not, but then its channels see the same."""
    return reach.reduced([reach.rank - 1], keepdims=True) if reach.shape[-1] > 1 else reach


def _pad(operation, inputs):
    sight = inputs[0]
    for axis, (before, after) in enumerate(constant(operation.inputs[1])):
        sight = sight.each(lambda reach, axis=axis, ends=(int(before), int(after)): reach.extended(axis, *ends))
    return [sight]


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
    """Cells put on (sign 1) or cut off (-1) at the ends of rows and columns."""
    sight = inputs[0]
    for axis, ends in enumerate(constant(operation.inputs[2]), start=1):
        before, after = (int(sign * end) for end in ends)
        sight = sight.each(lambda reach, axis=axis, ends=(before, after): reach.extended(axis, *ends))
    return [sight]


def _resize(operation, inputs):
    if operation.get_attr("align_corners"):
        raise Unknown
    sight = inputs[0]
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
        sight = sight.each(lambda reach, axis=axis, picked=picked: reach.resized(axis, *picked))
    return [sight]


RULES = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool"), _convolution),
    **dict.fromkeys(("Conv2DBackpropInput", "DepthwiseConv2dNativeBackpropInput"), _transposed),
    **dict.fromkeys(("ResizeBilinear", "ResizeNearestNeighbor"), _resize),
    **dict.fromkeys(("Pad", "PadV2"), _pad),
    "BatchToSpaceND": _batch_to_space,
    "SpaceToBatchND": _space_to_batch,
}
