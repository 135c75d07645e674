"""Gradient × input: the contribution of each pixel to the score, to first order.

Shrikumar, Greenside, Shcherbina, Kundaje, "Not Just a Black Box: Learning Important Features Through Propagating
Activation Differences", 2016 (arXiv:1605.01713).

We differ in one point: a pixel may be compared with any grey level, the baseline, not only with zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import of_rewritten_gradient
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target

from .gradient import RELU

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class GradientTimesInput(Method):
    """The gradient of the score times each pixel's difference from a baseline, summed over the channels.

    (height, width); score units; signed, positive where the pixel's difference from the baseline raises the score. For
    a linear network the sum over all pixels is the difference between the image's score and the baseline's.
    """

    title = "Gradient × input"
    family = "gradient"
    summary = "Contribution of each pixel to the score, to first order."
    paper = "Shrikumar et al. 2016, arXiv:1605.01713"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")
    needs_slope = "exact"

    relu: str = choice("standard", RELU, help="Rule by which ReLUs pass the gradient back.")
    baseline: float = slider(0.0, 0, 1, step=0.05, unit="of range", help="Grey level that counts as nothing.")

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield one result, (height, width).

        Raises ValueError for a rule other than "standard" where there is no ReLU to apply it to.
        """
        low, high = network.value_range
        distance = image.array - (low + self.baseline * (high - low))
        products = network.gradient(image, target, self.relu) * distance
        notes = () if self.relu == "standard" else of_rewritten_gradient(*network.gates(None, target, self.relu))
        yield Result(products.sum(axis=-1), signed=True, unit="score", notes=notes)
