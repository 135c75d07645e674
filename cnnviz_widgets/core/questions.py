"""Compiled answers about one traced model: values, gradients, and the tail of the network behind a layer.

Each answer is a `tf.function` with the class or channel as a tensor and any batch size, so that a new class or
a new batch never traces again. Made when first asked, then kept.
"""

import threading
from collections import OrderedDict

import tensorflow as tf

from .graph import ForwardGraph

# Each kept answer holds a graph of a few megabytes. Three rules at a layer are four answers, so these are a layer
# slider dragged to and fro over ten layers.
KEPT = 40
# The smallest probability whose logarithm is taken; float32 ends a little below.
TINY = 1e-37
# How a target reaches a compiled answer: [channel, row, column], row and column -1 for all positions.
PLACE = tf.TensorSpec([3], tf.int32)


def place_of(target):
    """A Target as the tensor that compiled answers take, see `PLACE`."""
    return tf.constant([target.index, *(target.position or (-1, -1))], tf.int32)


class Questions:
    """The answers that one `TracedModel` can give. `objective` is the tensor whose `index` is the score."""

    def __init__(self, traced, log=False):
        """With `log`, the output counts as probabilities and the score is their logarithm."""
        self.graph: ForwardGraph = traced.graph
        self._log_of = traced.output if log else None
        self._kept = OrderedDict()
        self._lock = threading.RLock()

    def values(self, *tensors):
        """images (n, height, width, channels) -> the values of `tensors`."""
        return self.keep(("values", tensors), lambda: self._make_values(tensors))

    def gradient(self, objective, rule):
        """(images, place) -> the scores (n,) and their gradient with respect to the images."""
        tail = self.tail((self.graph.input,), objective, rule)
        return lambda images, place: tail([images], place)

    def tail(self, frontier, objective, rule):
        """(values of the frontier, place) -> the scores (n,) and their gradient at the frontier's first tensor.

        `place` is what `place_of` makes of a target.
        """
        return self.keep(("tail", frontier, objective, rule), lambda: self._make_tail(frontier, objective, rule))

    def _make_values(self, tensors):
        @tf.function(autograph=False, input_signature=[self._spec(self.graph.input)])
        def values(images):
            return self.graph({self.graph.input: images}, tensors)

        return values

    def _make_tail(self, frontier, objective, rule):
        specs = [self._spec(tensor) for tensor in frontier]

        @tf.function(autograph=False, input_signature=[specs, PLACE])
        def tail(values, place):
            feeds = dict(zip(frontier, values, strict=True))
            (result,) = self.graph(feeds, [objective], rule)
            scores = self.scores(objective, result, place)
            return scores, tf.gradients(tf.reduce_sum(scores), values[0])[0]

        return tail

    def scores(self, objective, values, place):
        """(n,): of what `objective` gives, the unit at `place`, or a channel's mean over all positions.

        `place` is a tensor [channel, row, column], row -1 for the mean. For use inside a `tf.function`.
        """
        chosen = tf.gather(values, place[0], axis=-1)
        if objective == self._log_of:
            chosen = tf.math.log(tf.maximum(chosen, TINY))
        chosen = tf.cast(chosen, tf.float32) if chosen.dtype != tf.float64 else chosen
        mean = tf.reduce_mean(chosen, axis=list(range(1, chosen.shape.rank)))
        if chosen.shape.rank != 3:
            return mean  # there are no rows and columns to choose from
        return tf.cond(place[1] < 0, lambda: mean, lambda: chosen[:, place[1], place[2]])

    def _spec(self, name):
        tensor = self.graph.tensor(name)
        return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)

    def keep(self, key, make):
        """The concrete function of the `tf.function` that `make()` gives; made once, kept under `key`."""
        with self._lock:
            if key not in self._kept:
                # Concrete: it can never trace again, nor does TensorFlow log a warning that we make many of them.
                self._kept[key] = make().get_concrete_function()
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]
