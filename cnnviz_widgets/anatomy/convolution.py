"""The arithmetic behind one number of a feature map: patch × kernel, summed, plus bias, through the activation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz_widgets.engine.keras_layers import activation_of, convolution_kind
from cnnviz_widgets.engine.op_kinds import CONVOLUTIONS

if TYPE_CHECKING:
    from cnnviz_widgets.core.image import ImageLike
    from cnnviz_widgets.network import Network


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of the sum behind one number. Axes are (kernel height, kernel width, input channel)."""

    patch: np.ndarray  # the numbers under the kernel, zero in the padding
    inside: np.ndarray  # (kernel height, kernel width) of bool: False in the padding
    kernel: np.ndarray
    input_channels: np.ndarray  # (input channel,): the index of each among the layer's inputs
    bias: float | None  # None for a layer without one
    activation: str | None  # the name of the function of the sum, None for the identity
    value: float  # the number itself, float64 arithmetic
    mixes: bool = False  # the activation also looks at the sums of the other channels, as a softmax does

    @property
    def contributions(self) -> np.ndarray:
        """The sums of patch × kernel over the places, (input channel,)."""
        return (self.patch * self.kernel).sum(axis=(0, 1))

    @property
    def total(self) -> float:
        """The number before the activation: the sum of all products, plus the bias."""
        return float(self.contributions.sum() + (self.bias or 0))

    def largest(self, count: int) -> np.ndarray:
        """The positions (count,) of the input channels that contribute most, in absolute value, the largest first."""
        return np.argsort(-np.abs(self.contributions), kind="stable")[:count]


@dataclass(frozen=True, eq=False)
class Convolution:
    """One convolution of a network as numbers.

    `kernel` is (kernel height, kernel width, input channels of a group, filters); a depthwise one has as many groups as
    input channels. For a separable convolution it is the depthwise kernels mixed by the pointwise ones: the same
    function in one step. `stride` and `dilation` are (down, across).
    """

    path: str
    kernel: np.ndarray
    bias: np.ndarray | None  # (filters,)
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: str  # "same" or "valid"
    groups: int
    activation: Callable[[Any], Any] | None = field(repr=False)
    input_tensor: str  # the name in the traced graph of the tensor that enters the convolution

    @classmethod
    def of(cls, network: "Network", layer: str) -> "Convolution":
        """The convolution at `layer`. Raises ValueError for a layer of another kind."""
        info = network.layer(layer)
        made, kind = info.layer, convolution_kind(info.layer)
        if kind is None:
            raise ValueError(
                "Patch × kernel + bias needs a convolution in two dimensions, not transposed"
                f"{_nearest(network, info)}. Received: {info.path!r}, a {info.kind}."
            )
        engine, separable = network.traced_engine, kind == "SeparableConv2D"
        source = _input_of(engine.traced.graph.tensor(engine.tensors[info.path]), separable)
        kernel = _separable(made) if separable else info.kernels().astype(np.float64)
        return cls(
            path=info.path,
            kernel=kernel,
            bias=None if made.bias is None else np.asarray(made.bias, np.float64),
            stride=tuple(made.strides),
            dilation=tuple(made.dilation_rate),
            padding=made.padding,
            groups=source.shape[-1] // kernel.shape[2],
            activation=activation_of(made),
            input_tensor=source.name,
        )

    def inputs(self, network: "Network", image: "ImageLike") -> np.ndarray:
        """The input of the convolution for an image, (rows, columns, input channels)."""
        return network.traced_engine.values(network.batch(image).array, self.input_tensor)[0][0]

    def terms(self, inputs: np.ndarray, row: int, column: int, channel: int) -> Terms:
        """The Terms of cell (row, column) of output `channel`; `inputs` are (rows, columns, input channels)."""
        size, count = self.kernel.shape[:2], self.kernel.shape[2]
        first = channel // (self.kernel.shape[3] // self.groups) * count
        places = [
            _places(at, length, extent, stride, dilation, self.padding)
            for at, length, extent, stride, dilation in zip(
                (row, column), inputs.shape[:2], size, self.stride, self.dilation, strict=True
            )
        ]
        inside = np.logical_and.outer(*((at >= 0) & (at < n) for at, n in zip(places, inputs.shape, strict=False)))
        down, across = (np.clip(at, 0, n - 1) for at, n in zip(places, inputs.shape, strict=False))
        whole = inputs[np.ix_(down, across)].astype(np.float64) * inside[..., None]
        totals = self._totals(whole)
        value, others = self._activated(totals)[channel], np.arange(len(totals)) != channel
        return Terms(
            patch=whole[..., first : first + count],
            inside=inside,
            kernel=self.kernel[..., channel],
            input_channels=np.arange(first, first + count),
            bias=None if self.bias is None else float(self.bias[channel]),
            activation=None if self.activation is None else getattr(self.activation, "__name__", "activation"),
            value=float(value),
            mixes=bool(self._activated(totals + others)[channel] != value),
        )

    def _totals(self, whole):
        """The sums before the activation in one cell, (filters,); `whole` is the patch of all input channels."""
        patches = np.split(whole, self.groups, axis=-1)
        kernels = np.split(self.kernel, self.groups, axis=-1)
        sums = [np.einsum("hwi,hwif->f", *pair) for pair in zip(patches, kernels, strict=True)]
        return np.concatenate(sums) + (0 if self.bias is None else self.bias)

    def _activated(self, totals):
        """The numbers of a cell behind the activation, which may look at all of them, as a softmax does."""
        if self.activation is None:
            return totals
        cell = totals.astype(np.float32)[np.newaxis, np.newaxis, np.newaxis]
        return np.asarray(self.activation(cell))[0, 0, 0]


def _nearest(network, info):
    """A hint at the last convolution that runs before this layer."""
    before = network.layers[: network.layers.index(info)]
    known = [one.path for one in before if one.has_kernels and "Transpose" not in one.kind]
    return f": the one before is {known[-1]!r}" if known else ""


def _places(at, length, size, stride, dilation, padding):
    """The places of the input, along one axis, under the kernel of output cell `at`; those outside are padding."""
    reach = (size - 1) * dilation + 1
    cells = -(-length // stride)
    before = max((cells - 1) * stride + reach - length, 0) // 2 if padding == "same" else 0
    return at * stride - before + dilation * np.arange(size)


def _input_of(tensor, separable):
    """The tensor that enters the convolution in front of `tensor`."""
    source = _convolution_before(tensor).inputs[0]
    if separable:  # this one is pointwise; the depthwise one feeds it
        source = _convolution_before(source).inputs[0]
    # TensorFlow writes some dilated convolutions as undilated ones of the same numbers at other places.
    return source.op.inputs[0] if source.op.type == "SpaceToBatchND" else source


def _convolution_before(tensor):
    waiting, seen = [tensor.op], set()
    while waiting:
        operation = waiting.pop(0)
        if operation.type in CONVOLUTIONS:
            return operation
        fresh = [source.op for source in operation.inputs if source.op not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    raise ValueError(
        f"A convolution must be in the traced graph as one of {sorted(CONVOLUTIONS)}. Received: {tensor.name}."
    )


def _separable(layer):
    depthwise = np.asarray(layer.depthwise_kernel, np.float64)
    pointwise = np.asarray(layer.pointwise_kernel, np.float64)[0, 0]
    mixing = pointwise.reshape(*depthwise.shape[2:], -1)  # (input channel, multiple, filter)
    return np.einsum("hwim,imf->hwif", depthwise, mixing)
