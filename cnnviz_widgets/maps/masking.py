"""Covering a part of an image: the fill, the place, the order of places, and the network's answer.

Occlusion moves a window over the image by these functions, and so does the rectangle that a person drags by hand: the
same place covered with the same fill gives the same numbers in both.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# (rows, columns) of an image.
Rectangle = tuple[slice, slice]


class Windows:
    """The windows along one side of an image, `side` px long: a sequence of slices.

    The last window is cropped at the border, so that every pixel is in one. `covered` holds the slice that is covered
    for each window: an area of `surround` windows with this one in its middle, as far as it lies in the image. `holds`
    (windows, pixels) is 1 where a window holds a pixel; `nearest` (pixels,) is the window with the nearest centre.

    Raises ValueError where a window does not fit, or where windows would leave pixels out between them.
    """

    covered: list[slice]
    holds: np.ndarray
    nearest: np.ndarray

    def __init__(self, side: int, window: int, stride: int, surround: int = 1):
        if window > side:
            raise ValueError(f"window must fit in the image ({side} px). Received: window={window}.")
        if stride > window:
            raise ValueError(
                f"stride must not exceed the window, or pixels between would never be covered. "
                f"Received: stride={stride}, window={window}."
            )
        count = -(-(side - window) // stride) + 1
        begins = [k * stride for k in range(count)]
        self._slices = [slice(begin, min(begin + window, side)) for begin in begins]
        around = (surround - 1) * window
        self.covered = [
            slice(max(begin - around // 2, 0), min(begin + window + around - around // 2, side)) for begin in begins
        ]
        pixels = np.arange(side)
        self.holds = np.array([(pixels >= s.start) & (pixels < s.stop) for s in self._slices], np.float64)
        centres = np.array([(s.start + s.stop - 1) / 2 for s in self._slices])
        self.nearest = np.abs(pixels[:, None] - centres).argmin(axis=1)

    def __len__(self) -> int:
        return len(self._slices)

    def __getitem__(self, index: int) -> slice:
        return self._slices[index]


@dataclass(frozen=True)
class Covered:
    """A network's answers to an image as it is, and with a rectangle covered.

    `clean` and `now` are (classes,) probabilities, or a regression network's values; `clean_score` and `score` are
    those of the target: logits, values or activations.
    """

    clean: np.ndarray
    now: np.ndarray
    clean_score: float
    score: float

    @property
    def drop(self) -> float:
        """The loss of the target's score: positive where covering lowers it."""
        return self.clean_score - self.score


def cover(
    network: "Network", image: InputImage, fill: np.ndarray, rectangle: Rectangle | None, target: Target
) -> Covered:
    """Return the `Covered` of an image after one pass through the network.

    `fill` (height, width, channels) shows in the `rectangle`, a pair of slices (rows, columns); None covers nothing.
    """
    clean = network.watch(image, target)  # the network keeps its answer to an image
    if rectangle is None:
        return Covered(clean.readings, clean.readings, float(clean.scores), float(clean.scores))
    copies = image.array[np.newaxis].copy()
    put(fill, copies, [rectangle])
    covered = network.watch(copies, target)
    return Covered(clean.readings, covered.readings[0], float(clean.scores), float(covered.scores[0]))


def put(picture: np.ndarray, copies: np.ndarray | Sequence[np.ndarray], windows: Iterable[Rectangle]) -> None:
    """Let `picture` (height, width, channels) show in a window of each copy (n, height, width, channels)."""
    for copy, window in zip(copies, windows, strict=False):
        copy[window] = picture[window]


# {name: function of an image (height, width, channels) and the ends of its value range}.
FILLS: dict[str, Callable[[np.ndarray, tuple[float, float]], np.ndarray]] = {
    "grey": lambda image, ends: np.full_like(image, sum(ends) / 2),
    "mean": lambda image, ends: np.broadcast_to(image.mean(axis=(0, 1)), image.shape),
    "black": lambda image, ends: np.full_like(image, ends[0]),
    "white": lambda image, ends: np.full_like(image, ends[1]),
    "blur": lambda image, ends: blurred(image),
}


# The same in words, for the control of a method's `fill`.
FILL = {
    "grey": "The middle of the value range.",
    "mean": "The image's mean colour.",
    "black": "The low end of the value range.",
    "white": "The high end of the value range.",
    "blur": "The image itself, blurred.",
}


def blurred(image: np.ndarray) -> np.ndarray:
    """Blur an image (height, width, channels) by a Gaussian of a tenth of its shorter side, with repeated edges."""
    sigma = min(image.shape[:2]) / 10
    radius = int(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        widths = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(image, widths, mode="edge")
        image = np.apply_along_axis(np.convolve, axis, padded, weights, mode="valid")
    return image.astype(np.float32)


def coarse_to_fine(rows: int, columns: int) -> np.ndarray:
    """Return all places (n, 2) of a grid: every eighth of every eighth row, then every fourth, second, and the rest."""
    row, column = np.mgrid[:rows, :columns].reshape(2, -1)
    return np.stack([row, column], axis=1)[np.argsort(-coarseness(row, column), kind="stable")]


def coarseness(row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return 8 for places in every eighth row and column, 4 for others in every fourth, then 2 and 1."""
    return np.minimum(_step(row), _step(column))


def _step(index: np.ndarray) -> np.ndarray:
    """Return the largest of 8, 4, 2 and 1 that divides the index."""
    return np.gcd(index, 8)
