"""Compiled answers about one traced model: values, gradients, and the tail of the network behind a layer.

Each answer is a `tf.function` with the class or channel as a tensor and any batch size, so that a new class or
a new batch never traces again. Made when first asked, then kept.
"""

import threading
from collections import OrderedDict

import tensorflow as tf

from .graph import ForwardGraph

# Each kept answer holds a graph of a few megabytes; sixteen are a layer slider dragged to and fro.
KEPT = 16
# The smallest probability whose logarithm is taken; float32 ends a little below.
TINY = 1e-37


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
        return self._keep(("values", tensors), lambda: self._make_values(tensors))

    def gradient(self, objective, rule):
        """(images, index) -> the scores (n,) and their gradient with respect to the images."""
        tail = self.tail((self.graph.input,), objective, rule)
        return lambda images, index: tail([images], index)

    def tail(self, frontier, objective, rule):
        """(values of the frontier, index) -> the scores (n,) and their gradient at the frontier's first tensor."""
        return self._keep(("tail", frontier, objective, rule), lambda: self._make_tail(frontier, objective, rule))

    def _make_values(self, tensors):
        @tf.function(autograph=False, input_signature=[self._spec(self.graph.input)])
        def values(images):
            return self.graph({self.graph.input: images}, tensors)

        return values

    def _make_tail(self, frontier, objective, rule):
        specs = [self._spec(tensor) for tensor in frontier]

        @tf.function(autograph=False, input_signature=[specs, tf.TensorSpec([], tf.int32)])
        def tail(values, index):
            feeds = dict(zip(frontier, values, strict=True))
            (result,) = self.graph(feeds, [objective], rule)
            scores = self._scores(objective, result, index)
            return scores, tf.gradients(tf.reduce_sum(scores), values[0])[0]

        return tail

    def _scores(self, objective, values, index):
        """(n,): component `index` of the last axis, averaged over the positions between."""
        chosen = tf.gather(values, index, axis=-1)
        if objective == self._log_of:
            chosen = tf.math.log(tf.maximum(chosen, TINY))
        chosen = tf.cast(chosen, tf.float32) if chosen.dtype != tf.float64 else chosen
        return tf.reduce_mean(chosen, axis=list(range(1, chosen.shape.rank)))

    def _spec(self, name):
        tensor = self.graph.tensor(name)
        return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)

    def _keep(self, key, make):
        with self._lock:
            if key not in self._kept:
                # Concrete: it can never trace again, nor does TensorFlow log a warning that we make many of them.
                self._kept[key] = make().get_concrete_function()
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]
