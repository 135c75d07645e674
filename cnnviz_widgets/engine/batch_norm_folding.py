"""Folding of a normalisation into the convolution in front of it: fewer maps are written and read again.

Once a network is trained, its batch normalisation multiplies each channel by a number and adds another (Ioffe, Szegedy,
"Batch Normalization", ICML 2015, section 3.1, arXiv:1502.03167). Multiplying the kernel instead gives the same sums but
for rounding, and takes a pass over the kernel where it took two over the map. TensorFlow then makes one operation of
the convolution, the addition and the ReLU behind it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from .grouped_convolutions import has_groups
from .op_kinds import ADDITIONS, CONVOLUTIONS
from .tensor_names import GraphDef, NodeDef, operation, tensor_name

if TYPE_CHECKING:
    from .graph import ForwardGraph

BIASES = ADDITIONS | {"BiasAdd"}  # an addition behind a grouped convolution, see `grouped_convolutions`
# In half precision a scaled kernel would be rounded once more.
KINDS = (tf.float32.as_datatype_enum, tf.float64.as_datatype_enum)
# A kernel is multiplied anew at every call. That pays where the map is larger, for as many images as are usual in a
# batch: one from a person, eight or sixteen from a method that takes many.
IMAGES = 4


@dataclass(frozen=True)
class Chain:
    """A convolution, perhaps with a bias, and the normalisation behind it, which ends in the node `add`.

    `bias`, `scale` (the factor) and `shift` (the summand) are tensors' names.
    """

    add: NodeDef
    convolution: NodeDef
    bias: str | None
    scale: str
    shift: str


def folded(graph: "ForwardGraph", wanted: Iterable[str]) -> "ForwardGraph":
    """A `ForwardGraph` with all that can be folded folded; the tensors `wanted` keep their values, others may go."""
    definition = tf.compat.v1.GraphDef()
    definition.CopyFrom(graph.definition)
    fold(definition, graph, wanted)
    return graph.with_definition(definition)


def fold(definition: GraphDef, graph: "ForwardGraph", kept: Iterable[str], images: int | None = None) -> None:
    """Fold the normalisations in `definition`, a part of `graph`, so that the tensors `kept` keep their values.

    With `images`, only those are folded that save time for a batch of so many images.
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

    None if there is no such chain, or if another operation reads a tensor in the middle of it.
    """
    below, shift = _map_and_fixed(graph, from_image, add)
    product = below and nodes.get(operation(below))
    if shift is None or not product or product.op != "Mul" or readers[product.name] > 1:
        return None
    below, scale = _map_and_fixed(graph, from_image, product)
    source, bias = below and nodes.get(operation(below)), None
    if source and source.op in BIASES and readers[source.name] == 1:
        below, bias = _map_and_fixed(graph, from_image, source)
        source = below and nodes.get(operation(below))
    if scale is None or not source or source.op not in CONVOLUTIONS or readers[source.name] > 1:
        return None
    known = source.attr["data_format"].s != b"NCHW" and source.attr["T"].type in KINDS
    return Chain(add, source, bias, scale, shift) if known else None


def _map_and_fixed(graph, from_image, node):
    """(map, numbers): the input with the map and the one with a number for each channel; (None, None) for others.

    The numbers are the same for every image.
    """
    names = list(map(tensor_name, node.input))
    for one, other in (names, names[::-1]):
        if operation(one) in from_image and operation(other) not in from_image:
            made, numbers = graph.tensor(one).shape, graph.tensor(other).shape
            if made.rank == 4 and numbers.rank in (1, 4) and list(numbers) in ([made[-1]], [1, 1, 1, made[-1]]):
                return one, other
    return None, None


def _is_worth_it(made, kernel, images):
    """True if the maps of so many images are larger than the kernel, or if their size depends on the image."""
    rows, columns = made[1:3]
    return None in (rows, columns) or images * rows * columns * made[-1] > kernel.num_elements()


def _fold(definition, graph, chain, kernel):
    """Make `add` the bias of the convolution: its kernel, of shape `kernel`, is scaled, and the shift is the bias."""
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
