"""A batch that may not fit into memory goes through the network in pieces that do."""

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.cache import size_of

from .memory import in_words
from .peak_memory import times_its_input

# A pass that may take this many times what goes in is never looked at closer: no network is known to take more.
AMPLE = 1000
# Relevance is handed back by a gradient of every operation, which keeps as much again and again.
RELEVANCE = 4


class Batching:
    """Asks compiled answers about one graph for as many images at once as `memory` has room for."""

    def __init__(self, graph, memory):
        self._graph, self._memory = graph, memory
        self._times = {}  # how many times as much as goes in a way takes
        self._most = {}  # what was too much once: how many at once

    def ask(self, way, batch, ask, one=None):
        """What `ask(part)` gives for all parts of `batch`, put together along the first axis.

        `way` is (tensors where it begins, tensors where it ends, "forward", "gradient" or "relevance"); the batch is
        of values of the first tensor, or stands for some that are like `one`. Where memory runs out all the same, it is
        halved and asked again.

        Raises MemoryError where not even one fits.
        """
        bytes_in, shape = _one_of(batch) if one is None else _one_of(one[np.newaxis])
        at_once, begin, answers = self._at_once(way, len(batch), shape, bytes_in), 0, []
        while begin < len(batch) or not answers:
            part = batch[begin : begin + at_once]
            try:
                answers.append(ask(part))
            except (tf.errors.ResourceExhaustedError, MemoryError) as error:
                if len(part) == 1:
                    raise MemoryError(_refusal(self._name(way, shape), "for which memory ran out")) from error
                at_once = self._most[way, shape] = len(part) // 2
            else:
                begin += len(part)
        return answers[0] if len(answers) == 1 else _joined(answers)

    def _at_once(self, way, count, shape, bytes_in):
        """How many of that shape, of so many bytes each, to take at once where there are `count`."""
        at_once = max(1, min(count, self._most.get((way, shape), count)))
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
    """(bytes, shape) of each of a batch."""
    return size_of(batch) / max(1, len(batch)), tuple(batch.shape[1:])


def _refusal(what, how_much, memory=None):
    room = "memory" if memory is None else f"the {in_words(memory.ceiling_of_one)} that are free"
    if memory is not None and memory.limit is not None:
        room = f"memory_limit, {in_words(memory.limit)}"
    return f"What is asked of a network must fit into {room}; smaller images take less. Received: {what}, {how_much}."


def _joined(answers):
    """Of several answers of the same form, one."""
    first = answers[0]
    if isinstance(first, (list, tuple)):
        return type(first)(map(_joined, zip(*answers, strict=True)))
    if first is None:
        return None
    return np.concatenate(answers) if isinstance(first, np.ndarray) else tf.concat(answers, axis=0)
