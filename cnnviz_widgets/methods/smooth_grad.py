"""SmoothGrad: the mean of the gradient over noisy copies of the image, or its variance.

Smilkov, Thorat, Kim, Viégas, Wattenberg, "SmoothGrad: removing noise by adding noise", 2017, section 2.2 (the noise
level: section 3.2; arXiv:1706.03825). `form="squared"`: Hooker, Erhan, Kindermans, Kim, "A Benchmark for
Interpretability Methods in Deep Neural Networks", 2018, section 4.1 (arXiv:1806.10758). `form="variance"`, VarGrad:
Adebayo et al., "Sanity Checks for Saliency Maps", 2018 (arXiv:1810.03292).

We differ in two points: the noise is a share of the network's value range, not of the range of this image; and the
average is taken of the signed gradient, before the channels are reduced to one number, so that values that merely
change their sign cancel (some libraries average absolute or squared values under the plain name).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note, standard_error
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target

from .gradient import REDUCE

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# Noisy copies in one batch: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 8


@register
@dataclass(frozen=True)
class SmoothGrad(Method):
    """The mean, mean square or variance of the gradient over copies of the image with normal noise on every pixel.

    (height, width); score per unit of pixel value, squared for the forms "squared" and "variance"; signed, positive
    where a brighter pixel raises the score, for form="plain" with reduce="sum"; otherwise never negative. Without noise
    the plain form is the gradient itself. Sample k of a seed is always the same, so more samples only refine the map.
    """

    title = "SmoothGrad"
    family = "gradient"
    summary = "The gradient averaged over noisy copies of the image, which removes its speckle."
    paper = "Smilkov et al. 2017, arXiv:1706.03825"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")
    needs_slope = "behind"

    noise: float = slider(
        0.1, 0, 0.5, step=0.01, unit="of range", help="Standard deviation of the noise on every pixel."
    )
    samples: int = slider(64, 1, 256, help="Number of noisy copies; more is smoother and slower.", repeats=True)
    form: str = choice(
        "plain",
        {
            "plain": "The mean of the gradient, with its sign.",
            "squared": "The mean of its square, in which opposite signs do not cancel.",
            "variance": "Its variance (VarGrad): its dependence on the noise.",
        },
        help="Statistic of the gradients of all copies.",
    )
    reduce: str = choice(
        "max_abs",
        {
            "max_abs": "The largest absolute value among the channels.",
            "sum": "The sum over the channels, with its sign.",
        },
        help="Reduction of the image's channels to one number per pixel, after that of the copies.",
    )
    seed: int = slider(0, 0, 99, help="Seed of the noise; maps that differ much between seeds need more samples.")

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield the map (height, width) of the copies so far, after each batch of them."""
        low, high = network.value_range
        deviation = self.noise * (high - low)
        count = self.samples if deviation else 1  # without noise all copies are the same
        first, total, squares = None, 0.0, 0.0
        for begin in range(0, count, BATCH):
            indices = range(begin, min(begin + BATCH, count))
            copies = image.array + deviation * np.stack([self._noise(index, image.shape) for index in indices])
            gradients = network.gradient(copies, target).astype(np.float64)
            first = gradients[0] if first is None else first
            from_first = gradients - first  # small numbers, whose squares can be subtracted without loss
            total, squares = total + from_first.sum(axis=0), squares + (from_first**2).sum(axis=0)
            known = indices.stop
            mean, variance = total / known, np.maximum(squares / known - (total / known) ** 2, 0)
            forms = {"plain": first + mean, "squared": (first + mean) ** 2 + variance, "variance": variance}
            yield Result(
                REDUCE[self.reduce](forms[self.form].astype(np.float32)),
                signed=self.form == "plain" and self.reduce == "sum",
                unit="score / pixel unit" if self.form == "plain" else "(score / pixel unit)²",
                progress=known / count,
                notes=tuple(self._remarks(first + mean, variance, known)) if known == count > 1 else (),
            )

    def _remarks(self, mean: np.ndarray, variance: np.ndarray, count: int) -> Iterator[Note]:
        if self.form == "plain":
            error = np.sqrt((variance / (count - 1)).mean())  # of all numbers, before the channels are reduced to one
            yield standard_error(float(error), float(np.sqrt((mean**2).mean())), "samples")

    def _noise(self, index: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return the noise of sample `index`, the same whichever batch it is in."""
        return np.random.default_rng((self.seed, index)).standard_normal(shape, np.float32)
