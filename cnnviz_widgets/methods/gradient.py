"""Saliency: the gradient of a score with respect to the image.

Simonyan, Vedaldi, Zisserman, "Deep Inside Convolutional Networks", 2013, section 3 (arXiv:1312.6034).
`relu="guided"`: Springenberg et al., "Striving for Simplicity", 2014, section 3.4 (arXiv:1412.6806).
`relu="deconvnet"`: Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 2.1
(arXiv:1311.2901); keras-vis calls this one "relu".

We differ in one point: a clipped ReLU6 unit lets no guided gradient pass, since it does not follow its input.
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import rewritten
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.core.result import COLOUR_MAP, MAP, Result

RELU = {
    "standard": "The plain gradient.",
    "guided": "Only positive gradients pass, and only where the ReLU was active.",
    "deconvnet": "Only positive gradients pass, whether or not the ReLU was active.",
}


@register
@dataclass(frozen=True)
class Gradient(Method):
    """How much the target's score changes with each pixel, to first order.

    (height, width), or (height, width, channel) for reduce="none"; score per unit of pixel value; signed, positive
    where a brighter pixel raises the score, except for reduce="max_abs", which is never negative.
    """

    title = "Gradient (saliency)"
    family = "gradient"
    summary = "How the score changes when each pixel changes a little."
    paper = "Simonyan et al. 2013, arXiv:1312.6034"
    uses = ("image", "target")

    relu: str = choice("standard", RELU, help="What a ReLU does to the gradient on its way back.")
    reduce: str = choice(
        "max_abs",
        {
            "max_abs": "The largest absolute value among the channels (the paper's).",
            "sum": "The sum over the channels, with its sign.",
            "none": "Every channel by itself.",
        },
        help="How the channels of the image become one number a pixel.",
    )

    def run(self, network, image, target):
        """Yield one result."""
        gradient = network.gradient(image, target, self.relu)
        notes = () if self.relu == "standard" else rewritten(*network.gates(None, target, self.relu))
        yield Result(
            REDUCE[self.reduce](gradient),
            signed=self.reduce != "max_abs",
            unit="score / pixel unit",
            axes=COLOUR_MAP if self.reduce == "none" else MAP,
            notes=notes,
        )


REDUCE = {
    "max_abs": lambda gradient: np.abs(gradient).max(axis=-1),
    "sum": lambda gradient: gradient.sum(axis=-1),
    "none": lambda gradient: gradient,
}
