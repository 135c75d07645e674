"""The meaning of a network's output: classes and their probabilities, or quantities."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from cnnviz_widgets.words import nearest, number, percent

from .layer import LayerInfo
from .target import Target

TASKS = (None, "classification", "regression")
# {what a person says that the output is: the head of such a network, see `Network.head`}
HEAD_OF = {"probabilities": "hidden", "log probabilities": "hidden_log", "logits": "none"}


@dataclass(frozen=True)
class Watched:
    """The results of one pass through a network; for a batch the first axis of each array is the image.

    `scores` are the target's. `readings` (classes,) stand beside the names of the classes: probabilities, or a
    regression network's values. `winners` are the numbers of the classes that win; None for a regression network.
    """

    scores: np.ndarray
    readings: np.ndarray
    winners: np.ndarray | None

    def first(self) -> "Watched":
        """That of the first image."""
        return Watched(self.scores[0], self.readings[0], None if self.winners is None else self.winners[0])


class ModelOutput:
    """The units of a network's output: their names, and the arithmetic that turns outputs into scores.

    `ClassOutput` and `RegressionOutput` are the two kinds; `output_of` picks one. `unit_kind` names one unit in an
    error, `classifies` is True where units are classes, with probabilities and a winner.
    """

    unit_kind: ClassVar[str]
    classifies: ClassVar[bool]
    two_sided: bool = False
    sides: str = ""
    network: str
    shape: tuple[int, ...]
    head: str
    count: int

    def __init__(self, network: str, shape: tuple[int, ...], head: str, names: tuple[str, ...] | None):
        """`network` is its name, `shape` that of the scores without the batch axis; `head` as for `Network.head`."""
        self.network, self.shape, self.head, self._given = network, shape, head, names
        self.count = shape[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """One for each class: of `targets`, in the same order. Raises ValueError for a wrong number of names."""
        if self._given is None:
            return tuple(f"{self.unit_kind.lower()} {index}" for index in range(self.count))
        if len(self._given) != self.count and not self.two_sided:
            raise ValueError(
                f"class_names must name every class of the output, {self.count} of them{self._or_sides}. "
                f"Received: {len(self._given)} names."
            )
        return self._given

    _or_sides = ""

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """A Target for each class, in the order of `names`."""
        return tuple(map(Target, range(self.count)))

    def number_of(self, target: Target) -> int | None:
        """The place of a target among `targets`; None for anything else."""
        return target.index if target.layer is None and target.plain and target.everywhere else None

    def named(self, name: str) -> Target:
        """The Target of the class of that name, whatever the case. Raises ValueError with the nearest spellings."""
        for names in (self.names, tuple(known.lower() for known in self.names)):
            if name in names or name.lower() in names:
                return self.targets[names.index(name if name in names else name.lower())]
        near = nearest(name, self.names)
        hint = f" Near to it: {', '.join(near)}." if near else ""
        raise ValueError(f"No class named {name!r} among the {len(self.names)} of {self.network}.{hint}")

    # ---- Refusals

    def check(self, target: Target, layer: LayerInfo | None = None) -> None:
        """Raise ValueError for a unit or a place that the output, or the layer of this LayerInfo, does not have."""
        shape, kind = (self.shape, self.unit_kind) if layer is None else (layer.output_shape, _channel_of(layer))
        count = shape[-1] if shape else None
        for _, part in target.parts:
            if count is None:
                raise ValueError(f"{kind} needs a last axis of known length. Received: {part.index}.")
            if not 0 <= part.index < count:
                raise ValueError(f"{kind} must be between 0 and {count - 1}. Received: {part.index}.")
            if part.region is not None:
                _check_part(part, shape, "the output" if layer is None else repr(layer.path))

    def check_watched(self, of: str) -> None:
        """Raise ValueError unless there are logits or probabilities, whichever is asked for."""
        if of not in ("logit", "probability"):
            raise ValueError(f"A score to watch is 'logit' or 'probability'. Received: {of!r}.")

    # ---- In words

    def in_words(self, readings: np.ndarray) -> str:
        """One image's readings (classes,) in words: the top class with its probability, or the first quantity."""
        if not self.classifies:
            return f"{self.names[0]} {number(float(readings[0]))}"
        top = int(readings.argmax())
        return f"{self.names[top]} ({percent(float(readings[top]))})"

    def describe(self, target: Target) -> str:
        """A Target in words: "Egyptian cat", "Egyptian cat rather than tabby", "channel 17 of block3_project_bn"."""
        number = self.number_of(target)
        if number is not None:
            return self.names[number]
        weights, names = zip(*((weight, self._describe_part(part)) for weight, part in target.parts), strict=True)
        if weights == (1, -1):
            return f"{names[0]} rather than {names[1]}"
        words = "".join(f"{_factor(weight)}{name}" for weight, name in zip(weights, names, strict=True))
        return words.removeprefix(" + ").lstrip()

    def _describe_part(self, part):
        where = _where(part)
        if part.layer is None:
            return f"{self._name_of_unit(part.index)} {where}".rstrip()
        channel = f"channel {part.index} of {part.layer}"
        return f"unit {_place(part)} of {channel}" if part.position else f"{channel} {where}".rstrip()

    def _name_of_unit(self, index):
        return self.names[index]

    # ---- In numbers

    def watched(self, scores: np.ndarray, logits: np.ndarray, probabilities: np.ndarray | None) -> Watched:
        """The `Watched` of a target's scores and of the arrays that `answers` gives."""
        logits = pooled(logits)
        readings = logits if probabilities is None else self.by_class(pooled(probabilities))
        return Watched(scores, readings, self.winners(logits))

    def by_class(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, classes), in the order of `names`, from the probabilities of the units, (n, units)."""
        return probabilities

    def winners(self, logits: np.ndarray) -> np.ndarray | None:
        """(n,): the number of the class that wins, by the scores of the units, (n, units); None for quantities."""
        raise NotImplementedError


class ClassOutput(ModelOutput):
    """Classes, and their probabilities.

    The only unit of an output is the answer to a question of yes or no, and two names are those of its two sides, (for
    no, for yes).
    """

    unit_kind = "Class"
    classifies = True

    def __init__(self, network: str, shape: tuple[int, ...], head: str, names: tuple[str, ...] | None):
        super().__init__(network, shape, head, names)
        self.two_sided: bool = self.count == 1 and names is not None and len(names) == 2

    @property
    def _or_sides(self):
        return ", or two, for its no and its yes" if self.count == 1 else ""

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """A Target for each class, in the order of `names`."""
        return (-Target(0), Target(0)) if self.two_sided else tuple(map(Target, range(self.count)))

    def number_of(self, target: Target) -> int | None:
        """The place of a target among `targets`; None for anything else."""
        if self.two_sided:
            return self.targets.index(target) if target in self.targets else None
        return super().number_of(target)

    def has_probability(self, target: Target) -> bool:
        """True for a class, in all places or a region, and for the other side of the only one."""
        if target.layer is not None:
            return False
        return target.plain or (self.count == 1 and len(target.terms) == 1 and target.terms[0].weight == -1)

    @property
    def sides(self) -> str:
        """A sentence on how to name one of two sides."""
        no, yes = self.names
        return f"The sides of a single output are meant by name, {no!r} or {yes!r}, or as -Target(0) or Target(0)."

    def describe(self, target: Target) -> str:
        """A Target in words, as for `ModelOutput`; the other side of a single class is "not" that class."""
        if target == -Target(0) and self.count == 1 and not self.two_sided:
            return f"not {self.names[0]}"
        return super().describe(target)

    def _name_of_unit(self, index):
        return self.names[1 if self.two_sided else index]

    def score_kind(self, of: str) -> str:
        """The word for a score of the output: "logit" or "probability", as was asked."""
        return of

    def answers(self, logits: np.ndarray, output: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(scores, probabilities) of every unit at every place, for each way in which a network may end.

        `logits` and `output` are the values in front of the network's head and behind it, (n, ..., units).
        """
        if self.head in ("log_softmax", "hidden_log"):
            return logits, np.exp(output.reshape(logits.shape))
        if self.head == "hidden":
            return np.log(np.maximum(output, np.finfo(np.float32).tiny)), output
        if self.head in ("softmax", "sigmoid"):
            return logits, output.reshape(logits.shape)  # between the two, at most the shape is another
        if self.count == 1:
            return logits, 1 / (1 + np.exp(-logits))
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return logits, powers / powers.sum(axis=-1, keepdims=True)

    def by_class(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, classes), in the order of `names`, from the probabilities of the units, (n, units)."""
        return np.concatenate([1 - probabilities, probabilities], axis=-1) if self.two_sided else probabilities

    def winners(self, logits: np.ndarray) -> np.ndarray:
        """(n,): the number of the class that wins, by the scores of the units, (n, units)."""
        # The score of a probability of a half.
        even = np.log(0.5) if self.head in ("hidden", "hidden_log") else 0
        return (logits[..., 0] > even).astype(int) if self.two_sided else logits.argmax(axis=-1)


class RegressionOutput(ModelOutput):
    """Quantities: the score is the value itself, and there are no probabilities and no winner."""

    unit_kind = "Output"
    classifies = False

    def has_probability(self, target: Target) -> bool:
        """False: a quantity has none."""
        return False

    def check_watched(self, of: str) -> None:
        """Raise ValueError for a probability."""
        super().check_watched(of)
        if of == "probability":
            raise ValueError(
                "A regression network has no probabilities: only the value itself, 'logit', can be watched. "
                f"Received: 'probability' for {self.network}."
            )

    def score_kind(self, of: str) -> str:
        """The word for a score of the output: "value"."""
        return "value"

    def answers(self, logits: np.ndarray, output: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(values, None) of every unit at every place."""
        return output, None

    def winners(self, logits: np.ndarray) -> np.ndarray | None:
        """None: the largest quantity has won nothing."""
        return None


def output_of(
    task: str | None, network: str, shape: tuple[int, ...], head: str, names: tuple[str, ...] | None
) -> ClassOutput | RegressionOutput:
    """The `ModelOutput` for a task, one of `TASKS`; the other arguments are those of its class."""
    return (RegressionOutput if is_regression(task) else ClassOutput)(network, shape, head, names)


def is_regression(task: str | None) -> bool:
    """True where the output's numbers are quantities."""
    return task == "regression"


def pooled(values: np.ndarray) -> np.ndarray:
    """(n, units): a network that answers at every place, (n, rows, columns, units), is averaged over them."""
    return values.mean(axis=tuple(range(1, values.ndim - 1))) if values.ndim > 2 else values


def _check_part(target, shape, where):
    """Raise ValueError unless a plain target's region is one of an output, or a layer, of this shape."""
    *sides, _ = shape
    size = "×".join("?" if side is None else str(side) for side in shape)
    place = target.position
    received = f"region={target.region}" if place is None else f"position={place}"
    if not sides:
        raise ValueError(
            f"Only an output with places has a position or region. Received: {received} for {where}, {size}."
        )
    if len(target.region) != len(sides):
        example = tuple((side or 1) // 2 for side in sides)
        axes = "one axis" if len(sides) == 1 else f"{len(sides)} axes"
        raise ValueError(
            f"{where[0].upper()}{where[1:]}, {size}, has {axes} of places: the one in the middle is "
            f"position={example}. Received: {received}."
        )
    if not all(
        begin >= 0 and (side is None or end <= side) for (begin, end), side in zip(target.region, sides, strict=True)
    ):
        raise ValueError(f"A position or region must lie in {where}, {size}. Received: {received}.")


def _channel_of(layer):
    return f"Channel of {layer.path!r}"


def _factor(weight):
    size = "" if abs(weight) == 1 else f"{number(abs(weight))} × "
    return f" {'−' if weight < 0 else '+'} {size}"


def _where(target):
    """The part of the places that is meant, in words; the last row and column are in it."""
    if target.region is None:
        return ""
    names = ("row", "column") if len(target.region) == 2 else ("place",) * len(target.region)
    spans = ", ".join(_span(name, begin, end) for name, (begin, end) in zip(names, target.region, strict=True))
    return f"{'at' if target.position else 'in'} {spans}"


def _place(target):
    """A position as one reads it: "(4, 5)", or "5" where there is one axis."""
    return target.position[0] if len(target.position) == 1 else target.position


def _span(name, begin, end):
    return f"{name} {begin}" if end - begin == 1 else f"{name}s {begin} to {end - 1}"
