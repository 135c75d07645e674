"""A convolution and the normalisation behind it as one convolution: fewer maps to write and to read again.

Once a network is trained, its batch normalisation multiplies each channel by a number and adds another (Ioffe, Szegedy,
"Batch Normalization", ICML 2015, section 3.1, arXiv:1502.03167). Multiplying the kernel instead gives the same sums but
for rounding, and takes a pass over the kernel where it took two over the map. TensorFlow then makes one operation of
the convolution, the addition and the ReLU behind it.
"""

from collections import Counter
from dataclasses import dataclass

import tensorflow as tf

from .grouped_convolutions import has_groups
from .op_kinds import ADDITIONS, CONVOLUTIONS
from .tensor_names import operation, tensor_name

BIASES = ADDITIONS | {"BiasAdd"}  # an addition behind a grouped convolution, see `grouped_convolutions`
# In half precision a scaled kernel would be rounded once more.
KINDS = (tf.float32.as_datatype_enum, tf.float64.as_datatype_enum)
# A kernel is multiplied anew at every call. That pays where the map is larger, for as many images as are usually asked
# for at once: one by a person, eight or sixteen by a method that takes many.
IMAGES = 4


@dataclass(frozen=True)
class Chain:
    """What `add`, a node, ends: a convolution, perhaps a bias (a tensor), and what multiplies and what is added."""

    add: tf.compat.v1.NodeDef
    convolution: tf.compat.v1.NodeDef
    bias: str | None
    scale: str
    shift: str


def folded(graph, wanted):
    """A `ForwardGraph` like `graph`, of which the tensors `wanted` are the same; some others are no longer there."""
    definition = tf.compat.v1.GraphDef()
    definition.CopyFrom(graph.definition)
    fold(definition, graph, wanted)
    return graph.with_definition(definition)


def fold(definition, graph, kept, images=None):
    """Fold what can be folded in `definition`, a part of `graph`, so that the tensors `kept` stay as they are.

    Where `images` is given, only what is worth it for as many images at once.
    """
    readers = Counter(operation(name) for node in definition.node for name in node.input)
    readers.update(map(operation, kept))
    nodes, from_image = {node.name: node for node in definition.node}, graph.after(graph.input)
    adds = [node for node in definition.node if node.op in ADDITIONS]
    for chain in filter(None, [_chain(graph, nodes, readers, from_image, add) for add in adds]):
        kernel = graph.tensor(tensor_name(chain.convolution.input[1])).shape
        if images is None or _is_worth_it(graph.tensor(f"{chain.add.name}:0").shape, kernel, images):
            _fold(definition, graph, chain, kernel)


def _chain(graph, nodes, readers, from_image, add):
    """The `Chain` that ends in an addition.

    None where there is no such chain, or where somebody else reads what is in the middle of it.
    """
    below, shift = _map_and_fixed(graph, from_image, add)
    product = below and nodes.get(operation(below))
    if not product or product.op != "Mul" or readers[product.name] > 1:
        return None
    below, scale = _map_and_fixed(graph, from_image, product)
    source, bias = below and nodes.get(operation(below)), None
    if source and source.op in BIASES and readers[source.name] == 1:
        below, bias = _map_and_fixed(graph, from_image, source)
        source = below and nodes.get(operation(below))
    if not source or source.op not in CONVOLUTIONS or readers[source.name] > 1:
        return None
    known = source.attr["data_format"].s != b"NCHW" and source.attr["T"].type in KINDS
    return Chain(add, source, bias, scale, shift) if known else None


def _map_and_fixed(graph, from_image, node):
    """Of two inputs, the map, and what holds a number a channel, the same for every image; or (None, None)."""
    names = list(map(tensor_name, node.input))
    for one, other in (names, names[::-1]):
        if operation(one) in from_image and operation(other) not in from_image:
            channels, shape = graph.tensor(one).shape[-1], graph.tensor(other).shape.as_list()
            return (one, other) if shape in ([channels], [1, 1, 1, channels]) else (None, None)
    return None, None


def _is_worth_it(made, kernel, images):
    """Whether as many maps are larger than the kernel; where their size depends on the image, they are."""
    rows, columns = made[1:3]
    return None in (rows, columns) or images * rows * columns * made[-1] > kernel.num_elements()


def _fold(definition, graph, chain, kernel):
    """Let `add` stand for the convolution with a scaled kernel, whose shape is `kernel`, and the shift as its bias."""
    add, convolution, scale, shift = chain.add, chain.convolution, chain.scale, chain.shift
    kind, channels = convolution.attr["T"].type, graph.tensor(f"{add.name}:0").shape[-1]

    def new(name, op, *inputs, **types):
        node = definition.node.add(name=f"{add.name}/folded/{name}", op=op, input=inputs)
        for key, value in ({"T": kind} | types).items():
            node.attr[key].type = value
        return f"{node.name}:0"

    def reshaped(name, tensor, shape):
        constant = definition.node.add(name=f"{add.name}/folded/{name}_shape", op="Const")
        constant.attr["dtype"].type = tf.int32.as_datatype_enum
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(shape, tf.int32))
        return new(name, "Reshape", tensor, f"{constant.name}:0", Tshape=tf.int32.as_datatype_enum)

    grouped = convolution.op == "Conv2D" and has_groups(convolution, graph.tensor)
    factors = scale
    if convolution.op == "DepthwiseConv2dNative":  # its kernel is (height, width, channels, filters of each)
        factors = reshaped("factors", scale, kernel[2:].as_list())
    convolution.input[1] = new("kernel", "Mul", convolution.input[1], factors)
    if chain.bias is not None:
        shift = new("shift", "AddV2", new("scaled", "Mul", chain.bias, scale), shift)
    add.op = "AddV2" if grouped else "BiasAdd"
    add.input[:] = [f"{convolution.name}:0", reshaped("bias", shift, [channels])]
    add.attr.clear()
    add.attr["T"].type = kind
