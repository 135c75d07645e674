"""Occlusion: cover a part of the image and see what the network loses.

Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2 (arXiv:1311.2901).

As in captum, a pixel's value is the mean over all windows that cover it, and the last window of a row or column is
cropped at the border, so that every pixel is covered.
"""

from dataclasses import dataclass

import numpy as np

from ..core.method import Method, register
from ..core.parameters import choice, slider
from ..core.result import Result

# Windows in one batch: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 16


@register
@dataclass(frozen=True)
class Occlusion(Method):
    """How much the target's score drops when a square window covers a place, averaged over the windows there.

    (height, width) of the image; logit units, or probability for score="probability"; signed, positive where covering
    lowers the score. `class_map` tells the top class when the window stands at (or nearest to) a pixel.
    """

    title = "Occlusion"
    family = "perturbation"
    summary = "How the score drops when a window covers a part of the image."
    paper = "Zeiler & Fergus 2014, arXiv:1311.2901"
    uses = ("image", "target")

    window: int = slider(32, 8, 112, unit="px", help="Side of the square that covers the image.", per_image=True)
    stride: int = slider(
        16,
        4,
        64,
        unit="px",
        help="How far the window moves; smaller is finer and slower.",
        per_image=True,
    )
    fill: str = choice(
        "grey",
        {
            "grey": "The middle of the value range.",
            "mean": "The image's mean colour.",
            "black": "The low end of the value range.",
            "white": "The high end of the value range.",
            "blur": "The image itself, blurred.",
        },
        help="What the window shows instead of the image.",
    )
    score: str = choice(
        "logit",
        {
            "logit": "The number in front of the softmax.",
            "probability": "The probability after the softmax.",
        },
        help="What is watched while the window moves.",
    )

    def run(self, network, image, target):
        """Yield rough maps, then finer ones, then the exact one."""
        rows, columns = (Windows(side, self.window, self.stride) for side in image.shape[:2])
        fill = FILLS[self.fill](image.array, network.value_range)
        clean = self._watch(network, image, target)[0]  # the network keeps what it makes of an image
        drops = np.full((len(rows), len(columns)), np.nan)
        tops = np.full(drops.shape, -1)
        order = coarse_to_fine(*drops.shape)
        copies = np.repeat(image.array[np.newaxis], min(BATCH, len(order)), axis=0)
        for begin in range(0, len(order), BATCH):
            places = order[begin : begin + BATCH]
            windows = [(rows[row], columns[column]) for row, column in places]
            put(fill, copies, windows)
            scores, top = self._watch(network, copies[: len(windows)], target)
            put(image.array, copies, windows)  # uncovered again, for the next batch
            drops[tuple(places.T)] = clean - scores
            tops[tuple(places.T)] = top
            known = begin + len(places)
            yield Result(
                paint(nearest_known(drops, order, known), rows, columns),
                signed=True,
                unit=f"drop in {self.score if target.layer is None else 'activation'}",
                progress=known / len(order),
                class_map=nearest_known(tops, order, known)[np.ix_(rows.nearest, columns.nearest)],
            )

    def _watch(self, network, batch, target):
        """The score of an image, or those of a batch, and the top class of each."""
        logits, probabilities = network.outputs(batch)
        if target.layer is not None:
            return network.scores(batch, target), logits.argmax(axis=-1)
        watched = logits if self.score == "logit" else probabilities
        return watched[..., target.index], logits.argmax(axis=-1)


class Windows:
    """Where the windows lie along one side of the image: slices, and which of them covers each pixel."""

    def __init__(self, side, window, stride):
        if window > side:
            raise ValueError(f"window must fit in the image ({side} px). Received: window={window}.")
        if stride > window:
            raise ValueError(
                f"stride must not exceed the window, or pixels between would never be covered. "
                f"Received: stride={stride}, window={window}."
            )
        count = -(-(side - window) // stride) + 1  # the last one is cropped at the border
        self._slices = [slice(k * stride, min(k * stride + window, side)) for k in range(count)]
        pixels = np.arange(side)
        self.covers = np.array([(pixels >= s.start) & (pixels < s.stop) for s in self._slices], np.float64)
        centres = np.array([(s.start + s.stop - 1) / 2 for s in self._slices])
        self.nearest = np.abs(pixels[:, None] - centres).argmin(axis=1)

    def __len__(self):
        return len(self._slices)

    def __getitem__(self, index):
        return self._slices[index]


def put(picture, copies, windows):
    """Let `picture` (height, width, channels) show in a window of each copy (n, height, width, channels)."""
    for copy, window in zip(copies, windows, strict=False):
        copy[window] = picture[window]


def paint(drops, rows, columns):
    """(height, width): at each pixel the mean of the drops (rows, columns) of the windows that cover it."""
    total = rows.covers.T @ drops @ columns.covers
    times = np.outer(rows.covers.sum(axis=0), columns.covers.sum(axis=0))
    return (total / times).astype(np.float32)


def coarse_to_fine(rows, columns):
    """All places (n, 2) of a grid: first every eighth of every eighth row, then every fourth, second, and the rest."""
    row, column = np.mgrid[:rows, :columns].reshape(2, -1)
    coarse = np.minimum(_step(row), _step(column))
    return np.stack([row, column], axis=1)[np.argsort(-coarse, kind="stable")]


def nearest_known(values, order, known):
    """The grid of values, those not known yet taken from the nearest coarser place that is.

    `order` is that of `coarse_to_fine`, of which the first `known` places have their values.
    """
    filled, place = values.copy(), np.mgrid[: values.shape[0], : values.shape[1]]
    have = np.zeros(values.shape, bool)
    have[tuple(order[:known].T)] = True
    for step in (2, 4, 8):
        coarser = place // step * step
        borrow = ~have & have[tuple(coarser)]
        filled[borrow] = values[tuple(coarser)][borrow]
        have |= borrow
    filled[~have] = values[tuple(order[0])]
    return filled


def _step(index):
    """The largest of 8, 4, 2 and 1 that divides the index."""
    return np.gcd(index, 8)


FILLS = {
    "grey": lambda image, ends: np.full_like(image, sum(ends) / 2),
    "mean": lambda image, ends: np.broadcast_to(image.mean(axis=(0, 1)), image.shape),
    "black": lambda image, ends: np.full_like(image, ends[0]),
    "white": lambda image, ends: np.full_like(image, ends[1]),
    "blur": lambda image, ends: blurred(image),
}


def blurred(image):
    """The image (height, width, channels) under a Gaussian of a tenth of its shorter side, edges repeated."""
    sigma = min(image.shape[:2]) / 10
    radius = int(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        widths = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(image, widths, mode="edge")
        image = np.apply_along_axis(np.convolve, axis, padded, weights, mode="valid")
    return image.astype(np.float32)
