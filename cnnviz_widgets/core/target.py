"""Targets of an explanation: a class, a channel of a layer, a part of either, or sums and differences of these.

Each is a score that the network computes. `Target(285) - Target(282)` asks why the one rather than the other.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

# ((begin, end), ...) of each axis in front of an output's units, ends as in a slice: in a grid, of rows and of columns.
Region = tuple[tuple[int, int], ...]
# The part of an axis that holds all of every axis.
EVERYWHERE = (0, 2**31 - 1)


@dataclass(frozen=True, eq=False)
class Objective:
    """A score as numbers, for an engine: a weighted sum of k units of a layer, each a mean over a box of places.

    `layer` is a path, None for the network's output. `weights` (k,) float32, `units` (k,) int32; `boxes` (k, axes, 2)
    int32 are [begin, end] of each axis in front of the units, ends exclusive, and may be larger than the layer. Where
    no term names a part there are no axes, (k, 0, 2): the mean over all places, whatever the layer's shape.
    """

    layer: str | None
    weights: np.ndarray
    units: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True)
class Term:
    """One unit of an output: its score, times a weight. `region` is None for all places."""

    weight: float
    index: int
    region: Region | None = None

    @property
    def order(self) -> tuple[Any, ...]:
        """The key that sorts terms: those that count for the sum come first, those against it last."""
        return (-self.weight, self.index, self.region or ())

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return (n,) from an output's values (n, ..., units): the weighted mean of the unit over its places."""
        chosen = values[..., self.index]
        if self.region is not None:
            chosen = chosen[(slice(None), *(slice(begin, end) for begin, end in self.region))]
        return self.weight * chosen.mean(axis=tuple(range(1, chosen.ndim)))


@dataclass(frozen=True, init=False, repr=False)
class Target:
    """`Target(285)` is class 285; `Target("conv3", 17)` is channel 17 of that layer.

    `Target("conv3", 17, (4, 5))` is one unit of that channel: the one in row 4, column 5 of the layer's grid.
    `Target("conv3", 17, region=((2, 5), (1, 6)))` is a box of units: rows 2 to 4 and columns 1 to 5 of the grid, its
    ends as in a slice. For a network that classifies every place, `Target(3, region=...)` and `Target(3, position=...)`
    are class 3 in a part of the output's grid. Where the places are no grid, a position has a number, and a region a
    pair of ends, for each axis in front of the units: `Target(3, position=(5,))` is class 3 at time step, anchor or
    pixel 5 of an output (steps, classes).

    The score of a class is its logit, the number in front of the softmax or sigmoid. The score of a channel is
    its value (the convention of keras-vis); in a layer without positions, that of the unit. Where there are places, it
    is the mean over all of them, or over those of the region.

    Targets of one output (classes, or channels of one layer) can be added, subtracted, negated, and multiplied by a
    number: `Target(285) - Target(282)`, `0.5 * Target(3)`. Equal sums are equal targets, in whatever order they were
    written. `terms` are the parts, the largest weight first; a `plain` target is one part with weight 1 and has an
    `index`, a `region` and, where that is a single cell, a `position`.
    """

    layer: str | None
    terms: tuple[Term, ...]

    # With this, NumPy leaves the product of a number and a target to the target, and does not take it for an array.
    __array_ufunc__ = None

    def __init__(
        self,
        layer: str | int | np.integer | None,
        index: int | None = None,
        position: tuple[int, ...] | None = None,
        region: Region | None = None,
    ):
        own_layer, unit = (None, layer) if index is None else (layer, index)
        term = Term(1.0, _whole(unit, "index"), _box(position, region))
        object.__setattr__(self, "layer", own_layer)
        object.__setattr__(self, "terms", (term,))

    @property
    def plain(self) -> bool:
        """True for one class or channel by itself: no sum, and no multiple."""
        return len(self.terms) == 1 and self.terms[0].weight == 1

    @property
    def is_contrast(self) -> bool:
        """True for a difference: something is set against something else."""
        return self.terms[0].weight > 0 > self.terms[-1].weight

    @property
    def index(self) -> int:
        """The number of the class or channel. Raises ValueError for a sum, which has none of its own."""
        return self._only.index

    @property
    def region(self) -> Region | None:
        """((begin, end), ...), in a grid of rows and of columns, or None for all places; as for `index`."""
        return self._only.region

    @property
    def position(self) -> tuple[int, ...] | None:
        """The place, in a grid (row, column), where the region is a single one, else None; as for `index`."""
        region = self.region
        single = region is not None and all(end - begin == 1 for begin, end in region)
        return tuple(begin for begin, _ in region) if region and single else None

    @property
    def everywhere(self) -> bool:
        """True where every part covers all places."""
        return all(term.region is None for term in self.terms)

    @property
    def parts(self) -> "tuple[tuple[float, Target], ...]":
        """((weight, plain Target), ...)."""
        return tuple((term.weight, _target(self.layer, [Term(1.0, term.index, term.region)])) for term in self.terms)

    @property
    def objective(self) -> Objective:
        """The target as numbers, for an engine."""
        axes = max(len(term.region or ()) for term in self.terms)
        boxes = [term.region or (EVERYWHERE,) * axes for term in self.terms]
        return Objective(
            self.layer,
            np.array([term.weight for term in self.terms], np.float32),
            np.array([term.index for term in self.terms], np.int32),
            np.array(boxes, np.int32).reshape(len(boxes), axes, 2),
        )

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the target's scores (n,) in the values of its output (n, ..., units)."""
        return np.asarray(sum(term.of(values) for term in self.terms))

    def __add__(self, other: "Target") -> "Target":
        return _sum(self, other) if isinstance(other, Target) else NotImplemented

    def __sub__(self, other: "Target") -> "Target":
        return _sum(self, -other) if isinstance(other, Target) else NotImplemented

    def __neg__(self) -> "Target":
        return -1 * self

    def __mul__(self, weight: float) -> "Target":
        if isinstance(weight, bool) or not isinstance(weight, Real):
            return NotImplemented
        return _target(self.layer, [Term(float(weight) * term.weight, term.index, term.region) for term in self.terms])

    __rmul__ = __mul__

    def __repr__(self) -> str:
        text = "".join(f"{_factor(weight)}{_written(part)}" for weight, part in self.parts)
        return f"-{text[3:]}" if text.startswith(" - ") else text[3:]

    @property
    def _only(self) -> Term:
        if not self.plain:
            raise ValueError(f"Only one class or channel by itself has an index and a region. Received: {self!r}.")
        return self.terms[0]


# A target in every form that a network takes: a class by its index or its name, or None for the image's top class.
TargetLike = int | np.integer | str | Target | None


def _target(layer: str | None, terms: Iterable[Term]) -> Target:
    """Return the Target of these terms, sorted."""
    for term in terms:
        if not math.isfinite(term.weight) or term.weight == 0:
            raise ValueError(f"A target's weight must be a finite number other than 0. Received: {term.weight:g}.")
    target = object.__new__(Target)
    object.__setattr__(target, "layer", layer)
    object.__setattr__(target, "terms", tuple(sorted(terms, key=lambda term: term.order)))
    return target


def _sum(one: Target, other: Target) -> Target:
    """Return the sum of two targets: equal units become one term, and units that cancel out disappear."""
    if one.layer != other.layer:
        raise ValueError(
            "All parts of a sum of targets must be of one output: classes, or channels of one layer. "
            f"Received: {one!r} and {other!r}."
        )
    weights = {}
    for term in (*one.terms, *other.terms):
        place = (term.index, term.region)
        weights[place] = weights.get(place, 0) + term.weight
    terms = [Term(weight, *place) for place, weight in weights.items() if weight]
    if not terms:
        raise ValueError(f"A sum of targets must leave something to explain. Received: {one!r} and {other!r}.")
    return _target(one.layer, terms)


def _factor(weight):
    """Return the text in front of a part in a sum: " + ", " - 0.5 * "."""
    size = abs(weight)
    number = "" if size == 1 else f"{int(size) if size.is_integer() else size!r} * "
    return f"{' - ' if weight < 0 else ' + '}{number}"


def _written(target):
    """Return a plain target as one would type it."""
    place, box = target.position, target.region
    parts = [repr(part) for part in (target.layer, target.index) if part is not None]
    if place is not None:
        parts.append(f"{'position=' if target.layer is None else ''}{place!r}")
    elif box is not None:
        parts.append(f"region={box!r}")
    return f"Target({', '.join(parts)})"


def _whole(value: Any, what: str) -> int:
    if getattr(value, "shape", None) == (1,):  # as `np.argmax(probabilities, axis=-1)` gives it for one image
        value = np.asarray(value)[0]
    if isinstance(value, bool) or getattr(value, "shape", ()) != () or not hasattr(value, "__index__"):
        raise TypeError(f"A target's {what} is a whole number. Received: {value!r}.")
    return int(value)


def _box(position: Any, region: Any) -> Region | None:
    """Return the region of a target; a position is the box of one cell."""
    if position is not None and region is not None:
        raise ValueError(f"A target has a position or a region, not both. Received: {position!r} and {region!r}.")
    if position is not None:
        _check_sequence(position, "position is (row, column), or a number for each other axis of places", position)
        places = [_whole(place, "row, column or other place") for place in position]
        return tuple((place, place + 1) for place in places)
    if region is None:
        return None
    form = "region is ((top, bottom), (left, right)), or (begin, end) for each other axis of places"
    _check_sequence(region, form, region)
    for ends in region:
        _check_sequence(ends, form, region, length=2)
    box = tuple((_whole(begin, "end of a region"), _whole(end, "end of a region")) for begin, end in region)
    if any(begin >= end for begin, end in box):
        raise ValueError(f"A target's {form}, each begin before its end. Received: {region!r}.")
    return box


def _check_sequence(values: Any, form: str, received: Any, length: int | None = None) -> None:
    if not isinstance(values, (tuple, list)) or not values or length not in (None, len(values)):
        raise TypeError(f"A target's {form}. Received: {received!r}.")
