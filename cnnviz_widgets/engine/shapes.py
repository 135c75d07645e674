"""Shapes that a GraphDef does not tell: kept from one graph to another, or written into it."""

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue


def keep_shapes(known: tf.Graph, graph: tf.Graph) -> None:
    """Give the tensors of a graph what was known of their shapes in another."""
    there = {operation.name: operation for operation in graph.get_operations()}
    for old in known.get_operations():
        new = there.get(old.name)
        for before, after in zip(old.outputs, new.outputs if new is not None else (), strict=False):
            if before.shape.rank is not None and before.shape.as_list() != after.shape:
                after.set_shape(before.shape)


def tell_shape(tensor: tf.Tensor) -> None:
    """Write the shape of an operation's only tensor into the operation, so that graphs that import it know it."""
    shapes = AttrValue.ListValue(shape=[tensor.shape.as_proto()])
    tensor.op._set_attr("_output_shapes", AttrValue(list=shapes))
