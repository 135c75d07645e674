"""`LayerInfo`: the facts of one of a network's layers, and `AttentionInfo`: those of one of its attentions."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LayerInfo:
    """One layer as it is called in the network. Sizes are None where they depend on the image."""

    path: str  # "stem_conv", or "base/conv2" inside a nested model; "conv@2" where it is used a second time
    kind: str  # Keras's class name, "Conv2D"
    output_shape: tuple[int | None, ...]  # (height, width, channels) for a layer with a spatial output
    parameters: int
    layer: Any = field(repr=False, compare=False)  # None for maps between layers
    dtype: str = "float32"  # of its output
    of_image: bool = True  # the image that is explained reaches it
    mirrored: bool = False  # its rows and columns do not run as the image's do
    shared: bool = False  # it depends on another image too
    grid: bool = True  # an output of three axes is laid out as the image is, not as tokens x heads or as one window

    @property
    def spatial(self) -> bool:
        """True where the output is a grid of channels, (height, width, channels), laid out as the image is."""
        return self.grid and len(self.output_shape) == 3

    @property
    def tells_places_apart(self) -> bool:
        """True for a grid of the image with more than one cell, as far as is known before there is an image."""
        return self.spatial and self.of_image and self.output_shape[:2] != (1, 1)

    @property
    def channels(self) -> int | None:
        """The number of channels or units: the length of the last axis."""
        return self.output_shape[-1] if self.output_shape else None

    @property
    def size(self) -> str:
        """The output shape in words, "7×7×1280"; "?" stands for a size that depends on the image."""
        return "×".join("?" if n is None else str(n) for n in self.output_shape)

    @property
    def has_kernels(self) -> bool:
        """True for a convolution in two dimensions, of any kind."""
        return self._kernel_name is not None

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """(kernel height, kernel width, input channels, filters) of a convolution, without reading the weights."""
        shape = tuple(getattr(self.layer, self._checked_kernel_name()).shape)
        height, width, inputs, filters = self._in_order(np.empty(shape, np.bool_)).shape
        return height, width, inputs, filters

    def kernels(self) -> np.ndarray:
        """Return the kernels, (kernel height, kernel width, input channels, filters), float32.

        A depthwise convolution has one input channel for each filter: (height, width, 1, filters). A separable one
        gives its depthwise kernels. Raises ValueError for a layer that is not a convolution in two dimensions.
        """
        return self._in_order(np.asarray(getattr(self.layer, self._checked_kernel_name()), np.float32))

    def _checked_kernel_name(self) -> str:
        if self._kernel_name is None:
            raise ValueError(
                f"Only convolutions in two dimensions have kernels to look at. Received: {self.path!r}, a {self.kind}."
            )
        return self._kernel_name

    @property
    def _kernel_name(self) -> str | None:
        # A quantised layer offers its de-quantised kernel under the same name.
        for name in ("depthwise_kernel", "kernel"):
            if len(getattr(getattr(self.layer, name, None), "shape", ())) == 4:
                return name
        return None

    def _in_order(self, kernel: np.ndarray) -> np.ndarray:
        if self._kernel_name == "depthwise_kernel" or self.kind == "DepthwiseConv2D":
            return kernel.reshape(*kernel.shape[:2], 1, -1)
        if "Transpose" in self.kind:
            return kernel.swapaxes(2, 3)  # Keras keeps (height, width, filters, input channels) here
        return kernel


@dataclass(frozen=True)
class AttentionInfo(LayerInfo):
    """The attention matrices of one layer; `output_shape` is (heads, queries, keys).

    The keys are tokens, each one number along the last axis: `before` tokens without a place in the image (class and
    register tokens), then the `cells` of the grid row by row, then perhaps more without a place.
    """

    grid: bool = False  # its axes are no rows and columns
    cells: tuple[int, int] | None = None  # (rows, columns); None for attention over other things than the whole image
    before: int = 0
    among_tokens: bool = False  # the queries are the same tokens as the keys
    alone: bool = True  # nothing mixes tokens of the image by one another but the attentions that are known

    @property
    def over_image(self) -> bool:
        """True where each key is a cell of one grid over the whole image, or one of a few tokens beside the cells."""
        return self.cells is not None

    @property
    def heads(self) -> int:
        """The number of heads."""
        return self.output_shape[0] or 1
