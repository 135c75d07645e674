"""What the numbers that come out of a network mean: classes and their probabilities, or quantities."""

import difflib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnnviz_widgets.core.target import Target

TASKS = (None, "classification", "regression")


@dataclass(frozen=True)
class Watched:
    """What one pass through a network tells: for a batch arrays whose first axis is the image, for one image its own.

    `scores` are the target's. `readings` (classes,) are what stands beside the names of the classes: probabilities, or
    a regression network's values. `winners` are the numbers of the classes that win; None where there are values.
    """

    scores: np.ndarray
    readings: np.ndarray
    winners: np.ndarray | None

    def first(self):
        """That of the first image."""
        return Watched(self.scores[0], self.readings[0], None if self.winners is None else self.winners[0])


class Output:
    """The units of a network's output: what they are called, and what becomes of them.

    Of a regression network they are quantities. Of any other they are classes; the only unit of an output is the answer
    to a question of yes or no, and two names are those of its two sides, (for no, for yes).
    """

    def __init__(self, network, shape, head, task, names):
        """`network` is its name, `shape` that of the scores without the batch axis; `head` as for `Network.head`."""
        self.network, self.shape, self.head, self.task, self._given = network, shape, head, task, names
        self.count = shape[-1]
        self.two_sided = self.count == 1 and names is not None and len(names) == 2 and task != "regression"

    @property
    def kind(self):
        """What one unit is."""
        return "Output" if self.task == "regression" else "Class"

    @property
    def names(self):
        """One for each class: of `targets`, in the same order. Raises ValueError for a wrong number of names."""
        if self._given is None:
            return tuple(f"{self.kind.lower()} {index}" for index in range(self.count))
        if len(self._given) != self.count and not self.two_sided:
            sides = ", or two, for its no and its yes" if self.count == 1 and self.kind == "Class" else ""
            raise ValueError(
                f"class_names must name every class of the output, {self.count} of them{sides}. "
                f"Received: {len(self._given)} names."
            )
        return self._given

    @cached_property
    def targets(self):
        """A Target for each class, in the order of `names`."""
        return (-Target(0), Target(0)) if self.two_sided else tuple(map(Target, range(self.count)))

    def number_of(self, target):
        """Which of `targets` it is; None for anything else."""
        if self.two_sided:
            return self.targets.index(target) if target in self.targets else None
        return target.index if target.layer is None and target.plain and target.everywhere else None

    def named(self, name):
        """The Target of the class of that name, whatever the case. Raises ValueError with the nearest spellings."""
        for names in (self.names, tuple(known.lower() for known in self.names)):
            if name in names or name.lower() in names:
                return self.targets[names.index(name if name in names else name.lower())]
        near = difflib.get_close_matches(name, self.names, 3)
        hint = f" Near to it: {', '.join(near)}." if near else ""
        raise ValueError(f"No class named {name!r} among the {len(self.names)} of {self.network}.{hint}")

    def has_probability(self, target):
        """Whether the target is a class, in all places or a region, or the other side of the only one."""
        if target.layer is not None or self.task == "regression":
            return False
        return target.plain or (self.count == 1 and len(target.terms) == 1 and target.terms[0].weight == -1)

    # ---- What is not there

    def check(self, target, layer=None):
        """Raise ValueError for a unit or a place that the output, or the layer of this LayerInfo, does not have."""
        shape, kind = (self.shape, self.kind) if layer is None else (layer.output_shape, f"Channel of {layer.path!r}")
        count = shape[-1] if shape else None
        for term in target.terms:
            if count is None:
                raise ValueError(f"{kind} needs a last axis of known length. Received: {term.index}.")
            if not 0 <= term.index < count:
                raise ValueError(f"{kind} must be between 0 and {count - 1}. Received: {term.index}.")
            if term.region is not None:
                _check_region(term.region, shape, "the output" if layer is None else repr(layer.path))

    def check_watched(self, of):
        """Raise ValueError unless there are logits or probabilities, whichever is asked for."""
        if of not in ("logit", "probability"):
            raise ValueError(f"What is watched is 'logit' or 'probability'. Received: {of!r}.")
        if of == "probability" and self.task == "regression":
            raise ValueError(
                "A regression network has no probabilities: what can be watched is the value itself, 'logit'. "
                f"Received: 'probability' for {self.network}."
            )

    @property
    def sides(self):
        """How to mean one of two sides, in a sentence."""
        no, yes = self.names
        return f"The sides of a single output are meant by name, {no!r} or {yes!r}, or as -Target(0) or Target(0)."

    # ---- In words

    def describe(self, target):
        """A Target in words: "Egyptian cat", "Egyptian cat rather than tabby", "channel 17 of block3_project_bn"."""
        number = self.number_of(target)
        if number is not None:
            return self.names[number]
        if target == -Target(0) and self.count == 1 and self.kind == "Class":
            return f"not {self.names[0]}"
        weights, names = zip(*((weight, self._describe_part(part)) for weight, part in target.parts), strict=True)
        if weights == (1, -1):
            return f"{names[0]} rather than {names[1]}"
        words = "".join(f"{_factor(weight)}{name}" for weight, name in zip(weights, names, strict=True))
        return words.removeprefix(" + ").lstrip()

    def _describe_part(self, part):
        where = _where(part)
        if part.layer is None:
            name = self.names[1 if self.two_sided else part.index]
            return f"{name} {where}".rstrip()
        channel = f"channel {part.index} of {part.layer}"
        return f"unit {part.position} of {channel}" if part.position else f"{channel} {where}".rstrip()

    # ---- In numbers

    def answers(self, logits, output):
        """(scores, probabilities) of every unit at every place, for each way in which a network may end.

        `logits` and `output` are what the network gives in front of its head and behind it, (n, ..., units).
        Probabilities are None where there are none.
        """
        if self.task == "regression":
            return output, None
        if self.head == "hidden":
            return np.log(np.maximum(output, np.finfo(np.float32).tiny)), output
        if self.head in ("softmax", "sigmoid"):
            return logits, output.reshape(logits.shape)  # between the two, at most the shape is another
        if self.count == 1:
            return logits, 1 / (1 + np.exp(-logits))
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return logits, powers / powers.sum(axis=-1, keepdims=True)

    def by_class(self, probabilities):
        """(n, classes), in the order of `names`, of what the units say, (n, units)."""
        return np.concatenate([1 - probabilities, probabilities], axis=-1) if self.two_sided else probabilities

    def watched(self, scores, logits, probabilities):
        """The `Watched` of a target's scores and of what `answers` gives."""
        logits = pooled(logits)
        readings = logits if probabilities is None else self.by_class(pooled(probabilities))
        return Watched(scores, readings, self.winners(logits))

    def winners(self, logits):
        """(n,): the number of the class that wins, by the scores of the units, (n, units); None for quantities."""
        if self.task == "regression":
            return None
        return (logits[..., 0] > 0).astype(int) if self.two_sided else logits.argmax(axis=-1)


def pooled(values):
    """(n, units): a network that answers at every place, (n, rows, columns, units), is averaged over them."""
    return values.mean(axis=tuple(range(1, values.ndim - 1))) if values.ndim > 2 else values


def _check_region(region, shape, where):
    size = "×".join("?" if side is None else str(side) for side in shape)
    if len(shape) != 3:
        raise ValueError(f"A position or region needs rows and columns. Received: one in {where}, of shape {size}.")
    if all(low >= 0 and (side is None or high <= side) for (low, high), side in zip(region, shape, strict=False)):
        return
    (top, bottom), (left, right) = region
    is_cell = (bottom - top, right - left) == (1, 1)
    name, received = ("position", (top, left)) if is_cell else ("region", region)
    raise ValueError(f"{name} must lie in the grid of {where}, {size}. Received: {received}.")


def _factor(weight):
    size = "" if abs(weight) == 1 else f"{abs(weight):.3g} × "
    return f" {'−' if weight < 0 else '+'} {size}"


def _where(target):
    """The part of the grid that is meant, in words; the last row and column are in it."""
    if target.position:
        row, column = target.position
        return f"at row {row}, column {column}"
    if target.region is None:
        return ""
    (top, bottom), (left, right) = target.region
    return f"in {_span('row', top, bottom)}, {_span('column', left, right)}"


def _span(name, begin, end):
    return f"{name} {begin}" if end - begin == 1 else f"{name}s {begin} to {end - 1}"
