"""Functions compiled from one traced model: values, gradients, and the tail of the network behind a layer.

Each is a `tf.function` that takes the class or channel as a tensor and any batch size, so that a new class or a new
batch never traces again. It is made at its first use, then kept.
"""

import copy
import threading
from collections import OrderedDict

import numpy as np
import tensorflow as tf

from .batching import Batching
from .graph import ForwardGraph
from .memory import Memory

# Three rules at a layer are four answers, so these are a layer slider dragged to and fro over ten layers. On
# EfficientNet-Lite0 a layer that is asked anew takes 0.4 s, one whose answers are kept 0.03 s; each is a few megabytes.
KEPT = 40
# An operation of a kept answer takes about 4 kB, so together they take no more than some 300 MB.
OPERATIONS = 80_000
# The smallest probability whose logarithm is taken; float32 ends a little below.
TINY = 1e-37
# The form in which a target reaches a compiled function: k terms, each a weight, a unit of the output, and the box of
# cells [top, bottom, left, right] over which the unit's mean is taken. The number of terms is open.
TERMS = {
    "weights": tf.TensorSpec([None], tf.float32),
    "units": tf.TensorSpec([None], tf.int32),
    "boxes": tf.TensorSpec([None, 4], tf.int32),
}


def terms_of(objective):
    """The tensors for `TERMS` of an `Objective`."""
    return {name: tf.constant(getattr(objective, name), spec.dtype) for name, spec in TERMS.items()}


class FunctionStore:
    """Concrete functions by key: the most recently used, up to a number of functions and of operations."""

    def __init__(self, most):
        self._most = most
        self._kept = OrderedDict()
        self._lock, self.making = threading.Lock(), threading.RLock()

    def __len__(self):
        return len(self._kept)

    def __iter__(self):
        return iter(self.keys())

    def keys(self):
        """The keys, least recently used first."""
        return tuple(self._kept)

    def __getitem__(self, key):
        return self._kept[key]

    @property
    def operations(self):
        """The number of operations of all functions together."""
        return sum(map(_size, self._kept.values()))

    def get(self, key, make):
        """The concrete function of the `tf.function` that `make()` gives; made once, kept under `key`."""
        known = self._known(key)
        if known is None:
            with self.making:  # one at a time; who asks for one that is kept does not wait
                known = self._known(key)
                if known is None:
                    # Concrete: it can never trace again, nor does TensorFlow log a warning that we make many of them.
                    known = make().get_concrete_function()
                    self._remember(key, known)
        return known

    def _known(self, key):
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _remember(self, key, function):
        with self._lock:
            self._kept[key] = function
            sizes = {key: _size(kept) for key, kept in self._kept.items()}
            while len(self._kept) > self._most or (len(self._kept) > 1 and sum(sizes.values()) > OPERATIONS):
                oldest, _ = self._kept.popitem(last=False)
                del sizes[oldest]


class CompiledFunctions:
    """The functions compiled from one `TracedModel`.

    `variables` {id of a variable's handle: variable} are read in the terms of the model's own: what was compiled for
    the model serves its randomised twin and its copy on another device too.
    """

    def __init__(self, traced, log=False, memory=None, most=KEPT):
        """With `log`, the output is probabilities, and the score their logarithm; `most` functions are kept."""
        self.graph: ForwardGraph = traced.graph
        self.batching = Batching(self.graph, memory or Memory())
        self.store = FunctionStore(most)
        self.variables = {}
        self._log_of = traced.output if log else None

    def reading(self, variables):
        """The same functions, with other variables in the terms of some."""
        twin = copy.copy(self)
        twin.variables = {**self.variables, **variables}
        return twin

    def compiled(self, key, make):
        """The concrete function of the `tf.function` that `make()` gives, made once for `key`; reads our variables."""
        function = self.store.get(key, make)
        if not self.variables:
            return function
        twin = copy.copy(function)  # shares all that was compiled; only the list of captures is the copy's own
        others = [self.variables.get(id(handle)) for handle in function.captured_inputs]
        twin.set_external_captures(
            [
                handle if other is None else other.handle
                for handle, other in zip(function.captured_inputs, others, strict=True)
            ]
        )
        return twin

    def values(self, *tensors):
        """images (n, height, width, channels) -> the values of `tensors`."""
        ask = self.compiled(("values", tensors), lambda: self._make_values(tensors))
        way = ((self.graph.input,), tensors, "forward")
        return lambda images: self.batching.ask(way, images, ask)

    def gradient(self, objective, rule):
        """(images, terms) -> the scores (n,) and their gradient with respect to the images."""
        tail = self.tail((self.graph.input,), objective, rule)
        way = ((self.graph.input,), (objective,), "gradient")
        return lambda images, terms: self.batching.ask(way, images, lambda part: tail([part], terms))

    def tail(self, frontier, objective, rule):
        """(values of the frontier, terms) -> the scores (n,) and their gradient at the frontier's first tensor.

        `terms` are those of `terms_of`.
        """
        return self.compiled(("tail", frontier, objective, rule), lambda: self._make_tail(frontier, objective, rule))

    def scores_behind(self, frontier, objective):
        """(n values of the frontier's first tensor and one of each other, terms) -> the scores (n,)."""
        ask = self.compiled(("scores", frontier, objective), lambda: self._make_scores(frontier, objective))
        if self._repeatable(frontier[1:]):
            way = (frontier, (objective,), "forward")
            return lambda values, terms: self.batching.ask(way, values[0], lambda part: ask([part, *values[1:]], terms))
        # Something that is no batch of values, the number of images say, skips past: it is right for one image.
        return lambda values, terms: tf.concat(
            [ask([values[0][n : n + 1], *values[1:]], terms) for n in range(len(values[0]))], axis=0
        )

    def linear(self, start, end):
        """The matrix (numbers, units) of a linear way from `start`, (n, numbers), to `end`, (n, units).

        None where more than `start` is needed, or where it has another shape.
        """
        shape = self.graph.tensor(start).shape[1:]
        if shape.rank not in (1, 3) or shape.num_elements() != shape[-1] or self.graph.tensor(end).shape.rank != 2:
            return None
        if self.graph.frontier(start, end) != (start,):
            return None
        ask = self.compiled(("linear", start, end), lambda: self._make_linear(start, end))
        zero_and_units = np.eye(shape[-1] + 1)[:, 1:].reshape(-1, *shape)
        answers = np.asarray(ask(zero_and_units.astype(self.spec(start).dtype.as_numpy_dtype)))
        return answers[1:] - answers[0]

    def _make_linear(self, start, end):
        @tf.function(autograph=False, input_signature=[self.spec(start)])
        def linear(values):
            return self.graph({start: values}, [end])[0]

        return linear

    def _make_values(self, tensors):
        @tf.function(autograph=False, input_signature=[self.spec(self.graph.input)])
        def values(images):
            return self.graph({self.graph.input: images}, tensors)

        return values

    def _make_tail(self, frontier, objective, rule):
        specs = [self.spec(tensor) for tensor in frontier]

        @tf.function(autograph=False, input_signature=[specs, TERMS])
        def tail(values, terms):
            feeds = dict(zip(frontier, values, strict=True))
            (result,) = self.graph(feeds, [objective], rule)
            scores = self.scores(objective, result, terms)
            return scores, tf.gradients(tf.reduce_sum(scores), values[0])[0]

        return tail

    def _make_scores(self, frontier, objective):
        specs, repeatable = [self.spec(tensor) for tensor in frontier], self._repeatable(frontier[1:])

        @tf.function(autograph=False, input_signature=[specs, TERMS])
        def scores(values, terms):
            first, *others = values
            if repeatable:
                times = tf.shape(first)[0]
                others = [tf.tile(other, [times] + [1] * (other.shape.rank - 1)) for other in others]
            feeds = dict(zip(frontier, (first, *others), strict=True))
            (result,) = self.graph(feeds, [objective])
            return self.scores(objective, result, terms)

        return scores

    def _repeatable(self, tensors):
        """True where each of these tensors has a value for each image, along its first axis."""
        shapes = [self.graph.tensor(tensor).shape for tensor in tensors]
        return all(shape.rank and shape[0] is None for shape in shapes)

    def scores(self, objective, values, terms):
        """(n,): the weighted sum of the units of `terms`, see `TERMS`, in the `values` of `objective`.

        For use inside a `tf.function`.
        """
        chosen = tf.gather(values, terms["units"], axis=-1)  # (n, ..., k)
        if objective == self._log_of:
            chosen = tf.math.log(tf.maximum(chosen, TINY))
        chosen = tf.cast(chosen, tf.float32) if chosen.dtype != tf.float64 else chosen
        means = _means(chosen, terms["boxes"])
        return tf.reduce_sum(means * tf.cast(terms["weights"], means.dtype), axis=-1)

    def spec(self, name):
        """The TensorSpec of a tensor of the graph, for any number of images."""
        tensor = self.graph.tensor(name)
        return tf.TensorSpec([None, *tensor.shape[1:]] if tensor.shape.rank else [], tensor.dtype)


def _size(function):
    return len(function.graph.get_operations())


def _means(values, boxes):
    """(n, k): of values (n, ..., k), each mean over all places; over those of its box where they are a grid."""
    if values.shape.rank != 4:
        return tf.reduce_mean(values, axis=list(range(1, values.shape.rank - 1)))
    top, bottom, left, right = tf.unstack(boxes, axis=-1)
    rows, columns = (tf.range(tf.shape(values)[axis])[:, tf.newaxis] for axis in (1, 2))
    in_rows, in_columns = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
    inside = in_rows[:, tf.newaxis] & in_columns  # (rows, columns, k)
    cells = tf.cast(tf.math.count_nonzero(inside, axis=[0, 1]), values.dtype)
    # Not a product with 0: what is infinite outside of the box does not concern it.
    return tf.reduce_sum(tf.where(inside, values, tf.zeros_like(values)), axis=[1, 2]) / cells
