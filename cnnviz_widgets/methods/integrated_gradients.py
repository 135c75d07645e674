"""Integrated gradients: the score's difference from a baseline, distributed among the pixels.

Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", ICML 2017, sections 3 and 5 (arXiv:1703.01365).

We differ in two points. The integral is a midpoint or a Gauss-Legendre sum, which for as many steps is closer to it
than the sum over right ends in section 5. And the baseline may be noise: the maps of several noise images are averaged
(Sturmfels, Lundberg, Lee, "Visualizing the Impact of Feature Attribution Baselines", Distill 2020).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import FILLS, coarse_to_fine
from cnnviz_widgets.words import number, percent

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# Images on the path in one batch: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 8
# Number of noise images that together are the baseline "noise".
NOISES = 4
# An error of completeness is worth a warning beyond this share of the score's difference.
TOLERANCE = 0.05
# A difference below this share of the map's sum of absolute values is near zero: it is the remainder of a cancellation.
NEAR_ZERO = 0.02
# Scores are float32: a smaller share of them than this is rounding.
ROUNDING = 1e-5
# Beyond this share of pixels that equal the baseline, a note says so.
MANY = 0.1


@register
@dataclass(frozen=True)
class IntegratedGradients(Method):
    """The contribution of each pixel to the score along the straight path from a baseline image to this one.

    (height, width), summed over the channels; score units; signed, positive where the pixel raises the score compared
    with the baseline's pixel. The sum over all pixels is the score's difference from that of the baseline
    (completeness); a note always states the error. A pixel that equals the baseline gets zero, however much it
    matters.
    """

    title = "Integrated gradients"
    family = "gradient"
    summary = "The score's difference from that of a baseline image, shared out among the pixels."
    paper = "Sundararajan et al. 2017, arXiv:1703.01365"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")
    needs_slope = "exact"

    baseline: str = choice(
        "grey",
        {
            "black": "The low end of the value range, the paper's for photographs.",
            "grey": "The middle of the value range.",
            "white": "The high end of the value range.",
            "blur": "The image itself, blurred.",
            "noise": f"Noise over the whole value range: the mean over {NOISES} noise images, each with all steps.",
        },
        help="Image that counts as nothing; a pixel that equals it gets zero.",
    )
    rule: str = choice(
        "gauss-legendre",
        {
            "midpoint": "Equal steps, each evaluated in its middle.",
            "gauss-legendre": "Steps that lie closer near both ends of the path, where deep networks' scores jump.",
        },
        help="Rule by which the integral becomes a sum.",
    )
    steps: int = slider(100, 5, 300, help="Number of images on the path; more is more exact and slower.", repeats=True)
    seed: int = slider(0, 0, 99, help="Seed of the noise, for the baseline of that name.")

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield maps (height, width): a rough one from large steps along the path, finer ones, then the exact one."""
        baselines = self.baselines(image.array, network.value_range)
        shares, weights = RULES[self.rule](self.steps)
        order = [(which, step) for step in coarse_to_fine(1, self.steps)[:, 1] for which in range(len(baselines))]
        total, known = np.zeros(image.shape), 0.0
        for begin in range(0, len(order), BATCH):
            which, step = np.transpose(order[begin : begin + BATCH])
            distances = image.array - baselines[which]
            on_path = baselines[which] + shares[step, None, None, None] * distances
            gradients = network.gradient(on_path, target)
            total += np.einsum("n,nhwc->hwc", weights[step], (gradients * distances).astype(np.float64))
            known += weights[step].sum()  # in the end 1 for each baseline
            array, done = total.sum(axis=-1) / known, begin + len(step)
            yield Result(
                array.astype(np.float32),
                signed=True,
                unit="score",
                progress=done / len(order),
                notes=tuple(self._remarks(network, image, target, baselines, array)) if done == len(order) else (),
            )

    def baselines(self, image: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
        """Return the baselines (n, height, width, channels), in pixel values, for an image (height, width, channels).

        `ends` are the two ends of the network's value range.
        """
        if self.baseline != "noise":
            return FILLS[self.baseline](image, ends)[np.newaxis]
        random = np.random.default_rng(self.seed)
        return random.uniform(ends[0], ends[1], (NOISES, *image.shape)).astype(image.dtype)

    def _remarks(self, network, image, target, baselines, array) -> Iterator[Note]:
        score = float(network.scores(image, target))
        from_score = float(network.scores(baselines, target).mean())
        yield from completeness(array, score, from_score)
        alike = float((image.array == baselines).all(axis=(0, -1)).mean())
        if alike > MANY:
            yield equals_baseline(alike)


def midpoint(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (positions on the path from 0 to 1, weights), (steps,) each: the middles of equal steps."""
    return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)


def gauss_legendre(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (positions on the path from 0 to 1, weights), (steps,) each.

    The sum is exact for polynomials of a degree below twice the number of steps.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # from -1 to 1
    return (nodes + 1) / 2, weights / 2


RULES = {"midpoint": midpoint, "gauss-legendre": gauss_legendre}


def completeness(array: np.ndarray, score: float, from_score: float) -> Iterator[Note]:
    """Yield a note on the error of completeness (proposition 1 of the paper), and a warning where it is large.

    `array` is the map (height, width), `score` that of the image and `from_score` that of the baseline.
    """
    total, difference = float(array.sum()), score - from_score
    error = total - difference
    numbers = {"sum": total, "score": score, "from": from_score, "difference": difference, "error": error}
    yield Note(
        "completeness",
        f"The map sums to {number(total, 4)}, and from the baseline to the image the score goes from "
        f"{number(from_score, 4)} to {number(score, 4)}: an error of {number(error, 2)}.",
        numbers,
    )
    near_zero = NEAR_ZERO * float(np.abs(array).sum())
    if abs(error) > TOLERANCE * max(abs(difference), near_zero) + ROUNDING * max(abs(score), abs(from_score)):
        yield Note(
            "incomplete",
            f"The sum misses the score's difference, {number(difference)}, by {number(error, 2)}, "
            f"more than {percent(TOLERANCE, 0)}: the map is not exact yet. More steps would improve it.",
            numbers,
        )


def equals_baseline(share: float) -> Note:
    """Return a note that the method says nothing about the share of pixels, 0 to 1, that equal the baseline."""
    return Note(
        "equals_baseline",
        f"{percent(share, 0)} of the pixels equal the baseline and so get zero, however much they matter. "
        "Another baseline would show them.",
        {"share": share},
    )
