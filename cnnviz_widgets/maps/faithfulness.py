"""Deletion and insertion: does the network need the pixels that a map points at, and are they enough?

Petsiuk, Das, Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018, section 4
(arXiv:1806.07421). Pixels are taken in the order of the map, highest first. Deletion paints them over: the sooner the
score falls, the smaller the area under its curve, the better the map. Insertion begins with a blurred image and puts
them back: there a large area is good.

We differ in three points: a deleted pixel shows the image's mean colour unless another fill is asked for (theirs is the
mean of ImageNet), the blur is that of `maps/masking.py`, and beside the map stand orders drawn at random, since an
area alone says little. Among equal values chance decides, else those at the top left would always come first.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target

from .masking import FILLS, blurred

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

STEPS = 28
ORDERS = 5
# Images in one pass: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 16


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """The curves of one map, and of random orders of the same image. Points that are not known yet are NaN.

    `shares` (points,) is the changed share of the image, 0 to 1. `deletion` and `insertion` (points,) are the score
    there, in `unit`: "probability", "logit" or "activation". `random_deletion` and `random_insertion` are (orders,
    points). Areas under these curves are by the trapezoidal rule, in the same unit, since shares end at 1.
    """

    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray
    unit: str
    progress: float = 0.0

    @property
    def deletion_area(self) -> float:
        """The area under the deletion curve: the less, the better the map."""
        return float(self.area(self.deletion))

    @property
    def insertion_area(self) -> float:
        """The area under the insertion curve: the more, the better the map."""
        return float(self.area(self.insertion))

    @property
    def random_deletion_areas(self) -> np.ndarray:
        """The areas under the random orders' deletion curves, (orders,)."""
        return self.area(self.random_deletion)

    @property
    def random_insertion_areas(self) -> np.ndarray:
        """The areas under the random orders' insertion curves, (orders,)."""
        return self.area(self.random_insertion)

    def area(self, curves: np.ndarray) -> np.ndarray:
        """Return the areas (...,) under curves (..., points); NaN for a curve that is not complete."""
        return np.trapezoid(curves, self.shares)


def deletion_and_insertion(
    network: "Network",
    image: InputImage,
    target: Any,
    values: npt.ArrayLike,
    steps: int = STEPS,
    fill: str = "mean",
    score: str = "probability",
    orders: int = ORDERS,
    seed: int = 0,
) -> Iterator[Faithfulness]:
    """Yield a `Faithfulness` that fills up, the complete one last. Leave the loop to cancel.

    `values` (rows, columns) is the map, laid over the image; its highest values come first, NaN last. `fill` is one of
    "mean", "blur", "black", "grey" and "white"; `score` is "probability" or "logit". A target that is a channel has its
    own score. The curves of the `orders` random orders, drawn by `seed`, are kept: another map of the same image costs
    only its own two curves.

    Raises ValueError for arguments that make no sense.
    """
    _check(steps, fill, score, orders)
    image = network.fit(image)
    target = network.target(target, image)
    pixels = image.shape[0] * image.shape[1]
    counts = np.rint(np.linspace(0, pixels, min(steps, pixels) + 1)).astype(int)
    from_to = {
        "deletion": (image.array, FILLS[fill](image.array, network.value_range)),
        "insertion": (blurred(image.array), image.array),
    }
    own = ranked(resize_map(values, *image.shape[:2]), np.random.default_rng(seed))
    drawn = [np.random.default_rng([seed, number]).permutation(pixels) for number in range(orders)]
    question = ("random order", image.digest, target, network.weights_version(), len(counts), fill, score, seed)
    unit = network.unit(target, score)
    found, done = _unknown(counts / pixels, orders, unit), 0
    for number, order in enumerate([own, *drawn]):
        for which, (start, end) in from_to.items():
            key = None if number == 0 else (*question, number, which)
            for curve in _scores(network, target, score, start, end, order, counts, key):
                found = _with(found, which, number, curve)
                yield replace(found, progress=(done + np.isfinite(curve).mean()) / (2 * (1 + orders)))
            done += 1


def ranked(values: npt.ArrayLike, random: np.random.Generator) -> np.ndarray:
    """Return the places (pixels,) in a flattened map, highest value first; chance decides among equals."""
    values = np.asarray(values, np.float64).ravel()
    return np.lexsort((random.permutation(values.size), -values))


def changed(start: np.ndarray, end: np.ndarray, order: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return pictures (n, height, width, channels) between `start` and `end`, both (height, width, channels).

    Picture k has the first `counts[k]` pixels in `order` from `end`, and all others from `start`.
    """
    pictures = np.repeat(start[np.newaxis], len(counts), axis=0)
    new = end.reshape(-1, end.shape[-1])
    for picture, count in zip(pictures.reshape(len(counts), *new.shape), counts, strict=True):
        picture[order[:count]] = new[order[:count]]
    return pictures


def _scores(
    network: "Network",
    target: Target,
    score: str,
    start: np.ndarray,
    end: np.ndarray,
    order: np.ndarray,
    counts: np.ndarray,
    key: Hashable | None,
) -> Iterator[np.ndarray]:
    """Yield the curve (points,) as it fills up; a complete one is kept under `key`."""
    if key is not None and (kept := network.cache.get(key)) is not None:
        yield kept
        return
    curve = np.full(len(counts), np.nan)
    for begin in range(0, len(counts), BATCH):
        part = slice(begin, begin + BATCH)
        curve = curve.copy()  # the caller has the one before
        curve[part] = network.scores(changed(start, end, order, counts[part]), target, of=score)
        if key is not None and begin + BATCH >= len(counts):
            network.cache.put(key, curve)
        yield curve


def _unknown(shares, orders, unit):
    points = np.full(len(shares), np.nan)
    many = np.full((orders, len(shares)), np.nan)
    return Faithfulness(shares, points, points, many, many, unit)


def _with(found, which, number, curve):
    """Update one curve: the map's own for number 0, else that of a random order."""
    if number == 0:
        return replace(found, **{which: curve})
    curves = getattr(found, f"random_{which}").copy()
    curves[number - 1] = curve
    return replace(found, **{f"random_{which}": curves})


def _check(steps, fill, score, orders):
    for name, value, least in (("steps", steps, 1), ("orders", orders, 0)):
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
            raise ValueError(f"{name} must be a whole number, {least} or more. Received: {name}={value!r}.")
    for name, value, known in (("fill", fill, tuple(FILLS)), ("score", score, ("probability", "logit"))):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}. Received: {name}={value!r}.")
