"""A convolution and the normalisation behind it as one convolution: fewer maps to write and to read again.

Once a network is trained, its batch normalisation multiplies each channel by a number and adds another (Ioffe, Szegedy,
"Batch Normalization", ICML 2015, section 3.1, arXiv:1502.03167). Multiplying the kernel instead gives the same sums but
for rounding, and takes a pass over the kernel where it took two over the map.
"""

from collections import Counter

import tensorflow as tf

from ..names import operation

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")


def folded(graph, wanted):
    """A `ForwardGraph` like `graph`, of which the tensors `wanted` are the same; some others are no longer there."""
    readers = Counter(operation(name) for node in graph.definition.node for name in node.input)
    readers.update(map(operation, wanted))
    definition = tf.compat.v1.GraphDef()
    definition.CopyFrom(graph.definition)
    nodes = {node.name: node for node in definition.node}
    for node in list(definition.node):
        chain = node.op == "AddV2" and _chain(graph, node, readers)
        if chain:
            kernel = graph.tensor(graph.inputs_of(chain[0])[1]).shape
            _fold(definition, nodes, node, kernel, *chain)
    return graph.with_definition(definition)


def _chain(graph, add, readers):
    """(convolution, bias or None, scale, shift), names of an operation and of tensors, that end in an addition.

    None where there is no such chain, or where somebody else reads what is in the middle of it.
    """
    below, shift = _map_and_fixed(graph, add.name)
    product = below and graph.node(operation(below))
    if not product or product.op != "Mul" or readers[product.name] > 1:
        return None
    below, scale = _map_and_fixed(graph, product.name)
    source, bias = below and graph.node(operation(below)), None
    if source and source.op == "BiasAdd" and readers[source.name] == 1:
        below, bias = graph.inputs_of(source.name)
        source = graph.node(operation(below))
    if not source or source.op not in CONVOLUTIONS or readers[source.name] > 1:
        return None
    return None if source.attr["data_format"].s == b"NCHW" else (source.name, bias, scale, shift)


def _map_and_fixed(graph, name):
    """Of two inputs, the map, and the vector of a number a channel, the same for every image; or (None, None)."""
    for one, other in (graph.inputs_of(name), graph.inputs_of(name)[::-1]):
        if graph.reaches(graph.input, one) and not graph.reaches(graph.input, other):
            one_a_channel = graph.tensor(other).shape.as_list() == [graph.tensor(one).shape[-1]]
            return (one, other) if one_a_channel else (None, None)
    return None, None


def _fold(definition, nodes, add, kernel, convolution, bias, scale, shift):
    """Let `add` stand for the convolution with a scaled kernel, whose shape is `kernel`, and the shift as its bias."""
    convolution = nodes[convolution]
    kind = convolution.attr["T"].type

    def new(name, op, *inputs, **types):
        node = definition.node.add(name=f"{add.name}/folded/{name}", op=op, input=inputs)
        for key, value in ({"T": kind} | types).items():
            node.attr[key].type = value
        return f"{node.name}:0"

    factors = scale
    if convolution.op == "DepthwiseConv2dNative":  # its kernel is (height, width, channels, filters of each)
        shape = definition.node.add(name=f"{add.name}/folded/shape", op="Const")
        shape.attr["dtype"].type = tf.int32.as_datatype_enum
        shape.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(kernel[2:].as_list(), tf.int32))
        factors = new("factors", "Reshape", scale, f"{shape.name}:0", Tshape=tf.int32.as_datatype_enum)
    convolution.input[1] = new("kernel", "Mul", convolution.input[1], factors)
    if bias is not None:
        shift = new("shift", "AddV2", new("scaled", "Mul", bias, scale), shift)
    add.op = "BiasAdd"
    add.input[:] = [f"{convolution.name}:0", shift]
    add.attr.clear()
    add.attr["T"].type = kind
