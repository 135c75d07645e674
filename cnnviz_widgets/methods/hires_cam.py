"""HiResCAM: Grad-CAM without the mean over places.

Draelos, Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks", 2020
(arXiv:2011.08891).

We differ in one point: the final ReLU, which belongs to Grad-CAM, is kept as a switch, so that the two can be compared.
"""

from dataclasses import dataclass

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice, switch
from cnnviz_widgets.maps.cams import finished, ruled

from .gradient import RELU


@register
@dataclass(frozen=True)
class HiResCAM(Method):
    """Each activation times the score's gradient at its own place, summed over the channels.

    (rows, columns) of the layer's grid; score units for each cell; with the final ReLU never negative, without it
    negative where a place lowers the score. Without it the sum over the places is the score but for a constant, if all
    behind the layer is linear. Over global average pooling and a dense layer it is Grad-CAM, times 1: both are the
    original CAM over the number of cells.
    """

    title = "HiResCAM"
    family = "class activation map"
    summary = "Where the activations of a layer raise the score, each place by its own gradient."
    paper = "Draelos & Carin 2020, arXiv:2011.08891"
    uses = ("image", "target", "layer")
    fuses_layers = True

    relu: str = choice("standard", RELU, help="What a ReLU behind the layer does to the gradient on its way back.")
    final_relu: bool = switch(True, help="Keep only what raises the score, as Grad-CAM does.")

    def run(self, network, image, target, layer):
        """Yield one result."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        cam = (gradient * activations).sum(axis=-1)
        notes = ruled(network, layer, target, self.relu)
        yield finished(cam, layer, self.final_relu, "score / cell", notes)
