"""The range of numbers in which a tensor must lie, by the operations at the end of the graph.

The mean of two sigmoids, a column of a softmax, or a mask that is clipped and resized are probabilities although no
softmax or sigmoid stands at the end. Interval arithmetic tells: sigmoids lie between 0 and 1, the sum of two between 0
and 2, half of that between 0 and 1 again. An operation without a rule may give any number.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .constants import static_value
from .op_kinds import ADDITIONS, HANDED_ON, HEADS, MOVES, PADDINGS, POOLINGS, REDUCTIONS, RESIZINGS
from .tensor_names import operation, place_of

if TYPE_CHECKING:
    from .graph import ForwardGraph

# (lowest, highest)
Range = tuple[float, float]
ANY = (-np.inf, np.inf)
# As far as the rounding of weights such as 0.3 and 0.7 goes.
ROUNDING = 1e-5
# Sums and products over an axis have other ranges than the numbers in it.
SAME_RANGE = (MOVES - PADDINGS) | HANDED_ON | POOLINGS | RESIZINGS | (REDUCTIONS - {"Sum", "Prod", "EuclideanNorm"})
SAME_RANGE |= {"Cast", "CheckNumerics", "EnsureShape"}


def are_probabilities(graph: "ForwardGraph", tensor: str) -> bool:
    """True if no number in the tensor can lie outside of 0 to 1, whatever the image."""
    low, high = _Ranges(graph).of(tensor)
    return low >= -ROUNDING and high <= 1 + ROUNDING


class _Ranges:
    """The ranges of a graph's tensors, each found once."""

    def __init__(self, graph: "ForwardGraph"):
        self._graph = graph
        self._known: dict[str, Range] = {}

    def of(self, tensor: str) -> Range:
        """The range of a tensor."""
        if tensor not in self._known:
            self._known[tensor] = ANY  # for as long as it is not known
            value = static_value(self._graph.tensor(tensor))
            self._known[tensor] = self._computed(tensor) if value is None else _range_of_constant(value)
        return self._known[tensor]

    def _computed(self, tensor):
        node = self._graph.node(operation(tensor))
        inputs = self._graph.inputs_of(node.name)
        if node.op in HEADS and node.op != "LogSoftmax":
            return 0.0, 1.0
        if node.op == "IdentityN":
            return self.of(inputs[place_of(tensor)])
        if node.op in ("ConcatV2", "Pack"):
            return _around(*map(self.of, inputs[:-1] if node.op == "ConcatV2" else inputs))
        if node.op in PADDINGS:
            return _around(self.of(inputs[0]), self.of(inputs[2]) if len(inputs) > 2 else (0.0, 0.0))
        if node.op in SAME_RANGE:
            return self.of(inputs[1 if node.op == "Split" else 0])
        rule = RULES.get(node.op)
        return ANY if rule is None else rule(*map(self.of, inputs))


def _range_of_constant(value):
    if not np.issubdtype(value.dtype, np.number) or not value.size:
        return ANY
    return float(value.min()), float(value.max())


def _around(*ranges):
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _sum(*ranges):
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def _difference(one, other):
    return one[0] - other[1], one[1] - other[0]


def _product(one, other):
    if not np.isfinite([*one, *other]).all():
        return (0.0, np.inf) if min(*one, *other) >= 0 else ANY
    products = [a * b for a in one for b in other]
    return min(products), max(products)


def _quotient(one, other):
    return _product(one, (1 / other[1], 1 / other[0])) if other[0] > 0 or other[1] < 0 else ANY


def _larger(one, other):
    return max(one[0], other[0]), max(one[1], other[1])


def _smaller(one, other):
    return min(one[0], other[0]), min(one[1], other[1])


RULES: dict[str, Callable[..., Range]] = {
    **dict.fromkeys(ADDITIONS | {"AddN"}, _sum),
    "Sub": _difference,
    "Mul": _product,
    "RealDiv": _quotient,
    "Maximum": _larger,
    "Minimum": _smaller,
    "ClipByValue": lambda one, low, high: _smaller(_larger(one, low), high),
    "Relu": lambda one: _larger(one, (0.0, 0.0)),
    "Relu6": lambda one: _smaller(_larger(one, (0.0, 0.0)), (6.0, 6.0)),
    "Tanh": lambda one: (-1.0, 1.0),
}
