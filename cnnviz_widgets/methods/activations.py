"""Feature maps: the response of each channel of a layer to the image.

Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4 (arXiv:1311.2901).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.core.result import TILES, Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.channels import in_order

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
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
    summary = "Response of each channel of a layer to this image."
    paper = "Zeiler & Fergus 2014, arXiv:1311.2901"
    uses: ClassVar[tuple[str, ...]] = ("image", "layer")
    makes_map = False

    order: str = choice(
        "channel",
        {
            "channel": "In the layer's own order.",
            "strongest first": "By the largest absolute value on this image.",
            "similarity": "Each followed by the one that correlates with it most, beginning with the most varied map.",
        },
        help="Order of the channels.",
    )

    def run(self, network: "Network", image: InputImage, layer: str) -> Iterator[Result]:
        """Yield one result, (channel, rows, columns)."""
        maps = np.moveaxis(network.activations(image, layer), -1, 0)
        order = ORDERS[self.order](maps)
        names = tuple(f"channel {index}" for index in order)
        maps = np.ascontiguousarray(maps[order])
        yield Result(maps, signed=bool(maps.min() < 0), unit="activation", axes=TILES, names=names)

    @classmethod
    def default_layer(cls, network: "Network", target: Target | None = None) -> str:
        """Return the path of the first layer with a spatial output that does more than rescale the image."""
        layers = cls.layers(network)
        first = next((info.path for info in layers if info.has_kernels and info.of_image), None)
        return first or super().default_layer(network, target)
