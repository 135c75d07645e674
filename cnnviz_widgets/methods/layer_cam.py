"""LayerCAM: activations where their own gradients are positive, made for early and fine layers as well.

Jiang, Zhang, Hou, Cheng, Wei, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE
Transactions on Image Processing 2021, section III (doi:10.1109/TIP.2021.3089943).

We differ in one point: the paper passes maps of early layers through a tanh before it fuses them with later ones. This
is one layer's map as it is.
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.maps.cams import finished, ruled

from .gradient import RELU


@register
@dataclass(frozen=True)
class LayerCAM(Method):
    """Each activation times the score's gradient at its place, as far as that is positive, summed over the channels.

    (rows, columns) of the layer's grid; score units for each cell; never negative, for the final ReLU is always on:
    behind a ReLU neither weights nor activations are negative, so it changes nothing.
    """

    title = "LayerCAM"
    family = "class activation map"
    summary = "Where a layer is active and more of it would raise the score; fine detail in early layers."
    paper = "Jiang et al. 2021, doi:10.1109/TIP.2021.3089943"
    uses = ("image", "target", "layer")
    fuses_layers = True

    relu: str = choice("standard", RELU, help="What a ReLU behind the layer does to the gradient on its way back.")

    def run(self, network, image, target, layer):
        """Yield one result."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        weights = np.maximum(gradient, 0)  # one for each place of each channel
        notes = ruled(network, layer, target, self.relu)
        yield finished((weights * activations).sum(axis=-1), layer, True, "score / cell", notes)
