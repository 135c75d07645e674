"""HiResCAM: Grad-CAM without averaging the gradient over the places.

Draelos, Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks", 2020
(arXiv:2011.08891).

We differ in one point: the final ReLU, which belongs to Grad-CAM, is kept as a switch, so that the two can be compared.
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
class HiResCAM(Method):
    """Each activation times the score's gradient at its own place, summed over the channels.

    (rows, columns) of the layer's grid; score units per cell; never negative with the final ReLU, and without it
    negative where a place lowers the score. Without it the sum over the places is the score up to a constant, if
    everything behind the layer is linear. In front of global average pooling and a dense layer it equals Grad-CAM: both
    are the original CAM divided by the number of cells.
    """

    title = "HiResCAM"
    family = "class activation map"
    summary = "Regions of a layer that raise the score, each place weighted by its own gradient."
    paper = "Draelos & Carin 2020, arXiv:2011.08891"
    uses: ClassVar[tuple[str, ...]] = ("image", "target", "layer")
    fuses_layers = True

    relu: str = choice("standard", RELU, help="Rule by which ReLUs behind the layer pass the gradient back.")
    final_relu: bool = switch(True, help="Keep only what raises the score, as Grad-CAM does.")

    def run(self, network: "Network", image: InputImage, target: Target, layer: str) -> Iterator[Result]:
        """Yield one result, (rows, columns)."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        cam = (gradient * activations).sum(axis=-1)
        notes = ruled(network, layer, target, self.relu)
        yield finished(cam, layer, self.final_relu, "score / cell", notes)
