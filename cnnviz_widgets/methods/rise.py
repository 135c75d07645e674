"""RISE: show the network parts of the image at random, and average what it makes of them.

Petsiuk, Das, Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018, section 3
(arXiv:1806.07421).

We differ in four points. Each pixel is divided by the sum of the masks there, where equation 6 divides by N p, the sum
to be expected: our map has no pattern of its own from how often a place happened to be shown. A mask is the crop of a
grid of one more cell a side, where the paper stretches as many cells over that: cells are as large as they are said to
be. What is hidden shows a fill, black in the paper. And `centred` takes the mean score of all masks off the map, which
moves no place above another: zero is then where it makes no difference whether a pixel is shown.

Every mask has a random shift of its own; some libraries shift a whole batch together.
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note, standard_error
from cnnviz_widgets.core.parameters import choice, slider, switch
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.maps.masking import FILL, FILLS
from cnnviz_widgets.words import number

# Masked images in one batch: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 16


@register
@dataclass(frozen=True)
class RISE(Method):
    """The mean score of randomly masked images, each weighted by how much of the pixel it shows.

    (height, width); logit units, or probability for score="probability". Centred it is signed, positive where showing
    the pixel raises the score above that of the average mask; otherwise between the least and the greatest score of
    all masks. Mask k of a seed is always the same, so more masks only refine the map.
    """

    title = "RISE"
    family = "perturbation"
    summary = "What the network makes of random parts of the image, averaged over the parts that show a pixel."
    paper = "Petsiuk et al. 2018, arXiv:1806.07421"
    uses = ("image", "target")

    cells: int = slider(7, 2, 16, help="Cells of a mask along each side of the image; more is finer, and noisier.")
    keep: float = slider(0.5, 0.1, 0.9, step=0.05, help="The probability p with which a cell is shown.")
    masks: int = slider(
        500, 20, 8000, step=20, help="How many masks; the noise shrinks with the root of it.", repeats=True
    )
    fill: str = choice("grey", FILL, help="What is seen where the mask hides the image.")
    score: str = choice(
        "probability",
        {
            "probability": "The probability after the softmax, as in the paper.",
            "logit": "The number in front of the softmax.",
        },
        help="What is averaged.",
    )
    centred: bool = switch(True, help="Take off the mean score of all masks; without, it is the paper's map.")
    seed: int = slider(0, 0, 99, help="Which masks; maps that differ much between seeds need more masks.")

    @classmethod
    def presets(cls, network):
        """Where there are no probabilities, the values themselves."""
        return {} if network.classifies else {"default": cls(score="logit")}

    def run(self, network, image, target):
        """Yield the map of the masks so far, after each batch of them."""
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

    def mask(self, index, shape):
        """(height, width) between 0, hidden, and 1, shown: mask number `index` for an image of that shape."""
        random = np.random.default_rng((self.seed, index))
        values = (random.random((self.cells + 1, self.cells + 1)) < self.keep).astype(np.float32)
        for side in shape[:2]:  # each time the first axis is enlarged, and becomes the last
            cell = -(-side // self.cells)  # px, rounded up
            values = enlarged(values, cell, random.integers(cell) + np.arange(side)).T
        return values

    def _remarks(self, average):
        if self.centred:
            mean = float(average.mean)
            yield Note("mean_score", f"The average mask scores {number(mean)}: zero in this map.", {"mean": mean})
        error = float(np.sqrt(np.nanmean(average.standard_error() ** 2)))
        yield standard_error(error, float(average.map().std()), "masks")


def enlarged(values, cell, pixels):
    """(pixels, ...): at these, what (cells, ...) of `cell` px each hold; linear between their middles, flat beyond."""
    # By hand and not as a product of matrices, whose threads get in the way of TensorFlow's.
    at = np.clip((pixels + 0.5) / cell - 0.5, 0, len(values) - 1)
    before = np.minimum(at.astype(int), len(values) - 2)
    share = (at - before).astype(np.float32)[:, np.newaxis]
    return values[before] + share * (values[before + 1] - values[before])


class MaskedAverage:
    """The mean of scores f, weighted at each pixel by masks M (height, width), as masks and scores come in.

    `mean` is that of the scores without weights; what is kept are sums, not the masks.
    """

    def __init__(self, shape):
        self._scores = np.zeros(3)  # sums of 1, f, f²
        self._once = np.zeros((3, *shape))  # sums of M, M f, M f²
        self._twice = np.zeros((3, *shape))  # sums of M², M² f, M² f²
        self._origin = None

    def add(self, masks, scores):
        """Take in masks (n, height, width) and their scores (n,)."""
        scores = np.asarray(scores, np.float64)
        if self._origin is None:
            self._origin = scores[0]  # so that scores which are all the same give a map which is exactly that
        powers = (scores - self._origin) ** np.arange(3)[:, np.newaxis]
        self._scores += powers.sum(axis=1)
        self._once += np.einsum("kn,nhw->khw", powers, masks)
        self._twice += np.einsum("kn,nhw->khw", powers, masks**2)

    @property
    def mean(self):
        """The mean score of all masks."""
        return self._origin + self._mean

    @property
    def _mean(self):
        return self._scores[1] / self._scores[0]

    def map(self):
        """(height, width): sum of M f over sum of M; the mean score where no mask shows anything."""
        return self._origin + self._map()

    def _map(self):
        weights, weighted, _ = self._once
        return np.divide(weighted, weights, out=np.full_like(weights, self._mean), where=weights > 0)

    def standard_error(self):
        """(height, width): of the map's distance from the mean score, to first order; NaN where nothing was shown.

        Mask by mask, M / (mean of M) (f - map) - (f - mean) is what moves that distance: the root of the sum of its
        squares, over the number of masks.
        """
        count, mean, at = self._scores[0], self._mean, self._map()
        shown = np.where(self._once[0] > 0, self._once[0] / count, np.nan)
        first = self._twice[2] - 2 * at * self._twice[1] + at**2 * self._twice[0]
        both = self._once[2] - (at + mean) * self._once[1] + at * mean * self._once[0]
        last = self._scores[2] - count * mean**2
        squares = first / shown**2 - 2 * both / shown + last
        return np.sqrt(np.maximum(squares, 0)) / count
