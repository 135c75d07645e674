"""LayerCAM: activations weighted by their own positive gradients, made for early and fine layers as well.

Jiang, Zhang, Hou, Cheng, Wei, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE
Transactions on Image Processing 2021, section III (doi:10.1109/TIP.2021.3089943).

We differ in one point: the paper passes maps of early layers through a tanh before fusing them with later ones. This is
one layer's map as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.cams import finished, ruled

from .gradient import RELU

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class LayerCAM(Method):
    """Each activation times the positive part of the score's gradient at its place, summed over the channels.

    (rows, columns) of the layer's grid; score units per cell; never negative, because the final ReLU is always on:
    behind a ReLU neither weights nor activations are negative, so it changes nothing.
    """

    title = "LayerCAM"
    family = "class activation map"
    summary = "Places where a layer is active and more activation would raise the score; fine detail in early layers."
    paper = "Jiang et al. 2021, doi:10.1109/TIP.2021.3089943"
    uses: ClassVar[tuple[str, ...]] = ("image", "target", "layer")
    fuses_layers = True

    relu: str = choice("standard", RELU, help="Rule by which ReLUs behind the layer pass the gradient back.")

    def run(self, network: "Network", image: InputImage, target: Target, layer: str) -> Iterator[Result]:
        """Yield one result, (rows, columns)."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        weights = np.maximum(gradient, 0)  # one for each place of each channel
        notes = ruled(network, layer, target, self.relu)
        yield finished((weights * activations).sum(axis=-1), layer, True, "score / cell", notes)
