"""XGrad-CAM: Grad-CAM whose mean gradient counts a place by how active it is.

Fu, Hu, Dong, Guo, Gao, Li, "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", BMVC 2020
(arXiv:2008.02312).

We differ in one point: no small number is added to the sum of activations by which is divided. A channel whose sum is
zero counts as nothing, and where sums are small since signs cancel, a note says so.
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice, switch
from cnnviz_widgets.maps.cams import cancelled, finished, ruled

from .gradient import RELU


@register
@dataclass(frozen=True)
class XGradCAM(Method):
    """The layer's channels, each weighted by the mean gradient of the score, weighted by the activations, summed.

    (rows, columns) of the layer's grid; score units for each cell; with the final ReLU never negative, without it
    negative where the layer speaks against the target. Without it the sum over the places is that of gradient ×
    activation: what the layer adds to the score, to first order.
    """

    title = "XGrad-CAM"
    family = "class activation map"
    summary = "Where the activations of a layer speak for the target, with gradients counted where it is active."
    paper = "Fu et al. 2020, arXiv:2008.02312"
    uses = ("image", "target", "layer")
    fuses_layers = True

    relu: str = choice("standard", RELU, help="What a ReLU behind the layer does to the gradient on its way back.")
    final_relu: bool = switch(True, help="Keep only what speaks for the target, as Grad-CAM does.")

    def run(self, network, image, target, layer):
        """Yield one result."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        total = activations.sum(axis=(0, 1))
        products = (gradient * activations).sum(axis=(0, 1))
        weights = np.divide(products, total, out=np.zeros_like(products), where=total != 0)
        notes = ruled(network, layer, target, self.relu) + cancelled(activations)
        yield finished(activations @ weights, layer, self.final_relu, "score / cell", notes)
