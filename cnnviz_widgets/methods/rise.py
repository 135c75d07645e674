"""RISE: the network's scores for random parts of the image, averaged.

Petsiuk, Das, Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018, section 3
(arXiv:1806.07421).

We differ in four points. Each pixel is divided by the sum of the masks there, where equation 6 divides by N p, the
expected sum: so our map has no pattern from how often a place happened to be shown. A mask is cropped from a grid with
one more cell per side, where the paper stretches the same number of cells over it: so our cells have the size that is
asked for. Hidden parts show a fill, which is black in the paper. And `centred` subtracts the mean score of all masks,
which keeps the order of the places: zero then means that showing a pixel makes no difference.

Every mask has its own random shift; some libraries shift a whole batch together.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note, standard_error
from cnnviz_widgets.core.parameters import choice, slider, switch
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import FILL, FILLS
from cnnviz_widgets.words import number

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# Masked images in one batch: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 16


@register
@dataclass(frozen=True)
class RISE(Method):
    """The mean score of randomly masked images, each weighted by how much of the pixel it shows.

    (height, width); logit units, or probability for score="probability". Centred, the map is signed, positive where
    showing the pixel raises the score above that of the average mask; otherwise it lies between the least and the
    greatest score of all masks. Mask k of a seed is always the same, so more masks only refine the map.
    """

    title = "RISE"
    family = "perturbation"
    summary = "Mean score of random parts of the image, taken for each pixel over the parts that show it."
    paper = "Petsiuk et al. 2018, arXiv:1806.07421"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")

    cells: int = slider(7, 2, 16, help="Number of cells along each side of the image; more is finer and noisier.")
    keep: float = slider(0.5, 0.1, 0.9, step=0.05, help="Probability p that a cell is shown.")
    masks: int = slider(
        500, 20, 8000, step=20, help="Number of masks; the noise shrinks with its square root.", repeats=True
    )
    fill: str = choice("grey", FILL, help="Fill where the mask hides the image.")
    score: str = choice(
        "probability",
        {
            "probability": "The probability after the softmax, as in the paper.",
            "logit": "The number in front of the softmax.",
        },
        help="Score that is averaged.",
    )
    centred: bool = switch(True, help="Subtract the mean score of all masks; the paper does not.")
    seed: int = slider(0, 0, 99, help="Seed of the masks; maps that differ much between seeds need more masks.")

    @classmethod
    def presets(cls, network: "Network") -> Mapping[str, Method]:
        """Return a preset that averages the values themselves, for a network without probabilities; else {}."""
        return {} if network.classifies else {"default": cls(score="logit")}

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield the map (height, width) of the masks so far, after each batch of them.

        Raises ValueError for a `keep` above 1.
        """
        if self.keep > 1:
            raise ValueError(f"keep must be a probability, at most 1. Received: keep={self.keep}.")
        fill = FILLS[self.fill](image.array, network.value_range)
        average = MaskedAverage(image.shape[:2])
        for begin in range(0, self.masks, BATCH):
            indices = range(begin, min(begin + BATCH, self.masks))
            masks = np.stack([self.mask(index, image.shape) for index in indices])
            shown = fill + masks[..., np.newaxis] * (image.array - fill)
            average.add(masks, network.scores(shown, target, of=self.score))
            yield Result(
                (average.map() - (average.mean if self.centred else 0)).astype(np.float32),
                signed=self.centred or self.score == "logit" or target.layer is not None,
                unit=network.unit(target, self.score),
                progress=indices.stop / self.masks,
                notes=tuple(self._remarks(average)) if indices.stop == self.masks else (),
            )

    def mask(self, index: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return mask number `index`, (height, width) from 0, hidden, to 1, shown, for an image of that shape."""
        random = np.random.default_rng((self.seed, index))
        values = (random.random((self.cells + 1, self.cells + 1)) < self.keep).astype(np.float32)
        for side in shape[:2]:  # each time the first axis is enlarged and becomes the last
            cell = -(-side // self.cells)  # px, rounded up
            values = enlarged(values, cell, random.integers(cell) + np.arange(side)).T
        return values

    def _remarks(self, average: "MaskedAverage") -> Iterator[Note]:
        if self.centred:
            mean = float(average.mean)
            yield Note("mean_score", f"The average mask scores {number(mean)}: zero in this map.", {"mean": mean})
        error = float(np.sqrt(np.nanmean(average.standard_error() ** 2)))
        yield standard_error(error, float(average.map().std()), "masks")


def enlarged(values: np.ndarray, cell: int, pixels: np.ndarray) -> np.ndarray:
    """Return `values` (cells, ...), of `cell` px each, at these pixels: (pixels, ...).

    They are linear between the middles of the cells and constant beyond the first and the last middle.
    """
    # Not as a product of matrices, whose threads get in the way of TensorFlow's.
    at = np.clip((pixels + 0.5) / cell - 0.5, 0, len(values) - 1)
    before = np.minimum(at.astype(int), len(values) - 2)
    share = (at - before).astype(np.float32)[:, np.newaxis]
    return values[before] + share * (values[before + 1] - values[before])


class MaskedAverage:
    """The mean of scores f, weighted at each pixel by masks M (height, width), as masks and scores arrive.

    Only sums are kept, not the masks.
    """

    def __init__(self, shape: tuple[int, ...]):
        self._scores = np.zeros(3)  # sums of 1, f, f²
        self._once = np.zeros((3, *shape))  # sums of M, M f, M f²
        self._twice = np.zeros((3, *shape))  # sums of M², M² f, M² f²
        self._origin: Any = None

    def add(self, masks: np.ndarray, scores: np.ndarray) -> None:
        """Add masks (n, height, width) and their scores (n,)."""
        scores = np.asarray(scores, np.float64)
        if self._origin is None:
            self._origin = scores[0]  # so that equal scores give a map of exactly that score
        powers = (scores - self._origin) ** np.arange(3)[:, np.newaxis]
        self._scores += powers.sum(axis=1)
        self._once += np.einsum("kn,nhw->khw", powers, masks)
        self._twice += np.einsum("kn,nhw->khw", powers, masks**2)

    @property
    def mean(self) -> float:
        """The mean score of all masks, without weights."""
        return self._origin + self._mean

    @property
    def _mean(self):
        return self._scores[1] / self._scores[0]

    def map(self) -> np.ndarray:
        """Return (height, width): the sum of M f over the sum of M; the mean score where no mask shows anything."""
        return self._origin + self._map()

    def _map(self):
        weights, weighted, _ = self._once
        return np.divide(weighted, weights, out=np.full_like(weights, self._mean), where=weights > 0)

    def standard_error(self) -> np.ndarray:
        """Return the standard error (height, width) of `map` minus `mean`, to first order; NaN where nothing was shown.

        It is the root of the sum of squares of each mask's influence, M / (mean of M) (f - map) - (f - mean), divided
        by the number of masks.
        """
        count, mean, at = self._scores[0], self._mean, self._map()
        shown = np.where(self._once[0] > 0, self._once[0] / count, np.nan)
        first = self._twice[2] - 2 * at * self._twice[1] + at**2 * self._twice[0]
        both = self._once[2] - (at + mean) * self._once[1] + at * mean * self._once[0]
        last = self._scores[2] - count * mean**2
        squares = first / shown**2 - 2 * both / shown + last
        return np.sqrt(np.maximum(squares, 0)) / count
