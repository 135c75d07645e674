"""Grad-CAM: the regions where a layer's activations speak for a class.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
section 3, equations 1 and 2 (arXiv:1610.02391).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice, switch
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.cams import finished, ruled

from .gradient import RELU

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class GradCAM(Method):
    """The sum of the layer's channels, each weighted by the mean gradient of the score.

    (rows, columns) of the layer's grid; score units per cell (a gradient is score per activation); never negative with
    the final ReLU, and without it negative where the layer speaks against the target.
    """

    title = "Grad-CAM"
    family = "class activation map"
    summary = "Regions of a layer that speak for the target."
    paper = "Selvaraju et al. 2017, arXiv:1610.02391"
    uses: ClassVar[tuple[str, ...]] = ("image", "target", "layer")
    leads = True
    fuses_layers = True

    relu: str = choice("standard", RELU, help="Rule by which ReLUs behind the layer pass the gradient back.")
    final_relu: bool = switch(True, help="Keep only what speaks for the target, as in the paper.")

    def run(self, network: "Network", image: InputImage, target: Target, layer: str) -> Iterator[Result]:
        """Yield one result, (rows, columns)."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        alpha = gradient.mean(axis=(0, 1))  # eq. 1: one weight per channel
        cam = activations @ alpha  # eq. 2, before its ReLU
        notes = ruled(network, layer, target, self.relu)
        yield finished(cam, layer, self.final_relu, "score / cell", notes)
