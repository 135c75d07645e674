"""Grad-CAM: where a layer's activations speak for a class.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
section 3, equations 1 and 2 (arXiv:1610.02391).
"""

from dataclasses import dataclass

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice, switch
from cnnviz_widgets.maps.cams import finished, ruled

from .gradient import RELU


@register
@dataclass(frozen=True)
class GradCAM(Method):
    """The layer's channels, each weighted by the mean gradient of the score, summed.

    (rows, columns) of the layer's grid; score units for each cell (a gradient is score per activation);
    with the final ReLU never negative, without it negative where the layer speaks against the target.
    """

    title = "Grad-CAM"
    family = "class activation map"
    summary = "Where the activations of a layer speak for the target."
    paper = "Selvaraju et al. 2017, arXiv:1610.02391"
    uses = ("image", "target", "layer")
    leads = True
    fuses_layers = True

    relu: str = choice("standard", RELU, help="What a ReLU behind the layer does to the gradient on its way back.")
    final_relu: bool = switch(True, help="Keep only what speaks for the target, as in the paper.")

    def run(self, network, image, target, layer):
        """Yield one result."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        alpha = gradient.mean(axis=(0, 1))  # eq. 1: one weight a channel
        cam = activations @ alpha  # eq. 2, before its ReLU
        notes = ruled(network, layer, target, self.relu)
        yield finished(cam, layer, self.final_relu, "score / cell", notes)
