"""Grouped convolutions and their gradients, in a form that every processor computes.

TensorFlow (2.21) supports groups everywhere only with oneDNN, which it leaves off on many processors. Without it the
optimiser still fuses a convolution with the bias or normalisation behind it, but the fused operation does not support
groups; and a grouped convolution has no gradient. Keras compiles its grouped convolutions by XLA, out of the
optimiser's sight; a traced graph in which these calls are inlined has to avoid the problem itself:

- A convolution with as many groups as channels becomes a depthwise one, which has its own operation: without oneDNN it
  takes a twentieth of the time (96 channels of 56 by 56, 7 by 7 kernels).
- Behind all others, a bias becomes an addition, and a normalisation a product and an addition. The optimiser does not
  fuse these; with oneDNN it fuses them all the same.
- If the processor has no gradient for them, they get ours: a grouped convolution with the kernel rotated by 180°.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import cast

import tensorflow as tf

from .op_kinds import NORMALISATIONS
from .registered_gradients import register_once
from .tensor_names import GraphDef, NodeDef, operation, tensor_name

GRADIENT = "CnnvizGroupedConv2D"
# Operations between a convolution and its bias that the optimiser removes or looks through.
BETWEEN = (
    "ExpandDims",
    "Identity",
    "PreventGradient",
    "Reshape",
    "Snapshot",
    "Squeeze",
    "StopGradient",
    "Transpose",  # there and back, between channels first and last
)
PADDINGS = (b"SAME", b"VALID")


def portable(definition: GraphDef, tensor: Callable[[str], tf.Tensor]) -> GraphDef:
    """A GraphDef that computes the same as `definition`, under the same names, on every processor.

    `tensor(name)` looks up a tensor of it. It is `definition` itself if no convolution has groups.
    """
    grouped = {node.name for node in definition.node if node.op == "Conv2D" and has_groups(node, tensor)}
    if not grouped:
        return definition
    nodes = {node.name: node for node in definition.node}
    depthwise = {name for name in grouped if _is_depthwise(nodes[name], tensor)}
    read = Counter(map(tensor_name, (name for node in definition.node for name in node.input)))
    changed = tf.compat.v1.GraphDef(versions=definition.versions, library=definition.library)
    for node in definition.node:
        copy = tf.compat.v1.NodeDef()
        copy.CopyFrom(node)
        if node.name in depthwise:
            changed.node.extend(_as_depthwise(copy, tensor))
        elif node.name in grouped:
            changed.node.append(_with_gradient(copy))
        elif node.op == "BiasAdd" and _source(node, nodes) in grouped - depthwise:
            copy.op = "AddV2"
            copy.attr.pop("data_format", None)
            changed.node.append(copy)
        elif _is_fixed_scale(node, tensor, read) and _source(node, nodes) in grouped - depthwise:
            changed.node.extend(_scaled_and_shifted(copy, tensor))
        else:
            changed.node.append(copy)
    return changed


def has_groups(convolution: NodeDef, tensor: Callable[[str], tf.Tensor]) -> bool:
    """True if the kernel of a Conv2D, a node, has fewer input channels than its input, or if this is unknown."""
    images, kernel = (tensor(tensor_name(name)).shape for name in convolution.input[:2])
    channels = None if images.rank is None else images[-1]
    return channels is None or kernel.rank is None or kernel[2] is None or channels != kernel[2]


def _is_depthwise(convolution, tensor):
    """True if the grouped convolution can be written as a depthwise one."""
    kernel, strides = tensor(tensor_name(convolution.input[1])).shape, convolution.attr["strides"].list.i
    return (
        kernel.is_fully_defined()
        and kernel[2] == 1
        and tensor(tensor_name(convolution.input[0])).shape[-1] is not None
        and convolution.attr["padding"].s in PADDINGS
        and strides[1] == strides[2]
        and all(rate == 1 for rate in convolution.attr["dilations"].list.i)
    )


def _as_depthwise(node, tensor):
    """The reshaping of the kernel to (height, width, channels, filters of each), and the depthwise convolution."""
    channels = tensor(tensor_name(node.input[0])).shape[-1]
    height, width, _, filters = tensor(tensor_name(node.input[1])).shape
    shape = _constant(f"{node.name}/kernel/shape", [height, width, channels, filters // channels], tf.int32)
    kernel = _node(f"{node.name}/kernel", "Reshape", node.input[1], shape.name, T=node.attr["T"].type)
    kernel.attr["Tshape"].type = tf.int32.as_datatype_enum
    node.op, node.input[1] = "DepthwiseConv2dNative", kernel.name
    node.attr.pop("use_cudnn_on_gpu", None)
    return [shape, kernel, node]


def _source(node, nodes):
    """The name of the operation that computes the first input of `node`."""
    name = operation(node.input[0])
    while nodes[name].op in BETWEEN:
        name = operation(nodes[name].input[0])
    return name


# ---- Normalisation


def _is_fixed_scale(node, tensor, read):
    """True for a normalisation by fixed statistics of whose outputs only the map is read."""
    if node.op not in NORMALISATIONS:
        return False
    made = tensor(f"{node.name}:0").op  # it knows the attributes that a node leaves out
    of_one_type = len({tensor(tensor_name(name)).dtype for name in node.input[:5]}) == 1
    others = any(read[f"{node.name}:{number}"] for number in range(1, len(made.outputs)))
    return of_one_type and not others and not made.get_attr("is_training")


def _scaled_and_shifted(node, tensor):
    """A normalisation in simple operations, map * rate + (offset - mean * rate)."""
    name, kind = node.name, node.attr["T"].type
    images, scale, offset, mean, variance = node.input[:5]
    epsilon = tensor(f"{name}:0").op.get_attr("epsilon")
    nodes = [_constant(f"{name}/epsilon", epsilon, tf.as_dtype(kind))]

    def new(part, op, *inputs):
        nodes.append(_node(f"{name}/{part}" if part else name, op, *inputs, T=kind))
        return nodes[-1].name

    rate = new("rate", "Mul", scale, new("rsqrt", "Rsqrt", new("above_zero", "AddV2", variance, nodes[0].name)))
    shift = new("shift", "Sub", offset, new("mean", "Mul", mean, rate))
    new("", "AddV2", new("scaled", "Mul", images, rate), shift)
    nodes[-1].input.extend(node.input[5:])  # control inputs
    return nodes


def _node(name, op, *inputs, **types):
    node = tf.compat.v1.NodeDef(name=name, op=op, input=inputs)
    for key, value in types.items():
        node.attr[key].type = value
    return node


def _constant(name, values, kind):
    node = tf.compat.v1.NodeDef(name=name, op="Const")
    node.attr["dtype"].type = kind.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values, kind))
    return node


# ---- The gradient


def _with_gradient(node):
    if node.attr["padding"].s in PADDINGS and "_gradient_op_type" not in node.attr and not processor_has_gradient():
        register_gradient()
        node.attr["_gradient_op_type"].s = GRADIENT.encode()
    return node


@cache
def processor_has_gradient() -> bool:
    """True if TensorFlow has a gradient for a grouped convolution on this processor. It is tried once."""
    with tf.init_scope(), tf.device("CPU:0"):
        try:
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[1, 2, 2, 4],
                filter=tf.ones([1, 1, 2, 4]),
                out_backprop=tf.ones([1, 2, 2, 4]),
                strides=[1, 1, 1, 1],
                padding="VALID",
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def register_gradient() -> None:
    """Register the gradient in TensorFlow; once a process."""
    register_once(GRADIENT, gradient)


def gradient(convolution: tf.Operation, arriving: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The gradients (at the images, at the kernel) of a Conv2D with groups, channels last, padding SAME or VALID.

    Cell q is made of pixel p by the kernel's number at p - q, and so is the gradient of p of that of q. The gradient at
    the images is therefore a convolution of the arriving one, with zeros between its cells for the stride, by the
    kernel rotated by 180°, with the inputs and filters of each group exchanged.
    """
    images, kernel = convolution.inputs
    strides, dilations = (convolution.get_attr(name)[1:3] for name in ("strides", "dilations"))
    padding = convolution.get_attr("padding")
    height, width, taken, made = cast(list[int], kernel.shape.as_list())
    groups = cast(int, images.shape[-1]) // taken
    reaches = [(size - 1) * rate + 1 for size, rate in zip((height, width), dilations, strict=True)]
    ends = [
        _ends(tf.shape(images)[axis], tf.shape(arriving)[axis], *facts, padding)
        for axis, facts in enumerate(zip(reaches, strides, strict=True), start=1)
    ]
    turned = tf.reshape(tf.reverse(kernel, [0, 1]), [height, width, taken, groups, made // groups])
    turned = tf.reshape(tf.transpose(turned, [0, 1, 4, 3, 2]), [height, width, made // groups, groups * taken])
    spread = tf.pad(_spread(arriving, strides), [[0, 0], *ends, [0, 0]])
    rows, columns = (tf.shape(images)[axis] + reach - 1 for axis, reach in enumerate(reaches, start=1))
    at_images = tf.nn.conv2d(spread[:, :rows, :columns], turned, 1, "VALID", dilations=dilations)
    at_kernel = tf.raw_ops.Conv2DBackpropFilter(
        input=images,
        filter_sizes=tf.shape(kernel),
        out_backprop=arriving,
        strides=[1, *strides, 1],
        dilations=[1, *dilations, 1],
        padding=padding,
    )
    at_images.set_shape(images.shape)
    return at_images, at_kernel


def _ends(length, cells, reach, stride, padding):
    """The numbers of zeros before and behind an axis; those of the stride may be more than are needed."""
    padded = tf.maximum((cells - 1) * stride + reach - length, 0) // 2 if padding == b"SAME" else 0
    before = reach - 1 - padded
    return before, tf.maximum(length + reach - 1 - before - cells * stride, 0)


def _spread(grid, strides):
    """The grid with zeros behind each cell, as many as the stride skips."""
    if tuple(strides) == (1, 1):
        return grid
    down, across = strides
    images, rows, columns, channels = tf.unstack(tf.shape(grid))
    between = [[0, 0], [0, 0], [0, down - 1], [0, 0], [0, across - 1], [0, 0]]
    spread = tf.pad(grid[:, :, tf.newaxis, :, tf.newaxis], between)
    return tf.reshape(spread, [images, rows * down, columns * across, channels])
