"""Rewriting of graphs from channels first to channels last, so that everything else knows one order of axes only.

A model whose grids are (channels, height, width) gets its images transposed, and each of its layers passes its output
on through a tensor that is (height, width, channels): this is the tensor to look at (`tracing`). The operations in
between that work on channels first by themselves become a transposition, the same operation with its channels last,
and a transposition back. TensorFlow has no kernels for some of them on the processor, and code that reads convolutions,
such as that of the receptive fields, has to know one form only.
"""

import numpy as np
import tensorflow as tf

from .inputs import TO_FIRST, TO_LAST
from .op_kinds import GRIDS
from .tensor_names import GraphDef


def channels_last(definition: GraphDef) -> GraphDef:
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


def _turned_round(node):
    # Looking for an attribute that a node does not have would give it one.
    return node.op in GRIDS and "data_format" in node.attr and node.attr["data_format"].s == b"NCHW"


def _mistaken_biases(definition):
    """The biases that a graph adds to the last axis by its letter, but to the channels when it runs.

    Keras (3.15) infers the axis of a bias from the sizes, and gets the last one for a grid that is as wide as it has
    channels. Where TensorFlow fuses a convolution with the bias behind it, as in `fit`, `evaluate` and `predict`, it
    adds the bias to the channels all the same. The model was trained to these numbers; `model(images)` gives others.
    """
    convolutions = {node.name for node in definition.node if node.op == "Conv2D" and _turned_round(node)}
    return {
        node.name
        for node in definition.node
        if node.op == "BiasAdd" and not _turned_round(node) and node.input[0] in convolutions
    }


def _rewritten(node, moved):
    """The transposition, the operation with its channels last, and, under its name, the transposition back.

    The output of another moved operation needs no transposition: a bias stays beside its convolution, so that the two
    can be recognised as one layer.
    """
    name, grid, kind = node.name, GRIDS[node.op], node.attr["T"].type
    node.name = f"{name}/channels_last"
    nodes = [node, _turn(name, node.name, "channels_first/order", kind)]
    if node.input[grid] in moved:
        node.input[grid] = f"{node.input[grid]}/channels_last"
    else:
        nodes.insert(0, _turn(f"{name}/turned", node.input[grid], "channels_last/order", kind))
        node.input[grid] = nodes[0].name
    if grid == 2:  # the size of the result
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
    """The name of an input, which is the moved operation's for the statistics of a batch normalisation (no grids)."""
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
