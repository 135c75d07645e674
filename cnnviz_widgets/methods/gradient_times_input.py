"""Gradient × input: how much each pixel, as it is, adds to the score, to first order.

Shrikumar, Greenside, Shcherbina, Kundaje, "Not Just a Black Box: Learning Important Features Through Propagating
Activation Differences", 2016 (arXiv:1605.01713).

We differ in one point: a pixel may be compared with any grey, the baseline, not only with zero.
"""

from dataclasses import dataclass

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import rewritten
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result

from .gradient import RELU


@register
@dataclass(frozen=True)
class GradientTimesInput(Method):
    """The gradient of the score, times how far each pixel is from a baseline, summed over the channels.

    (height, width); score units; signed, positive where the pixel's distance from the baseline raises the score. For a
    network that is linear the sum over all pixels is the score's difference from that of the baseline.
    """

    title = "Gradient × input"
    family = "gradient"
    summary = "What each pixel, as it is, adds to the score, to first order."
    paper = "Shrikumar et al. 2016, arXiv:1605.01713"
    uses = ("image", "target")

    relu: str = choice("standard", RELU, help="What a ReLU does to the gradient on its way back.")
    baseline: float = slider(0.0, 0, 1, step=0.05, unit="of range", help="The grey that counts as nothing.")

    def run(self, network, image, target):
        """Yield one result."""
        low, high = network.value_range
        distance = image.array - (low + self.baseline * (high - low))
        products = network.gradient(image, target, self.relu) * distance
        notes = () if self.relu == "standard" else rewritten(*network.gates(None, target, self.relu))
        yield Result(products.sum(axis=-1), signed=True, unit="score", notes=notes)
