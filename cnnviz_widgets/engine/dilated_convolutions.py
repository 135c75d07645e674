"""Dilated transposed convolutions for all processors: zeros in the gaps of the kernel give the same numbers.

Without oneDNN, which TensorFlow leaves off on many processors, Keras itself cannot run such a layer (TensorFlow 2.21).
The graph keeps the operation, from which multiply-adds and receptive fields are read; compiled functions run another.
"""

from functools import cache
from typing import TYPE_CHECKING

import tensorflow as tf

from .tensor_names import GraphDef, tensor_name

if TYPE_CHECKING:
    from .graph import ForwardGraph

KIND = "Conv2DBackpropInput"


def fill_gaps(definition: GraphDef, graph: "ForwardGraph") -> None:
    """Rewrite the dilated transposed convolutions in `definition`, a part of `graph`, if the processor needs it."""
    for node in list(definition.node):
        if node.op == KIND and any(rate > 1 for rate in node.attr["dilations"].list.i) and not processor_knows_gaps():
            _fill(definition, node, graph.tensor(tensor_name(graph.node(node.name).input[1])).shape.as_list())


@cache
def processor_knows_gaps() -> bool:
    """True if TensorFlow runs dilated transposed convolutions on this processor. It is tried once."""
    with tf.init_scope(), tf.device("CPU:0"):
        try:
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[1, 3, 3, 1],
                filter=tf.ones([2, 2, 1, 1]),
                out_backprop=tf.ones([1, 1, 1, 1]),
                strides=[1, 1, 1, 1],
                dilations=[1, 2, 2, 1],
                padding="VALID",
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def _fill(definition, node, kernel):
    """Give a transposed convolution a larger kernel, with zeros in the gaps; `kernel` is its own kernel's shape."""
    kind, (down, across) = node.attr["T"].type, node.attr["dilations"].list.i[1:3]
    height, width, *channels = kernel
    whole = tf.int32.as_datatype_enum

    def constant(part, values):
        made = definition.node.add(name=f"{node.name}/gaps/{part}", op="Const")
        made.attr["dtype"].type = whole
        made.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values, tf.int32))
        return made.name

    def new(part, op, *inputs, **types):
        made = definition.node.add(name=f"{node.name}/gaps/{part}", op=op, input=inputs)
        for key, value in ({"T": kind} | types).items():
            made.attr[key].type = value
        return made.name

    apart = new(
        "apart", "Reshape", node.input[1], constant("one_by_one", [height, 1, width, 1, *channels]), Tshape=whole
    )
    ends = constant("ends", [[0, 0], [0, down - 1], [0, 0], [0, across - 1], [0, 0], [0, 0]])
    padded = new("padded", "Pad", apart, ends, Tpaddings=whole)
    size = constant("size", [height * down, width * across, *channels])
    joined = new("joined", "Reshape", padded, size, Tshape=whole)
    # The zeros behind the last row and column are no gaps.
    reach = constant("reach", [(height - 1) * down + 1, (width - 1) * across + 1, *channels])
    node.input[1] = new("kernel", "Slice", joined, constant("begin", [0, 0, 0, 0]), reach, Index=whole)
    node.attr["dilations"].list.i[:] = [1, 1, 1, 1]
