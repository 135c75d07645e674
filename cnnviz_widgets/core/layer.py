"""What the network tells of one of its layers."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class LayerInfo:
    """One layer as it is called in the network. Sizes are None where they depend on the image."""

    path: str  # "stem_conv", or "base/conv2" inside a nested model; "conv@2" where it is used a second time
    kind: str  # Keras's class name, "Conv2D"
    output_shape: tuple  # (height, width, channels) for a layer with a spatial output
    parameters: int
    layer: object = field(repr=False, compare=False)
    dtype: str = "float32"  # of its output

    @property
    def spatial(self):
        """True where the output is a grid of channels, (height, width, channels)."""
        return len(self.output_shape) == 3

    @property
    def channels(self):
        """How many channels or units the layer has: the length of its last axis."""
        return self.output_shape[-1] if self.output_shape else None

    @property
    def size(self):
        """The output shape in words, "7×7×1280"; "?" stands for a size that depends on the image."""
        return "×".join("?" if n is None else str(n) for n in self.output_shape)

    @property
    def has_kernels(self):
        """True for a convolution in two dimensions, of any kind."""
        return self._kernel_name is not None

    @property
    def kernel_shape(self):
        """(kernel height, kernel width, input channels, filters) of a convolution, without reading the weights."""
        shape = tuple(getattr(self.layer, self._kernel_name).shape)
        return self._in_order(np.empty(shape, np.bool_)).shape

    def kernels(self):
        """The kernels of a convolution, (kernel height, kernel width, input channels, filters), float32.

        A depthwise convolution has one input channel for each filter: (height, width, 1, filters). Of a separable
        one these are the depthwise kernels. Raises ValueError for what is no convolution in two dimensions.
        """
        if self._kernel_name is None:
            raise ValueError(
                f"Only convolutions in two dimensions have kernels to look at. Received: {self.path!r}, a {self.kind}."
            )
        kernel = np.asarray(getattr(self.layer, self._kernel_name), np.float32)
        return self._in_order(kernel)

    @property
    def _kernel_name(self):
        # A quantised layer offers its de-quantised kernel under the same name.
        for name in ("depthwise_kernel", "kernel"):
            if len(getattr(getattr(self.layer, name, None), "shape", ())) == 4:
                return name
        return None

    def _in_order(self, kernel):
        if self._kernel_name == "depthwise_kernel" or self.kind == "DepthwiseConv2D":
            return kernel.reshape(*kernel.shape[:2], 1, -1)
        if "Transpose" in self.kind:
            return kernel.swapaxes(2, 3)  # Keras keeps (height, width, filters, input channels) here
        return kernel
