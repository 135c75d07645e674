"""Trials when a model is opened: what the graph alone does not tell is asked of images of noise.

A head that is hidden in the graph, images of a batch that may meet, random numbers that may be the same for every
image: each is put to a trial only where the graph leaves it open, so that most models are opened without one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from .batching import DRAWS
from .image_rows import ImageRows
from .inputs import ImageShape
from .output_tail import pushed_tail, tail_of

if TYPE_CHECKING:
    from .compiled import CompiledFunctions
    from .tracing import TracedModel

# Sides, in px, of an image for a trial, where any size goes.
SIDES = (64, 128, 256, 512, 1024)
# Two ways to the same numbers may differ by this share of the largest: rounding, which depends on the batch's size.
ROUNDING = 1e-4
# Probabilities sum to 1, and lie between 0 and 1, but for as much: the rounding of half precision.
NEARLY = 1e-3
# Numbers that move less than the first, whatever the last weights give, tell nothing. Below the second falls every
# logarithm of a probability somewhere, an entropy does not.
MOVED, WITHOUT_END = 1e-2, -20.0


@dataclass(frozen=True)
class Noise:
    """Images of noise that a model takes, the same ones every time."""

    shape: ImageShape
    dtype: str
    value_range: tuple[float, float]

    @property
    def sides(self) -> tuple[int, ...]:
        """The sides to try: several only where any size goes."""
        return SIDES if None in self.shape else SIDES[:1]

    def image(self, side: int = SIDES[0]) -> np.ndarray:
        """One image, (1, height, width, channels), of this side where any goes."""
        low, high = self.value_range
        return np.random.default_rng(0).uniform(low, high, (1, *(n or side for n in self.shape))).astype(self.dtype)

    def rounded(self, image: np.ndarray) -> np.ndarray:
        """The image in 255th parts of the range, in which photographs come."""
        low, high = self.value_range
        step = (high - low) / 255
        return (low + step * np.round((image - low) / step)).astype(self.dtype)

    def beyond(self, image: np.ndarray) -> np.ndarray:
        """The image with twice its contrast, so that pixels are outside of the range."""
        middle = sum(self.value_range) / 2
        return (middle + 2 * (image - middle)).astype(self.dtype)

    def dimmed(self, image: np.ndarray) -> np.ndarray:
        """The image with an eighth of its contrast, so that its mean and variance are others."""
        low, _ = self.value_range
        return (low + (image - low) / 8).astype(self.dtype)


def tried_head(functions: "CompiledFunctions", output: str, noise: Noise) -> str:
    """The head of a network whose output is the tensor `output`, see `Network.head`.

    A softmax is out of sight if the numbers, or their exponentials, sum to 1. Otherwise the output is probabilities
    where something makes them, a sigmoid, say, and where it stays between 0 and 1 whatever the last weights give.
    Logarithms of probabilities stay below 0, and fall without end.
    """
    tail = tail_of(functions.graph, output)
    starts = tail.starts if tail.bounded or tail.logarithmic else ()
    image, (values, *given) = _answer(functions, (output, *starts), noise)
    found = _head_by_sums(values)
    if found != "none":
        (others, *_) = _numbers(functions.values(output, *starts)(noise.dimmed(image)))
        return found if _head_by_sums(others) == found else "none"
    if tail.bounded and _within(values, 0, 1):
        low, high = _reached(pushed_tail(functions, tail, output, image, given), 0, 1)
        return "hidden" if high - low > MOVED else "none"
    if tail.logarithmic and _within(values, -np.inf, 0):
        low, high = _reached(pushed_tail(functions, tail, output, image, given), -np.inf, 0)
        return "hidden_log" if low < WITHOUT_END else "none"
    return "none"


def _answer(functions, tensors, noise):
    """(an image of noise, the values of the tensors); where any size goes, the smallest that leaves no grid empty."""
    ask = functions.values(*tensors)
    for side in noise.sides:
        image = noise.image(side)
        try:
            values = _numbers(ask(image))
        except tf.errors.OpError:  # a grid in the middle is empty; which error depends on the processor
            if side == noise.sides[-1]:
                raise
            continue
        if values[0].size:
            return image, values
    raise ValueError(
        f"A network must give numbers for an image of {noise.sides[-1]} px. Received: one whose output is empty."
    )


def _head_by_sums(values):
    """The head of a network that gives these values (1, ..., units), by their sums alone."""
    if values.shape[-1] > 1 and values.min() >= 0 and _sums_to_one(values):
        return "hidden"
    return "hidden_log" if values.shape[-1] > 1 and values.max() <= 0 and _sums_to_one(np.exp(values)) else "none"


def _sums_to_one(values):
    return np.allclose(values.sum(axis=-1), 1, atol=NEARLY)


def _within(values, low, high):
    return low - NEARLY <= values.min() and values.max() <= high + NEARLY


def _reached(outputs: Iterable[np.ndarray], low: float, high: float) -> tuple[float, float]:
    """(lowest, highest) number in all of `outputs`; (0, 0) if one lies outside of `low` to `high`, or none is known."""
    lowest, highest = np.inf, -np.inf
    for values in outputs:
        known = values[~np.isnan(values)]  # exp(x) / (1 + exp(x)) is not a number for a large x
        if known.size and not _within(known, low, high):
            return 0.0, 0.0
        lowest, highest = known.min(initial=lowest), known.max(initial=highest)
    return (float(lowest), float(highest)) if lowest <= highest else (0.0, 0.0)


def settle_batching(functions: "CompiledFunctions", traced: "TracedModel", noise: Noise) -> bool:
    """Settle how images are asked: in batches or one at a time, once or averaged. True for a random network."""
    rows, asked = ImageRows(traced.graph, traced.output), (traced.logits, traced.output)
    if rows.mixed or rows.random:
        functions.batching.one_by_one = True
    elif rows.suspicious:
        first = noise.image(SIDES[1])
        functions.batching.one_by_one = not _answers_each_alone(functions.values(*asked), first, noise.dimmed(first))
    if rows.random:
        _settle_draws(functions, rows, asked, noise.image(SIDES[1]))
    return rows.random


def _settle_draws(functions, rows, asked, image):
    """Average over copies of an image in a batch, or over questions, whichever have random numbers of their own."""
    batching = functions.batching
    for batching.copies in (False,) if rows.may_meet else (True, False):  # copies that meet would not be alone
        batching.draws = DRAWS
        if any(np.ptp(values.astype(np.float64), axis=0).any() for values in functions.draws(image, *asked)):
            return
    batching.draws = 1


def _answers_each_alone(ask: Callable[[np.ndarray], list[Any]], first: np.ndarray, other: np.ndarray) -> bool:
    """True if `ask` (a function of images) says of two images (1, ...) together what it says of each alone."""
    try:
        alone = [_numbers(ask(image)) for image in (first, other)]
    except tf.errors.OpError:
        return True  # such images are not for this network, which tells nothing about their number
    try:
        together = _numbers(ask(np.concatenate([first, other])))
    except tf.errors.OpError:
        return False
    for one, two, both in zip(*alone, together, strict=True):
        expected = np.concatenate([one, two])
        rounding = ROUNDING * np.abs(expected).max(initial=0)
        if expected.shape != both.shape or not np.allclose(both, expected, rtol=0, atol=rounding, equal_nan=True):
            return False
    return True


def _numbers(tensors):
    return [np.asarray(values, np.float64) for values in tensors]
