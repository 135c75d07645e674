"""The kinds of operations in TensorFlow's graphs: one row for each, with all that the package knows of it.

Folding of normalisations, receptive fields, relevance, occlusion and the prediction of memory each need other facts
about an operation. All of them read this table, or the sets derived from it below, so that a new kind, or a new version
of one, is entered once. Nothing is assumed of a kind without a row. Only the standard library is imported, so that
rooms without TensorFlow may look things up here too.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

LOOKUP = "LookupTableFindV2"
EVERY = range(sys.maxsize)  # places of an operation that takes any number of inputs


@dataclass(frozen=True)
class OpKind:
    """One kind of operation. Inputs are meant by their places, counted from 0."""

    name: str  # TensorFlow's
    family: str  # kinds of one family do the same work, by one rule
    cell_by_cell: bool = False  # each cell of the output is made of the same cell of the inputs, which broadcast
    linear: Sequence[int] = ()  # inputs in which the output is linear, up to a constant, while the others stay
    affine: bool = False  # each number of a `linear` input is scaled and shifted by numbers from the others
    sums: bool = False  # numbers are added up or averaged, none with a negative weight
    winner: bool = False  # the largest number is the output
    weights: int | None = None  # the input that holds the weights
    grid: int | None = None  # the input that is laid out as the attribute `data_format` says
    gate: str = ""  # "relu" for those that a ReLU rule rewrites, "other" for those that keep their own gradient
    keeps_sign: bool = False  # an activation that never changes the sign of a number
    head: str = ""  # the name of the head where a network ends in it, see `Network.head`
    gradient_reads: bool = False  # linear, but its gradient holds on to its input


def _rows(family, names, **facts):
    return [OpKind(name, family, **facts) for name in names.split()]


ROWS = (
    # ---- With weights
    *_rows("convolution", "Conv2D DepthwiseConv2dNative", weights=1, grid=0, linear=(0, 1)),
    *_rows(
        "transposed convolution",
        "Conv2DBackpropInput DepthwiseConv2dNativeBackpropInput",
        weights=1,
        grid=2,
        linear=(1, 2),
    ),
    *_rows("matrix product", "MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3", weights=1, linear=(0, 1)),
    *_rows("einsum", "Einsum", weights=1, linear=EVERY),
    # ---- Arithmetic
    *_rows("addition", "Add AddV2", cell_by_cell=True, linear=(0, 1), affine=True, sums=True),
    *_rows("addition of many", "AddN", cell_by_cell=True, linear=EVERY, sums=True),
    *_rows("bias", "BiasAdd", cell_by_cell=True, linear=(0, 1), affine=True, grid=0),
    *_rows("arithmetic", "Mul Sub", cell_by_cell=True, linear=(0, 1), affine=True),
    *_rows("arithmetic", "Div Neg RealDiv", cell_by_cell=True, linear=(0,), affine=True),
    *_rows(
        "normalisation",  # with the statistics of the training
        "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3",
        linear=(0,),
        affine=True,
        grid=0,
        gradient_reads=True,
    ),
    # ---- Windows, and whole axes
    *_rows("pooling", "AvgPool", linear=(0,), sums=True, grid=0),
    *_rows("pooling", "MaxPool", winner=True, grid=0),
    *_rows("resizing", "ResizeBilinear", linear=(0,), sums=True, gradient_reads=True),
    *_rows("resizing", "ResizeNearestNeighbor", linear=(0,), sums=True),
    *_rows("reduction", "Mean Sum", linear=(0,), sums=True),
    *_rows("reduction", "Max", winner=True),
    *_rows("reduction", "All Any EuclideanNorm Min Prod"),
    *_rows("place of an extreme", "ArgMax ArgMin"),
    *_rows("softmax", "LogSoftmax", head="log_softmax"),
    *_rows("softmax", "Softmax", head="softmax"),
    # ---- Activations, and other functions of one number or two
    *_rows("activation", "Relu Relu6", cell_by_cell=True, gate="relu", keeps_sign=True),
    *_rows("activation", "Elu LeakyRelu Selu Softsign Tanh", cell_by_cell=True, gate="other", keeps_sign=True),
    *_rows("activation", "Softplus", cell_by_cell=True, gate="other"),
    *_rows("activation", "Sigmoid", cell_by_cell=True, gate="other", head="sigmoid"),
    *_rows("function", "Erf Erfc Maximum", cell_by_cell=True, gate="other"),  # gelu is made of the first two
    *_rows("rounding", "Ceil Floor Rint Round Sign", cell_by_cell=True),
    *_rows(
        "function",
        """Abs Acos Acosh Asin Asinh Atan Atan2 Atanh BitwiseAnd BitwiseOr BitwiseXor ClipByValue Cos Cosh Digamma
        DivNoNan Equal Erfinv Exp Expm1 FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
        FakeQuantWithMinMaxVarsPerChannel FloorDiv FloorMod Greater GreaterEqual Inv IsFinite IsInf IsNan LRN LeftShift
        Less LessEqual Lgamma Log Log1p LogicalAnd LogicalNot LogicalOr Minimum Mod MulNoNan NotEqual Pow Reciprocal
        RightShift Rsqrt Select SelectV2 Sin Sinh Snapshot Sqrt Square SquaredDifference Tan TruncateDiv Xdivy Xlogy""",
        cell_by_cell=True,
    ),
    *_rows("cast", "Bitcast", cell_by_cell=True),
    *_rows("cast", "Cast", cell_by_cell=True, linear=(0,)),
    # ---- The same numbers: as they are, in another shape, at other places
    *_rows("identity", "CheckNumerics EnsureShape Identity", cell_by_cell=True, linear=(0,)),
    *_rows("identities", "IdentityN"),
    *_rows("end of a gradient", "PreventGradient StopGradient", cell_by_cell=True),
    *_rows("reshaping", "ExpandDims Reshape Squeeze", linear=(0,)),
    *_rows("padding", "Pad PadV2", linear=(0,)),
    *_rows(
        "moving",
        """BatchToSpaceND BroadcastTo GatherNd GatherV2 MirrorPad ReverseV2 Roll Slice SpaceToBatchND StridedSlice Tile
        Transpose Unpack""",
        linear=(0,),
    ),
    *_rows("moving", "DepthToSpace SpaceToDepth", linear=(0,), grid=0),
    *_rows("moving", "Split", linear=(1,)),
    *_rows("moving", "SplitV", linear=(0,)),
    *_rows("moving", "ConcatV2 Pack", linear=EVERY),
    # ---- The rest
    *_rows("shape", "Assert BroadcastGradientArgs NoOp OnesLike Rank Shape ShapeN Size ZerosLike"),
    *_rows("update", "TensorScatterUpdate"),
    *_rows("lookup", LOOKUP),
    *_rows("call", "PartitionedCall StatefulPartitionedCall"),
    *_rows("writing", "AssignAddVariableOp AssignSubVariableOp AssignVariableOp"),
    *_rows("source", "Const Placeholder ReadVariableOp"),
)
OP_KINDS = {row.name: row for row in ROWS}


def _of(*families):
    return frozenset(row.name for row in ROWS if row.family in families)


def _with(fact):
    """{kind: the fact}, for the rows that state it."""
    return {row.name: getattr(row, fact) for row in ROWS if getattr(row, fact) != getattr(OpKind, fact)}


# ---- By what they do
CONVOLUTIONS = _of("convolution")
TRANSPOSED_CONVOLUTIONS = _of("transposed convolution")
MATRIX_PRODUCTS = _of("matrix product")
PRODUCTS = _of("matrix product", "einsum")  # also those that are written as sums over letters
ADDITIONS = _of("addition")
NORMALISATIONS = _of("normalisation")
POOLINGS = _of("pooling")
RESIZINGS = _of("resizing")
REDUCTIONS = _of("reduction")
PLACES_OF_EXTREMES = _of("place of an extreme")
SOFTMAXES = _of("softmax")
ROUNDINGS = _of("rounding")  # no gradient passes them
ENDS_OF_GRADIENTS = _of("end of a gradient")
IDENTITIES = _of("identity")  # one output, which is the input, gradient and all
PADDINGS = _of("padding")  # with a constant
MOVES = _of("moving", "padding", "reshaping")
SHAPE_ONLY = _of("shape")  # the output depends on the shape of the input, not on its numbers
CALLS = _of("call")
READING = "ReadVariableOp"  # reads a variable, which WRITING changes
WRITING = _of("writing")
# The output is the input, in the same memory.
HANDED_ON = _of("identity", "identities", "end of a gradient", "reshaping")
# Neither a value nor its gradient changes, but perhaps the shape and the type.
TRANSPARENT = _of("identity", "identities", "reshaping") | {"Cast"}

# ---- By a fact
CELL_BY_CELL = frozenset(_with("cell_by_cell"))
LINEAR = _with("linear")  # {kind: places of inputs}
AFFINE = frozenset(_with("affine"))
SUMS = frozenset(_with("sums"))
WINNERS = frozenset(_with("winner"))
KEEPS_SIGN = frozenset(_with("keeps_sign"))
WEIGHTS_AT = _with("weights")  # {kind: place of an input}
GRIDS = _with("grid")  # {kind: place of an input}
HEADS = _with("head")  # {kind: its name}
GATES = _with("gate")  # {kind: "relu" or "other"}
RELUS = frozenset(kind for kind, gate in GATES.items() if gate == "relu")
OTHER_GATES = frozenset(GATES) - RELUS
# The gradient needs neither the input nor the output.
FORGETFUL = (frozenset(LINEAR) - frozenset(_with("gradient_reads"))) | HANDED_ON
