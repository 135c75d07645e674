"""Filters: the kernels that a convolution has learned, as pictures.

Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, figure 3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import COLOUR_TILES, TILES, Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.channels import in_order, without_weights

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class Filters(Method):
    """The weights of a convolution, one tile per filter.

    (filter, height, width, channel) as colours where the layer sees three channels; otherwise one slice through the
    input channels, (filter, height, width). Raw weights; signed, except for the norm. A filter without weights (norm at
    most a millionth of the layer's largest) is named "zero weights": it answers every image with its bias.
    """

    title = "Filters"
    family = "what the network holds"
    summary = "The kernels that a convolution has learned."
    paper = "Krizhevsky et al. 2012, figure 3"
    uses: ClassVar[tuple[str, ...]] = ("layer",)
    makes_map = False

    slices: str = choice(
        "auto",
        {
            "auto": "Colours where the layer sees three channels, else the mean over its input channels.",
            "mean": "The mean over the input channels.",
            "norm": "The Euclidean norm over the input channels.",
            "one": "One input channel, chosen below.",
        },
        help="Reduction of a filter's input channels to one picture.",
    )
    input_channel: int = slider(0, 0, 63, help="The input channel that slices='one' shows.")

    order: str = choice(
        "channel",
        {
            "channel": "In the layer's own order.",
            "norm": "By the Euclidean norm of the whole filter, largest first.",
            "similarity": "Each followed by the one most like it (cosine of the whole filters), largest first.",
        },
        help="Order of the filters.",
    )

    def run(self, network: "Network", layer: str) -> Iterator[Result]:
        """Yield one result: (filter, height, width), or (filter, height, width, 3) as colours.

        Raises ValueError for an `input_channel` that the layer does not have.
        """
        kernels = np.moveaxis(network.kernels(layer), -1, 0)  # (filter, height, width, input channel)
        order, empty = in_order(kernels, self.order), without_weights(kernels)
        kernels, inputs = np.ascontiguousarray(kernels[order]), kernels.shape[-1]
        names = tuple(f"filter {index}{' · zero weights' if empty[index] else ''}" for index in order)
        notes = () if kernels.shape[1:3] != (1, 1) else (single_weights(),)
        if self.slices == "auto" and inputs == 3:
            yield Result(kernels, signed=True, unit="weight", axes=COLOUR_TILES, names=names, notes=notes)
            return
        tiles = self._slice(kernels)
        yield Result(tiles, signed=self.slices != "norm", unit="weight", axes=TILES, names=names, notes=notes)

    def _slice(self, kernels: np.ndarray) -> np.ndarray:
        """Return (filter, height, width) from kernels (filter, height, width, input channel)."""
        if self.slices == "norm":
            return np.linalg.norm(kernels, axis=-1)
        if self.slices != "one":
            return kernels.mean(axis=-1)
        inputs = kernels.shape[-1]
        if self.input_channel >= inputs:
            raise ValueError(
                f"input_channel must be below {inputs}, the number of channels that this layer sees. "
                f"Received: input_channel={self.input_channel}."
            )
        return np.ascontiguousarray(kernels[..., self.input_channel])

    @classmethod
    def layers(cls, network: "Network") -> Sequence[LayerInfo]:
        """Return the convolutions in two dimensions."""
        return tuple(info for info in network.layers if info.has_kernels)

    @classmethod
    def default_layer(cls, network: "Network", target: Target | None = None) -> str:
        """Return the path of the first convolution, the only one whose filters can be read as colours."""
        usable = cls.layers(network)
        return usable[0].path if usable else super().default_layer(network, target)

    @classmethod
    def slider_ends(cls, name: str, side: int, layer: LayerInfo | None = None) -> tuple[float, float, float]:
        """Return (lowest, highest, step); the slider of input channels ends at the layer's last one."""
        low, high, step = super().slider_ends(name, side, layer)
        if name == "input_channel" and layer is not None and layer.has_kernels:
            high = layer.kernel_shape[2] - 1
        return low, high, step


def single_weights() -> Note:
    """Return a note that a 1×1 convolution has no spatial shape."""
    return Note("single_weights", "The kernels are 1×1: a tile is one number, not a picture.")
