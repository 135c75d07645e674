"""XGrad-CAM: Grad-CAM with a mean gradient that is weighted by the activations.

Fu, Hu, Dong, Guo, Gao, Li, "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", BMVC 2020
(arXiv:2008.02312).

We differ in one point: no small number is added to the sum of activations that serves as the divisor. A channel whose
sum is zero counts as nothing, and where sums are small because signs cancel, a note says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice, switch
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.cams import cancelled, finished, ruled

from .gradient import RELU

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class XGradCAM(Method):
    """The sum of the layer's channels, each weighted by the score's gradient averaged in proportion to the activations.

    (rows, columns) of the layer's grid; score units per cell; never negative with the final ReLU, and without it
    negative where the layer speaks against the target. Without it the sum over the places is that of gradient ×
    activation: the layer's contribution to the score, to first order.
    """

    title = "XGrad-CAM"
    family = "class activation map"
    summary = "Regions of a layer that speak for the target, with gradients weighted by activation."
    paper = "Fu et al. 2020, arXiv:2008.02312"
    uses: ClassVar[tuple[str, ...]] = ("image", "target", "layer")
    fuses_layers = True

    relu: str = choice("standard", RELU, help="Rule by which ReLUs behind the layer pass the gradient back.")
    final_relu: bool = switch(True, help="Keep only what speaks for the target, as Grad-CAM does.")

    def run(self, network: "Network", image: InputImage, target: Target, layer: str) -> Iterator[Result]:
        """Yield one result, (rows, columns)."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        total = activations.sum(axis=(0, 1))
        products = (gradient * activations).sum(axis=(0, 1))
        weights = np.divide(products, total, out=np.zeros_like(products), where=total != 0)
        notes = ruled(network, layer, target, self.relu) + cancelled(activations)
        yield finished(activations @ weights, layer, self.final_relu, "score / cell", notes)
