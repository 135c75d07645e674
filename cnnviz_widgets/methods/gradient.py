"""Saliency: the gradient of a score with respect to the image.

Simonyan, Vedaldi, Zisserman, "Deep Inside Convolutional Networks", 2013, section 3 (arXiv:1312.6034).
`relu="guided"`: Springenberg et al., "Striving for Simplicity", 2014, section 3.4 (arXiv:1412.6806).
`relu="deconvnet"`: Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 2.1
(arXiv:1311.2901); keras-vis calls this one "relu".

We differ in one point: a clipped ReLU6 unit lets no guided gradient pass, because it does not follow its input.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import of_rewritten_gradient
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.core.result import COLOUR_MAP, MAP, Result
from cnnviz_widgets.core.target import Target

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

RELU = {
    "standard": "The plain gradient.",
    "guided": "Only positive gradients pass, and only where the ReLU was active.",
    "deconvnet": "Only positive gradients pass, whether or not the ReLU was active.",
}


@register
@dataclass(frozen=True)
class Gradient(Method):
    """The change of the target's score with each pixel, to first order.

    (height, width), or (height, width, channel) for reduce="none"; score per unit of pixel value; signed, positive
    where a brighter pixel raises the score, except for reduce="max_abs", which is never negative.
    """

    title = "Gradient (saliency)"
    family = "gradient"
    summary = "Change of the score when a pixel changes a little."
    paper = "Simonyan et al. 2013, arXiv:1312.6034"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")
    needs_slope = "behind"

    relu: str = choice("standard", RELU, help="Rule by which ReLUs pass the gradient back.")
    reduce: str = choice(
        "max_abs",
        {
            "max_abs": "The largest absolute value among the channels (the paper's).",
            "sum": "The sum over the channels, with its sign.",
            "none": "Every channel by itself.",
        },
        help="Reduction of the image's channels to one number per pixel.",
    )

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield one result, (height, width[, channel]).

        Raises ValueError for a rule other than "standard" where there is no ReLU to apply it to.
        """
        gradient = network.gradient(image, target, self.relu)
        notes = () if self.relu == "standard" else of_rewritten_gradient(*network.gates(None, target, self.relu))
        yield Result(
            REDUCE[self.reduce](gradient),
            signed=self.reduce != "max_abs",
            unit="score / pixel unit",
            axes=COLOUR_MAP if self.reduce == "none" else MAP,
            notes=notes,
        )


REDUCE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "max_abs": lambda gradient: np.abs(gradient).max(axis=-1),
    "sum": lambda gradient: gradient.sum(axis=-1),
    "none": lambda gradient: gradient,
}
