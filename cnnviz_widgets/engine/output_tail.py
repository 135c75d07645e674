"""The end of a graph: what stands between the last weights and the output.

Whether an output is probabilities is decided there. In front of it are numbers that may be anything, the results of a
dense layer or a convolution; behind it are sigmoids, sums and products, which make of them what they make of any.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from .constants import static_value
from .op_kinds import NORMALISATIONS, WEIGHTS_AT
from .tensor_names import operation

if TYPE_CHECKING:
    from .compiled import CompiledFunctions
    from .graph import ForwardGraph

# Probabilities are made by these, and their logarithms by those. A ReLU, a norm or a mean makes none.
BOUNDING = {"Softmax", "Sigmoid", "Exp", "Tanh", "Erf"}
LOGARITHMS = {"LogSoftmax", "Log", "Log1p", "Softplus"}
# A longer end is no end: what is asked of it would take too long.
LONGEST = 400
# Sizes of numbers drawn at random, steps along a gradient, and the most units for which steps are made.
SIZES, STEPS, UNITS = (1e4, 30, 1), (-1e4, -3, 3, 1e4), 4


@dataclass(frozen=True)
class OutputTail:
    """The operations at the end, by kind; `starts` are the tensors in front of them, of any numbers."""

    starts: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()

    @property
    def bounded(self) -> bool:
        """True if it has what makes probabilities out of any numbers."""
        return bool(self.kinds & BOUNDING)

    @property
    def logarithmic(self) -> bool:
        """True if it has what makes logarithms of probabilities."""
        return bool(self.kinds & LOGARITHMS)


def tail_of(graph: "ForwardGraph", output: str) -> OutputTail:
    """The `OutputTail` of a graph; an empty one if the image itself, and not only numbers made of it, reaches it."""
    of_numbers, image = graph.of_numbers(), operation(graph.input)
    starts, kinds, seen, waiting = set(), set(), set(), [output]
    while waiting:
        tensor = waiting.pop()
        node = graph.node(operation(tensor))
        if node.name not in of_numbers or tensor in seen:
            continue
        seen.add(tensor)
        if node.name == image or len(seen) > LONGEST:
            return OutputTail()
        if _has_weights(graph, node):
            starts.add(tensor)
        else:
            kinds.add(node.op)
            waiting += graph.inputs_of(node.name)
    return OutputTail(tuple(sorted(starts)), frozenset(kinds))


def _has_weights(graph, node):
    """True if an operation makes any numbers of its input: it has weights, which may be negative.

    Weights that are constants and never negative blur a mask, or sum the classes of a group.
    """
    if node.op in NORMALISATIONS:
        return True
    if node.op not in WEIGHTS_AT:
        return False
    weights = graph.inputs_of(node.name)[WEIGHTS_AT[node.op]]
    if operation(weights) in graph.of_numbers():
        return False  # a product of what was made of the image: nobody's weights
    value = static_value(graph.tensor(weights))
    return value is None or bool((value < 0).any())


def pushed_tail(
    functions: "CompiledFunctions", tail: OutputTail, output: str, image: np.ndarray, given: Sequence[np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield the output (1, ..., units) where the last weights give other numbers than for this image (1, ...).

    The numbers are drawn at random, in the shapes of those `given`, and then pushed to where a unit of the output is
    large or small: where one class among a thousand is certain, chance does not come.
    """
    graph, shapes = functions.graph, [values.shape for values in given]
    types = [graph.tensor(start).dtype for start in tail.starts]
    specs = [tf.TensorSpec(shape, kind) for shape, kind in zip(shapes, types, strict=True)]
    one = tf.constant(image, graph.tensor(graph.input).dtype)
    ask = functions.compiled(("pushed tail", output, tail.starts), lambda: _made(graph, tail, output, one, specs))

    def drawn(size, seed):
        draws = [tf.random.stateless_normal(shape, (seed, start)) for start, shape in enumerate(shapes)]
        return [tf.cast(size * draw, kind) for draw, kind in zip(draws, types, strict=True)]

    for seed, size in enumerate(SIZES):
        values, _ = ask(one, drawn(size, seed), tf.constant(0))
        yield _numbers(values)
    units = values.shape[-1]
    for unit in np.random.default_rng(0).choice(units, min(units, UNITS), replace=False):
        numbers, unit = drawn(1, len(SIZES) + unit), tf.constant(unit, tf.int32)
        _, slopes = ask(one, numbers, unit)
        for step in STEPS:
            signs = [tf.cast(step * tf.sign(tf.cast(slope, tf.float32)), slope.dtype) for slope in slopes]
            values, _ = ask(one, list(map(tf.add, numbers, signs)), unit)
            yield _numbers(values)


def _numbers(values):
    return np.asarray(values, np.float64)


def _made(graph, tail, output, image, specs):
    """A function: (an image, numbers for the starts of a tail, a unit) -> (the output, the unit's slopes there)."""
    signature = [tf.TensorSpec(image.shape, image.dtype), specs, tf.TensorSpec([], tf.int32)]

    @tf.function(autograph=False, input_signature=signature)
    def pushed(image, numbers, unit):
        # The image is there for operations that ask how many images there are.
        (values,) = graph({graph.input: image, **dict(zip(tail.starts, numbers, strict=True))}, [output])
        return values, _slopes(tf.gather(values, unit, axis=-1), numbers)

    return pushed


def _slopes(score, numbers):
    """The gradients of a score at several tensors; zero where there is none."""
    try:
        slopes = tf.gradients(score, numbers)
    except LookupError:  # an operation without a gradient
        slopes = [None] * len(numbers)
    return [tf.zeros_like(each) if slope is None else slope for slope, each in zip(slopes, numbers, strict=True)]
