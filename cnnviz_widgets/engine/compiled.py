"""Functions compiled from one traced model: values, gradients, and the tail of the network behind a layer.

Each is a `tf.function` that takes the class or channel as a tensor and any batch size, so that neither a new class nor
a new batch traces again. It is made at its first use, then kept.
"""

import copy
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.target import EVERYWHERE, Objective

from .batching import Batching
from .custom_gradients import NoWayBackError
from .gradient_ends import NEEDS_ONE
from .graph import ForwardGraph
from .memory import Memory
from .tracing import keras_said

if TYPE_CHECKING:
    from .tracing import TracedModel

# Three rules at a layer need four functions, so these serve a layer slider dragged to and fro over ten layers. On
# EfficientNet-Lite0 a layer takes 0.4 s the first time and 0.03 s with kept functions; each is a few megabytes.
KEPT = 40
# An operation of a kept function takes about 4 kB, so together they take no more than some 300 MB.
OPERATIONS = 80_000
# Probabilities below this one, near the end of float32, count as this one in a logarithm.
TINY = 1e-37
# A target in the form that a compiled function takes, see `Objective`: k terms, each a weight, a unit of the output,
# and the box of places over which the unit's mean is taken. The number of terms may vary.
TERMS = {
    "weights": tf.TensorSpec([None], tf.float32),
    "units": tf.TensorSpec([None], tf.int32),
    "boxes": tf.TensorSpec([None, None, 2], tf.int32),
}


def terms_of(objective: Objective) -> dict[str, tf.Tensor]:
    """The tensors of an `Objective`, in the form of `TERMS`."""
    return {name: tf.constant(getattr(objective, name), spec.dtype) for name, spec in TERMS.items()}


class FunctionStore:
    """Concrete functions by key: the most recently used, up to a number of functions and of operations."""

    making: Any  # a lock, held while a function is made

    def __init__(self, most: int):
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock, self.making = threading.Lock(), threading.RLock()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.keys())

    def keys(self) -> tuple[Hashable, ...]:
        """The keys, the least recently used one first."""
        return tuple(self._kept)

    def __getitem__(self, key: Hashable) -> Any:
        return self._kept[key]

    @property
    def operations(self) -> int:
        """The number of operations of all functions together."""
        return sum(map(_size, self._kept.values()))

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The concrete function of the `tf.function` that `make()` returns; made once, kept under `key`."""
        known = self._known(key)
        if known is None:
            with self.making:  # one at a time; kept functions need not wait
                known = self._known(key)
                if known is None:
                    # A concrete function never traces again, and TensorFlow does not warn that there are many.
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

    `variables` {id of a variable's handle: variable} are read in place of the model's own, so that its randomised twin
    and its copy on another device use the same compiled functions.
    """

    def __init__(self, traced: "TracedModel", log: bool = False, memory: Memory | None = None, most: int = KEPT):
        """With `log`, the output is probabilities and the score their logarithm; `most` functions are kept."""
        self.graph: ForwardGraph = traced.graph
        self.batching: Batching = Batching(self.graph, memory or Memory())
        self.store: FunctionStore = FunctionStore(most)
        self.variables: dict[int, Any] = {}
        self._log_of = traced.output if log else None

    def reading(self, variables: Mapping[int, Any]) -> "CompiledFunctions":
        """The same functions, with other variables in place of some."""
        twin = copy.copy(self)
        twin.variables = {**self.variables, **variables}
        return twin

    def compiled(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The concrete function of the `tf.function` that `make()` returns, made once for `key`, on our variables."""
        function = self.store.get(key, make)
        if not self.variables:
            return function
        twin = copy.copy(function)  # everything is shared but the list of captures
        others = [self.variables.get(id(handle)) for handle in function.captured_inputs]
        twin.set_external_captures(
            [
                handle if other is None else other.handle
                for handle, other in zip(function.captured_inputs, others, strict=True)
            ]
        )
        return twin

    def values(self, *tensors: str) -> Callable[[np.ndarray], list[tf.Tensor]]:
        """A function: images (n, height, width, channels) -> the values of `tensors`, (n, ...) each."""
        ask = self.compiled(("values", tensors), lambda: self._make_values(tensors))
        way = ((self.graph.input,), tensors, "forward")
        return lambda images: self.batching.ask(way, images, ask)

    def draws(self, images: np.ndarray, *tensors: str) -> list[np.ndarray]:
        """The values of `tensors` for one image (1, ...), one row for each draw of a random network, not averaged."""
        ask = self.compiled(("values", tensors), lambda: self._make_values(tensors))
        draws = self.batching.draws
        if self.batching.copies:
            return [np.asarray(values) for values in ask(np.repeat(images, draws, axis=0))]
        answers = [ask(images) for _ in range(draws)]
        return [np.concatenate(values) for values in zip(*answers, strict=True)]

    def gradient_behind(self, frontier: tuple[str, ...], objective: str, rule: str) -> Any:
        """A function like that of `tail`, for one image: for a random network the means over its draws."""
        tail = self.tail(frontier, objective, rule)
        if self.batching.draws == 1:
            return tail
        repeatable = [self._repeatable((tensor,)) for tensor in frontier]

        def ask(values, terms):
            def of(part):
                rest = zip(values[1:], repeatable[1:], strict=True)
                return tail([part, *(tf.repeat(v, len(part), axis=0) if many else v for v, many in rest)], terms)

            return self.batching.ask((frontier, (objective,), "gradient"), values[0], of)

        return ask

    def gradient(
        self, objective: str, rule: str
    ) -> Callable[[np.ndarray, Mapping[str, tf.Tensor]], tuple[tf.Tensor, tf.Tensor | None]]:
        """A function: (images, terms) -> the scores (n,) in the tensor `objective`, their gradient at the images."""
        tail = self.tail((self.graph.input,), objective, rule)
        way = ((self.graph.input,), (objective,), "gradient")
        return lambda images, terms: self.batching.ask(way, images, lambda part: tail([part], terms))

    def tail(self, frontier: tuple[str, ...], objective: str, rule: str) -> Any:
        """A function: (values of the frontier, terms) -> the scores (n,), their gradient at the first of its tensors.

        `terms` are those of `terms_of`.
        """
        return self.compiled(("tail", frontier, objective, rule), lambda: self._make_tail(frontier, objective, rule))

    def scores_behind(
        self, frontier: tuple[str, ...], objective: str
    ) -> Callable[[Sequence[Any], Mapping[str, tf.Tensor]], tf.Tensor]:
        """A function: (n values of the frontier's first tensor and one of each other, terms) -> the scores (n,)."""
        ask = self.compiled(("scores", frontier, objective), lambda: self._make_scores(frontier, objective))
        if self._repeatable(frontier[1:]):
            way = (frontier, (objective,), "forward")
            return lambda values, terms: self.batching.ask(way, values[0], lambda part: ask([part, *values[1:]], terms))
        # A tensor that skips past is no batch of values (the number of images, say): its value is that for one image.
        return lambda values, terms: tf.concat(
            [ask([values[0][n : n + 1], *values[1:]], terms) for n in range(len(values[0]))], axis=0
        )

    def linear(self, start: str, end: str) -> np.ndarray | None:
        """The matrix (numbers, units) of a linear way from `start`, (n, numbers), to `end`, (n, units).

        None if `end` needs more than `start`, or if they have other shapes.
        """
        shape = self.graph.tensor(start).shape[1:]
        if shape.rank not in (1, 3) or shape.num_elements() != shape[-1] or self.graph.tensor(end).shape.rank != 2:
            return None
        if self.graph.frontier(start, end) != (start,):
            return None
        ask = self.compiled(("linear", start, end), lambda: self._make_linear(start, end))
        zero_and_units = np.eye(shape.num_elements() + 1)[:, 1:].reshape(-1, *shape)
        given = zero_and_units.astype(self.spec(start).dtype.as_numpy_dtype)
        results = np.asarray(self.batching.ask(((start,), (end,), "forward"), given, ask))
        return results[1:] - results[0]

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
            return scores, gradient_of(tf.reduce_sum(scores), values[0])

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
        """True if each of these tensors has a value for each image, along its first axis."""
        shapes = [self.graph.tensor(tensor).shape for tensor in tensors]
        return all(shape.rank and shape[0] is None for shape in shapes)

    def scores(self, objective: str, values: tf.Tensor, terms: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The weighted sums (n,) of the units of `terms`, see `TERMS`, in the `values` (n, ..., units) of `objective`.

        For use inside a `tf.function`.
        """
        chosen = tf.gather(values, terms["units"], axis=-1)  # (n, ..., k)
        if objective == self._log_of:
            chosen = tf.math.log(tf.maximum(chosen, TINY))
        chosen = tf.cast(chosen, tf.float32) if chosen.dtype != tf.float64 else chosen
        means = _means(chosen, terms["boxes"])
        return tf.reduce_sum(means * tf.cast(terms["weights"], means.dtype), axis=-1)

    def spec(self, name: str) -> tf.TensorSpec:
        """The TensorSpec of a tensor of the graph, for any number of images."""
        tensor = self.graph.tensor(name)
        return tf.TensorSpec([None, *tensor.shape[1:]] if tensor.shape.rank else [], tensor.dtype)


def gradient_of(score: tf.Tensor, at: tf.Tensor) -> tf.Tensor | None:
    """The gradient of a score at a tensor, None if there is none; for use inside a `tf.function`.

    Raises ValueError, with a sentence, where TensorFlow has none for an operation in between.
    """
    try:
        return tf.gradients(score, at)[0]
    except LookupError as error:
        kind = str(error).partition("op type: ")[2].partition(")")[0]
        raise ValueError(f"{NEEDS_ONE}{kind or 'an operation'} in between, which has none.") from error
    except NoWayBackError:
        raise
    except Exception as error:  # of TensorFlow, which makes the gradients of loops and branches from their bodies
        raise ValueError(f"{NEEDS_ONE}operations in between of which TensorFlow said: {keras_said(error)}") from error


def _size(function):
    return len(function.graph.get_operations())


def _means(values, boxes):
    """The means (n, k) of values (n, ..., k) over the places of each unit's box, see `Objective`."""
    axes = list(range(1, values.shape.rank - 1))
    if not axes:
        return values
    terms, named, _ = tf.unstack(tf.shape(boxes))
    boxes = tf.concat([boxes, tf.broadcast_to(EVERYWHERE, tf.stack([terms, len(axes) - named, 2]))], axis=1)
    inside = _inside(tf.shape(values), boxes, axes)
    places = tf.cast(tf.math.count_nonzero(inside, axis=[axis - 1 for axis in axes]), values.dtype)
    # Not a product with 0, which would be NaN for an infinite value outside of the box.
    return tf.reduce_sum(tf.where(inside, values, tf.zeros_like(values)), axis=axes) / places


def _inside(shape, boxes, axes):
    """A mask (..., k) of the places along `axes` of values of a shape that are in each of k boxes (k, axes, 2)."""
    masks = []
    for axis in axes:
        places = tf.range(shape[axis])[:, tf.newaxis]
        mask = (places >= boxes[:, axis - 1, 0]) & (places < boxes[:, axis - 1, 1])  # (places, k)
        masks.append(mask[(..., *(tf.newaxis,) * (len(axes) - axis), slice(None))])
    return functools.reduce(tf.logical_and, masks)
