"""Batching: a batch that may not fit into memory goes through the network in smaller batches that do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.cache import size_of

from .memory import Memory, in_words
from .peak_memory import times_its_input

if TYPE_CHECKING:
    from .graph import ForwardGraph

# A pass whose input fits into memory this many times is not predicted: no network is known to take more.
AMPLE = 1000
# Relevance goes back by a gradient of every operation, each of which keeps as much again.
RELEVANCE = 4
# Draws over which the numbers of a random network are averaged.
DRAWS = 32

# (tensors at its beginning, tensors at its end, "forward", "gradient" or "relevance")
Way = tuple[tuple[str, ...], tuple[str, ...], str]


class Batching:
    """Calls compiled functions of one graph with as many images at once as `memory` has room for."""

    def __init__(self, graph: "ForwardGraph", memory: Memory):
        self._graph, self._memory = graph, memory
        self.one_by_one: bool = False  # True for a network that answers for an image alone only
        self.draws: int = 1  # answers to average for each image, for a network that draws random numbers
        self.copies: bool = True  # these are for as many copies in one batch, not for as many questions
        self._times: dict[Way, float] = {}  # memory that a way takes, as a multiple of its input's
        self._most: dict[tuple[Way, tuple[int, ...]], int] = {}  # batch sizes, where memory has run out

    def take_after(self, other: "Batching") -> None:
        """Ask as for another graph of the same model."""
        self.one_by_one, self.draws, self.copies = other.one_by_one, other.draws, other.copies

    def ask(self, way: Way, batch: Any, ask: Callable[[Any], Any], one: np.ndarray | None = None) -> Any:
        """The results of `ask(part)` for all parts of `batch`, joined along the first axis.

        `batch` (n, ...) holds values of the way's first tensor, or, with `one`, a stand-in for n values like `one`.
        Where memory runs out all the same, the part is halved and asked again. Raises MemoryError where not even one
        value fits.
        """
        bytes_in, shape = _one_of(batch) if one is None else _one_of(one[np.newaxis])
        if self.draws > 1:
            ask, bytes_in = self._averaged(ask), bytes_in * (self.draws if self.copies else 1)
        at_once, begin, results = self._at_once(way, len(batch), shape, bytes_in), 0, []
        while begin < len(batch) or not results:
            part = batch[begin : begin + at_once]
            try:
                results.append(ask(part))
            except (tf.errors.ResourceExhaustedError, MemoryError) as error:
                if len(part) == 1:
                    raise MemoryError(_refusal(self._name(way, shape), "for which memory ran out")) from error
                at_once = self._most[way, shape] = len(part) // 2
            else:
                begin += len(part)
        return results[0] if len(results) == 1 else _joined(results)

    def _averaged(self, ask):
        """A function like `ask`, of one value: the means over its draws."""
        if self.copies:
            return _averaged_over_copies(ask, self.draws)
        return lambda part: tf.nest.map_structure(_mean_of_answers, *(ask(part) for _ in range(self.draws)))

    def _at_once(self, way: Way, count: int, shape: tuple[int, ...], bytes_in: float) -> int:
        """The number to take at once of `count` values of that shape, of `bytes_in` bytes each."""
        at_once = 1 if self.one_by_one else max(1, min(count, self._most.get((way, shape), count)))
        if AMPLE * at_once * bytes_in <= self._memory.ceiling:
            return at_once
        each = self._times_its_input(way) * bytes_in
        if each > self._memory.ceiling_of_one:
            raise MemoryError(_refusal(self._name(way, shape), f"which takes about {in_words(each)}", self._memory))
        return max(1, min(at_once, int(self._memory.ceiling / each)))

    def _times_its_input(self, way):
        if way not in self._times:
            starts, ends, kind = way
            times = times_its_input(self._graph, starts, ends, backward=kind != "forward")
            self._times[way] = RELEVANCE * times if kind == "relevance" else times
        return self._times[way]

    def _name(self, way, shape):
        sides = "×".join(map(str, shape[:2]))
        return f"an image of {sides} px" if way[0][0] == self._graph.input else f"a layer's output of {sides} cells"


def _one_of(batch):
    """(bytes, shape) of each value of a batch."""
    return size_of(batch) / max(1, len(batch)), tuple(batch.shape[1:])


def _refusal(what, how_much, memory=None):
    room = "memory" if memory is None else f"the {in_words(memory.ceiling_of_one)} that are free"
    if memory is not None and memory.limit is not None:
        room = f"memory_limit, {in_words(memory.limit)}"
    return f"A pass through the network must fit into {room}; smaller images take less. Received: {what}, {how_much}."


def _averaged_over_copies(ask, draws):
    """A function like `ask`, of one value: the means of the answers for `draws` copies of it in one batch."""

    def answer(part):
        many = ask(tf.repeat(part, draws, axis=0))
        alone = ask(part) if any(_is_for_all(each, draws) for each in tf.nest.flatten(many)) else many
        return tf.nest.map_structure(lambda each, one: _mean(each, one, draws), many, alone)

    return answer


def _mean_of_answers(*answers):
    first = answers[0]
    if first is None or not first.dtype.is_floating:
        return first
    return tf.add_n(answers) / len(answers)


def _is_for_all(values, draws):
    """True for a value that is no batch of answers, such as the number of images."""
    return values is not None and (not values.shape.rank or values.shape[0] != draws or values.dtype.is_integer)


def _mean(values, alone, draws):
    if values is None or _is_for_all(values, draws):
        return alone
    return tf.reduce_mean(values, axis=0, keepdims=True) if values.dtype.is_floating else values[:1]


def _joined(results):
    """Join results of the same form, part by part."""
    first = results[0]
    if isinstance(first, (list, tuple)):
        return type(first)(map(_joined, zip(*results, strict=True)))
    if first is None:
        return None
    return np.concatenate(results) if isinstance(first, np.ndarray) else tf.concat(results, axis=0)
