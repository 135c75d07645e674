"""A walk through a traced graph that finds what each tensor sees of the image, by a rule for each operation."""

from . import rules_moving as sight_moves
from . import rules_summing as sight_sums
from . import rules_windows as sight_windows
from .intervals import Reach
from .seen import Sight, Unknown, is_image_free, together

# Each cell of the output is made of the same cell of the inputs, broadcast where they differ.
CELL_BY_CELL = frozenset(
    """Abs Acos Acosh Add AddN AddV2 Asin Asinh Atan Atan2 Atanh BiasAdd Bitcast Cast Ceil CheckNumerics ClipByValue
    Cos Cosh Digamma Div DivNoNan Elu EnsureShape Equal Erf Erfc Erfinv Exp Expm1 FakeQuantWithMinMaxArgs
    FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Floor FloorDiv FloorMod Greater GreaterEqual Identity Inv
    IsFinite IsInf IsNan LRN LeakyRelu Less LessEqual Lgamma Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum
    Mod Mul MulNoNan Neg NotEqual Pow PreventGradient RealDiv Reciprocal Relu Relu6 Rint Round Rsqrt Select SelectV2
    Selu Sigmoid Sign Sin Sinh Snapshot Softplus Softsign Sqrt Square SquaredDifference StopGradient Sub Tan Tanh
    TruncateDiv Xdivy Xlogy""".split()  # noqa: SIM905 - a list of strings would be five times as long
)
# What may stand between SpaceToBatchND and BatchToSpaceND.
INTERLEAVED = CELL_BY_CELL | {"Conv2D", "DepthwiseConv2dNative", "BatchToSpaceND", "IdentityN"}
# A rule is a function of the operation, every shape of which is known, and of what its inputs see: a Sight each, None
# where it does not depend on the image. It gives the same for the outputs, and raises Unknown where it cannot tell.
RULES = {**sight_windows.RULES, **sight_sums.RULES, **sight_moves.RULES}


def sights(graph, sides, wanted):
    """For an image of `sides` (height, width): {tensor: (grid shape, (Reach, Reach))} of the `wanted` tensors' names.

    Tensors of which it cannot be told are left out, as are those that do not depend on the image.
    """
    sized, image = graph.for_one_image(*sides)
    pixels = tuple(Reach.of_pixels(side, axis, 4) for axis, side in enumerate(sides, start=1))
    seen = {image.ref(): Sight(pixels)}
    for operation in sized.get_operations():
        inputs = [seen.get(tensor.ref()) for tensor in operation.inputs]
        if not any(inputs) or is_image_free(operation):
            continue
        try:
            outputs = [Unknown] * len(operation.outputs) if Unknown in inputs else _outputs(operation, inputs)
        except Unknown:
            outputs = [Unknown] * len(operation.outputs)
        seen.update({tensor.ref(): sight for tensor, sight in zip(operation.outputs, outputs, strict=True)})
    found = {}
    for name in wanted:
        tensor = image if name == graph.input else sized.get_tensor_by_name(name)
        sight = seen.get(tensor.ref())
        if sight not in (None, Unknown) and sight.blocks == (1, 1):
            found[name] = tuple(tensor.shape), sight.reaches
    return found


def _outputs(operation, inputs):
    """What the outputs of an operation see, when its inputs see `inputs`."""
    kind = operation.type
    if any(sight and sight.blocks != (1, 1) for sight in inputs) and kind not in INTERLEAVED:
        raise Unknown
    if kind in CELL_BY_CELL:
        return [together(operation.inputs, inputs)]
    if kind == "IdentityN":
        return inputs
    rule = RULES.get(kind)
    if rule is None:
        raise Unknown
    return rule(operation, inputs)
