"""The range of numbers in which a tensor must lie, by the operations at the end of the graph.

The mean of two sigmoids, a column of a softmax, or a mask that is clipped and resized are probabilities although no
softmax or sigmoid stands at the end. Interval arithmetic tells: sigmoids lie between 0 and 1, the sum of two between 0
and 2, half of that between 0 and 1 again. An operation without a rule may give any number.

An interval forgets where its numbers come from: two columns of one softmax sum to at most 1, and it says 2. What it
leaves open is put to a trial (`trials.py`).
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .constants import static_value
from .op_kinds import ADDITIONS, HANDED_ON, HEADS, MOVES, PADDINGS, POOLINGS, REDUCTIONS, RESIZINGS, ROUNDINGS
from .tensor_names import operation, place_of

if TYPE_CHECKING:
    from .graph import ForwardGraph

# (lowest, highest)
Range = tuple[float, float]
ANY = (-np.inf, np.inf)
UNIT, AROUND_ZERO = (0.0, 1.0), (-1.0, 1.0)
# As far as the rounding of weights such as 0.3 and 0.7 goes.
ROUNDING = 1e-5
# By kernels with negative lobes (cubic, Lanczos) a mask overshoots a little; it means the same as before.
OTHER_RESIZINGS = {"ResizeArea", "ResizeBicubic", "ScaleAndTranslate"}
# Sums and products over an axis have other ranges than the numbers in it.
SAME_RANGE = (MOVES - PADDINGS) | HANDED_ON | POOLINGS | RESIZINGS | (REDUCTIONS - {"Sum", "Prod", "EuclideanNorm"})
SAME_RANGE |= {"Cast", "CheckNumerics", "EnsureShape"} | OTHER_RESIZINGS
COMPARISONS = {"Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalNot", "LogicalOr"}
COMPARISONS |= {"NotEqual"}
# What these make of logarithms of probabilities are logarithms of others: of products, geometric means and choices.
KEEPS_LOGARITHMS = SAME_RANGE | ADDITIONS | {"AddN", "ClipByValue", "ConcatV2", "Maximum", "Minimum", "Pack", "Sum"}


def are_probabilities(graph: "ForwardGraph", tensor: str) -> bool:
    """True if no number in the tensor can lie outside of 0 to 1, whatever the image; but for an overshoot at edges."""
    low, high = _Ranges(graph).of(tensor)
    return low >= -ROUNDING and high <= 1 + ROUNDING


def are_logarithms(graph: "ForwardGraph", tensor: str) -> bool:
    """True if the tensor holds logarithms, or sums, means and choices of some, and none can lie above 0."""
    of_numbers, seen, waiting = graph.of_numbers(), set(), [tensor]
    while waiting:
        node = graph.node(operation(waiting.pop()))
        if node.name in seen or node.name not in of_numbers or _is_logarithm(graph, node):
            continue
        if node.op not in KEEPS_LOGARITHMS:
            return False
        seen.add(node.name)
        waiting += graph.inputs_of(node.name)
    return operation(tensor) in of_numbers and _Ranges(graph).of(tensor)[1] <= ROUNDING


def _is_logarithm(graph, node):
    if node.op == "Neg":  # log(sigmoid(x)) is -softplus(-x)
        inside = graph.node(operation(graph.inputs_of(node.name)[0]))
        return inside.op == "Softplus" and graph.node(operation(graph.inputs_of(inside.name)[0])).op == "Neg"
    return node.op in ("Log", "Log1p", "LogSoftmax")


class _Ranges:
    """The ranges of a graph's tensors, each found once."""

    def __init__(self, graph: "ForwardGraph"):
        self._graph = graph
        self._known: dict[str, Range] = {}

    def of(self, tensor: str) -> Range:
        """The range of a tensor."""
        waiting, begun = [tensor], set()
        while waiting:
            name = waiting[-1]
            operands = self._operands(name) if name not in self._known else []
            missing = [operand for operand in operands if operand not in self._known]
            if missing and name not in begun:  # in a loop of the graph an operand would wait for itself
                begun.add(name)
                waiting += missing
                continue
            if name not in self._known:
                self._known[name] = self._computed(name, [self._known.get(operand, ANY) for operand in operands])
            waiting.pop()
        return self._known[tensor]

    def _operands(self, tensor):
        """The tensors from whose ranges that of a tensor follows."""
        node = self._graph.node(operation(tensor))
        inputs = self._graph.inputs_of(node.name)
        if node.op in HEADS or self._constant(tensor) is not None:
            return []
        if node.op == "IdentityN":
            return [inputs[place_of(tensor)]]
        if node.op in SAME_RANGE or node.op in OVER_AN_AXIS:
            return [inputs[1 if node.op == "Split" else 0]]
        if node.op == "ConcatV2":
            return inputs[:-1]
        if node.op in PADDINGS:
            return inputs[::2]  # the numbers and, if it is not 0, what stands around them
        if node.op in ("Select", "SelectV2"):
            return inputs[1:]
        return inputs if node.op in RULES else []

    def _computed(self, tensor, ranges):
        """The range of a tensor whose operands have these ranges."""
        node = self._graph.node(operation(tensor))
        if (value := self._constant(tensor)) is not None:
            return _range_of_constant(value)
        if node.op in HEADS:
            return (-np.inf, 0.0) if node.op == "LogSoftmax" else UNIT
        if node.op in SAME_RANGE:
            return ranges[0]
        if node.op in PADDINGS and len(ranges) == 1:
            return _around(*ranges, (0.0, 0.0))
        if node.op in OVER_AN_AXIS:
            return OVER_AN_AXIS[node.op](*ranges, self._length(node))
        if node.op in RULES and ranges:
            with np.errstate(all="ignore"):  # there are infinite ends
                return RULES[node.op](*ranges)
        return ANY

    def _constant(self, tensor):
        return static_value(self._graph.tensor(tensor))

    def _length(self, node):
        """The number of numbers that an operation over an axis, or over several, combines at most; perhaps infinite."""
        values, along = self._graph.inputs_of(node.name)
        shape, axes = self._graph.tensor(values).shape, self._constant(along)
        if shape.rank is None or axes is None:
            return np.inf
        return float(np.prod([np.inf if shape[axis] is None else shape[axis] for axis in np.ravel(axes)]))


def _range_of_constant(value):
    if not (np.issubdtype(value.dtype, np.number) or value.dtype == bool) or not value.size:
        return ANY
    return float(value.min()), float(value.max())


def _around(*ranges):
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _sum(*ranges):
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def _negative(one):
    return -one[1], -one[0]


def _difference(one, other):
    return _sum(one, _negative(other))


def _times(one, other):
    return one * other if one and other else 0.0  # no number is infinite itself, so that 0 times it is 0


def _product(one, other):
    return _ends([_times(a, b) for a in one for b in other])


def _ends(numbers):
    return ANY if np.isnan(numbers).any() else (float(min(numbers)), float(max(numbers)))


def _quotient(one, other):
    if other[0] > 0 or other[1] < 0:
        return _product(one, (1 / other[1], 1 / other[0]))
    return (0.0, np.inf) if one[0] >= 0 and other[0] >= 0 else ANY


def _power(one, other):
    if one[0] < 0:
        return _square(one) if other == (2, 2) else ANY
    # It rises or falls in each of the two while the other stays, so that its extremes are in the corners.
    return _ends([np.float64(a) ** b for a in one for b in other])


def _square(one):
    low, high = sorted(map(abs, one))
    return 0.0 if one[0] <= 0 <= one[1] else low * low, high * high


def _larger(one, other):
    return max(one[0], other[0]), max(one[1], other[1])


def _smaller(one, other):
    return min(one[0], other[0]), min(one[1], other[1])


def _clipped(one, low, high):
    return _smaller(_larger(one, low), high)


def _rising(function: Callable[[float], float], lowest: float = -np.inf) -> Callable[[Range], Range]:
    """The rule of a function that rises from `lowest` on."""
    return lambda one: (float(function(max(one[0], lowest))), float(function(max(one[1], lowest))))


def _sum_over(one, length):
    return _times(one[0], length), _times(one[1], length)


def _running_sum(one, length):
    return _around((0.0, 0.0), one, _sum_over(one, length))


def _product_over(one, length):
    largest = max(map(abs, one))
    largest = largest**length if largest > 1 else largest
    return 0.0 if one[0] >= 0 else -largest, largest


def _running_product(one, length):
    return _around((1.0, 1.0), _product_over(one, length))


# {kind: (range of the numbers, their number) -> range}
OVER_AN_AXIS: dict[str, Callable[..., Range]] = {
    "Sum": _sum_over,
    "Prod": _product_over,
    "Cumsum": _running_sum,
    "Cumprod": _running_product,
}
# {kind: (ranges of the operands) -> range}
RULES: dict[str, Callable[..., Range]] = {
    **dict.fromkeys(("ConcatV2", "Pack", "PadV2", "Select", "SelectV2"), _around),
    **dict.fromkeys(ADDITIONS | {"AddN"}, _sum),
    "Sub": _difference,
    "Neg": _negative,
    "Mul": _product,
    **dict.fromkeys(("Div", "DivNoNan", "RealDiv"), _quotient),
    **dict.fromkeys(("Inv", "Reciprocal"), lambda one: _quotient((1.0, 1.0), one)),
    "Maximum": _larger,
    "Minimum": _smaller,
    "ClipByValue": _clipped,
    "Relu": lambda one: _larger(one, (0.0, 0.0)),
    "Relu6": lambda one: _clipped(one, (0.0, 0.0), (6.0, 6.0)),
    "Pow": _power,
    "Square": _square,
    "SquaredDifference": lambda one, other: _square(_difference(one, other)),
    "Abs": lambda one: _rising(math.sqrt)(_square(one)),
    "Sqrt": _rising(np.sqrt, 0.0),
    "Exp": _rising(np.exp),
    "Expm1": _rising(np.expm1),
    "Log": _rising(np.log, 0.0),
    "Log1p": _rising(np.log1p, -1.0),
    "Softplus": _rising(lambda number: np.logaddexp(0, number)),
    "Tanh": _rising(np.tanh),
    "Erf": _rising(math.erf),
    "Erfc": lambda one: _difference((1.0, 1.0), _rising(math.erf)(one)),
    "Atan": _rising(np.arctan),
    **dict.fromkeys(("Cos", "Sign", "Sin", "Softsign"), lambda one: AROUND_ZERO),
    **dict.fromkeys(COMPARISONS, lambda *ranges: UNIT),
    **{kind: _rising(getattr(np, kind.lower())) for kind in ROUNDINGS - {"Sign"}},
}
