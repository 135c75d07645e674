"""Channels first, brought to channels last, so that everything else knows one layout only.

A model whose grids are (channels, height, width) is shown its images turned round, and each of its layers hands on what
it made by way of a tensor that is (height, width, channels): that one is what we look at (`tracing`). The operations in
between that work on channels first by themselves are rewritten here into a turn, the same operation with its channels
last, and a turn back. For some of them TensorFlow has no kernels on the processor, and whoever reads convolutions, as
the receptive fields do, needs to know one form only.
"""

import numpy as np
import tensorflow as tf

from .inputs import TO_FIRST, TO_LAST
from .op_kinds import GRIDS
from .tensor_names import operation


def channels_last(definition):
    """A GraphDef that computes the same, under the same names, with `GRIDS` operations on channels last only."""
    moved = {node.name for node in definition.node if _turned_round(node)}
    if not moved:
        return definition
    moved |= _mistaken_biases(definition)
    changed = tf.compat.v1.GraphDef(versions=definition.versions, library=definition.library)
    changed.node.extend([_constant("channels_last/order", TO_LAST), _constant("channels_first/order", TO_FIRST)])
    for node in definition.node:
        copy = tf.compat.v1.NodeDef()
        copy.CopyFrom(node)
        copy.input[:] = [_statistics(name, moved) for name in node.input]
        changed.node.extend(_rewritten(copy, moved) if node.name in moved else [copy])
    return changed


def turns_to_first(node, nodes):
    """Whether a node of a GraphDef is the turn from channels last to channels first."""
    if node.op != "Transpose":
        return False
    order = nodes[operation(node.input[1])]
    return order.op == "Const" and tuple(tf.make_ndarray(order.attr["value"].tensor)) == TO_FIRST


def _turned_round(node):
    # Looking for an attribute that a node does not have would give it one.
    return node.op in GRIDS and "data_format" in node.attr and node.attr["data_format"].s == b"NCHW"


def _mistaken_biases(definition):
    """The biases that a graph says are on the last axis, but that are on the channels when it runs.

    Keras (3.15) tells by the sizes on which axis a bias is, so of a grid as wide as it has channels it says the last
    one. TensorFlow makes one operation of a convolution and the bias behind it where it can, as in `fit`, `evaluate`
    and `predict`, and adds the bias to the channels all the same. The model was trained to these numbers; those of
    `model(images)` are others.
    """
    convolutions = {node.name for node in definition.node if node.op == "Conv2D" and _turned_round(node)}
    return {
        node.name
        for node in definition.node
        if node.op == "BiasAdd" and not _turned_round(node) and node.input[0] in convolutions
    }


def _rewritten(node, moved):
    """The turn, the operation with its channels last, and, under the operation's name, the turn back.

    What comes straight from another moved operation needs no turn: a bias stays beside its convolution, where whoever
    takes the two for one layer finds it.
    """
    name, grid, kind = node.name, GRIDS[node.op], node.attr["T"].type
    node.name = f"{name}/channels_last"
    nodes = [node, _turn(name, node.name, "channels_first/order", kind)]
    if node.input[grid] in moved:
        node.input[grid] = f"{node.input[grid]}/channels_last"
    else:
        nodes.insert(0, _turn(f"{name}/turned", node.input[grid], "channels_last/order", kind))
        node.input[grid] = nodes[0].name
    if grid == 2:  # how large the result is to be
        nodes.append(_gather(f"{name}/size", node.input[0], "channels_last/order"))
        node.input[0] = nodes[-1].name
    node.attr["data_format"].s = b"NHWC"
    for attribute in ("strides", "dilations", "ksize"):
        if attribute in node.attr:
            values = node.attr[attribute].list.i
            values[:] = [values[axis] for axis in TO_LAST]
    if ends := node.attr["explicit_paddings"].list.i if "explicit_paddings" in node.attr else []:
        ends[:] = np.reshape(ends, (4, 2))[list(TO_LAST)].ravel().tolist()
    return nodes


def _statistics(name, moved):
    """The further outputs of a batch normalisation, statistics without a layout, are at the moved operation."""
    operation, _, number = name.partition(":")
    return f"{operation}/channels_last:{number}" if number not in ("", "0") and operation in moved else name


def _turn(name, grid, order, kind):
    node = tf.compat.v1.NodeDef(name=name, op="Transpose", input=[grid, order])
    node.attr["T"].type = kind
    node.attr["Tperm"].type = tf.int32.as_datatype_enum
    return node


def _gather(name, sizes, order):
    node = tf.compat.v1.NodeDef(name=name, op="Gather", input=[sizes, order])
    node.attr["Tparams"].type = node.attr["Tindices"].type = tf.int32.as_datatype_enum
    return node


def _constant(name, values):
    node = tf.compat.v1.NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tf.int32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values, tf.int32))
    return node
