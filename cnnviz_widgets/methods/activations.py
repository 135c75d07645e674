"""Feature maps: what each channel of a layer makes of the image.

Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4 (arXiv:1311.2901).
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.core.result import TILES, Result
from cnnviz_widgets.maps.channels import in_order

ORDERS = {
    "channel": lambda maps: np.arange(len(maps)),
    "strongest first": lambda maps: np.argsort(-np.abs(maps).max(axis=(1, 2)), kind="stable"),
    "similarity": lambda maps: in_order(maps - maps.mean(axis=(1, 2), keepdims=True), "similarity"),
}


@register
@dataclass(frozen=True)
class Activations(Method):
    """The output of a layer, channel by channel.

    (channel, rows, columns) of the layer's grid; activation units; signed where the layer gives negative values.
    """

    title = "Activations"
    family = "what the network holds"
    summary = "What each channel of a layer makes of this image."
    paper = "Zeiler & Fergus 2014, arXiv:1311.2901"
    uses = ("image", "layer")
    makes_map = False

    order: str = choice(
        "channel",
        {
            "channel": "In the layer's own order.",
            "strongest first": "By the largest absolute value on this image.",
            "similarity": "Each followed by the one that correlates with it most, from the most varied map on.",
        },
        help="In which order the channels stand.",
    )

    def run(self, network, image, layer):
        """Yield one result."""
        maps = np.moveaxis(network.activations(image, layer), -1, 0)
        order = ORDERS[self.order](maps)
        names = tuple(f"channel {index}" for index in order)
        maps = np.ascontiguousarray(maps[order])
        yield Result(maps, signed=bool(maps.min() < 0), unit="activation", axes=TILES, names=names)

    @classmethod
    def default_layer(cls, network):
        """The first layer with a spatial output that does more than rescale the image."""
        layers = cls.layers(network)
        return next((info.path for info in layers if info.has_kernels), super().default_layer(network))
