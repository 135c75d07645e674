"""Trials when a model is opened: what the graph alone does not tell is asked of images of noise.

A head that is hidden in the graph, images of a batch that may meet, random numbers that may be the same for every
image: each is put to a trial only where the graph leaves it open, so that most models are opened without one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from .batching import DRAWS
from .image_rows import ImageRows
from .inputs import ImageShape

if TYPE_CHECKING:
    from .compiled import CompiledFunctions
    from .tracing import TracedModel

# Sides, in px, of an image for a trial, where any size goes.
SIDES = (64, 128, 256, 512, 1024)
# Two ways to the same numbers may differ by this share of the largest: rounding, which depends on the batch's size.
ROUNDING = 1e-4


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

    A softmax is out of sight if the numbers, or their exponentials, sum to 1.
    """
    values = _output_for(functions, output, noise)
    if values.shape[-1] > 1 and values.min() >= 0 and _sums_to_one(values):
        return "hidden"
    logarithms = values.shape[-1] > 1 and values.max() <= 0 and _sums_to_one(np.exp(values))
    return "log_softmax" if logarithms else "none"


def _output_for(functions, output, noise):
    """The output for an image of noise; where any size goes, the smallest of `SIDES` that leaves no grid empty."""
    ask = functions.values(output)
    for side in noise.sides:
        try:
            values = np.asarray(ask(noise.image(side))[0], np.float64)
        except tf.errors.OpError:  # a grid in the middle is empty; which error depends on the processor
            if side == noise.sides[-1]:
                raise
            continue
        if values.size:
            return values
    raise ValueError(
        f"A network must give numbers for an image of {noise.sides[-1]} px. Received: one whose output is empty."
    )


def _sums_to_one(values):
    return np.allclose(values.sum(axis=-1), 1, atol=1e-3)


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
