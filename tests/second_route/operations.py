"""The operations of the bundled networks and their derivatives, in NumPy alone.

Each has `forward(*inputs)` -> output and `backward(gradient, *inputs)` -> the gradient at each input. Arrays are
(n, height, width, channels). No line is shared with the package, nor with TensorFlow.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


@dataclass(frozen=True)
class Scale:
    factor: float
    offset: float = 0.0

    def forward(self, values):
        return values * self.factor + self.offset

    def backward(self, gradient, values):
        return (gradient * self.factor,)


@dataclass(frozen=True)
class Normalise:
    """Batch normalisation with stored statistics: an affine map a channel."""

    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float = 1e-3

    @property
    def factor(self):
        return self.gamma / np.sqrt(self.variance + self.epsilon)

    def forward(self, values):
        return (values - self.mean) * self.factor + self.beta

    def backward(self, gradient, values):
        return (gradient * self.factor,)


@dataclass(frozen=True)
class Relu:
    highest: float = np.inf

    def forward(self, values):
        return np.clip(values, 0, self.highest)

    def backward(self, gradient, values):
        return (gradient * ((values > 0) & (values < self.highest)),)


def margins(side, kernel, stride, same):
    """(before, after, outputs) along one side: TensorFlow puts the odd pixel of SAME padding at the end."""
    if not same:
        return 0, 0, (side - kernel) // stride + 1
    outputs = -(-side // stride)
    total = max((outputs - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2, outputs


@dataclass(frozen=True)
class Convolve:
    """A convolution as one matrix product: every patch a row, every filter a column."""

    kernel: np.ndarray  # (height, width, channels, filters)
    bias: np.ndarray | float = 0.0
    stride: int = 1
    same: bool = False

    def _margins(self, values):
        return [margins(side, self.kernel.shape[0], self.stride, self.same) for side in values.shape[1:3]]

    def forward(self, values):
        (top, bottom, rows), (left, right, columns) = self._margins(values)
        padded = np.pad(values, [(0, 0), (top, bottom), (left, right), (0, 0)])
        patches = sliding_window_view(padded, self.kernel.shape[:2], axis=(1, 2))[:, :: self.stride, :: self.stride]
        assert patches.shape[1:3] == (rows, columns)
        flat = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, self.kernel[..., 0].size)
        made = flat @ self.kernel.reshape(-1, self.kernel.shape[-1])
        return made.reshape(len(values), rows, columns, -1) + self.bias

    def backward(self, gradient, values):
        (top, bottom, rows), (left, right, columns) = self._margins(values)
        height, width = values.shape[1:3]
        spread = np.zeros((len(values), height + top + bottom, width + left + right, values.shape[-1]))
        for row in range(self.kernel.shape[0]):  # back to where each number of a patch came from
            for column in range(self.kernel.shape[1]):
                down = slice(row, row + self.stride * rows, self.stride)
                across = slice(column, column + self.stride * columns, self.stride)
                spread[:, down, across] += gradient @ self.kernel[row, column].T
        return (spread[:, top : top + height, left : left + width],)


@dataclass(frozen=True)
class ConvolveEach:
    """A depthwise convolution with SAME padding, one place of the kernel after the other."""

    kernel: np.ndarray  # (height, width, channels)
    stride: int = 1

    def _places(self, values):
        (top, bottom, rows), (left, right, columns) = (
            margins(side, len(self.kernel), self.stride, True) for side in values.shape[1:3]
        )
        views = [
            (self.kernel[row, column], (slice(None), slice(row, row + self.stride * rows, self.stride),
             slice(column, column + self.stride * columns, self.stride)))
            for row in range(len(self.kernel)) for column in range(len(self.kernel))
        ]  # fmt: skip
        return [(0, 0), (top, bottom), (left, right), (0, 0)], views

    def forward(self, values):
        margin, views = self._places(values)
        padded = np.pad(values, margin)
        return sum(padded[view] * weight for weight, view in views)

    def backward(self, gradient, values):
        (_, (top, bottom), (left, right), _), views = self._places(values)
        n, height, width, channels = values.shape
        spread = np.zeros((n, height + top + bottom, width + left + right, channels))
        for weight, view in views:
            spread[view] += gradient * weight
        return (spread[:, top : top + height, left : left + width],)


@dataclass(frozen=True)
class Largest:
    """The largest of each block of 2×2; the gradient goes to the first one that is."""

    def forward(self, values):
        return self._blocks(values).max(axis=-1)

    def backward(self, gradient, values):
        blocks = self._blocks(values)
        n, rows, columns, channels, _ = blocks.shape
        chosen = np.zeros(blocks.shape)
        np.put_along_axis(chosen, blocks.argmax(axis=-1)[..., None], gradient[..., None], axis=-1)
        spread = np.zeros(values.shape)
        laid = chosen.reshape(n, rows, columns, channels, 2, 2).transpose(0, 1, 4, 2, 5, 3)
        spread[:, : 2 * rows, : 2 * columns] = laid.reshape(n, 2 * rows, 2 * columns, channels)
        return (spread,)

    def _blocks(self, values):
        n, height, width, channels = values.shape
        rows, columns = height // 2, width // 2
        blocks = values[:, : 2 * rows, : 2 * columns].reshape(n, rows, 2, columns, 2, channels)
        return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(n, rows, columns, channels, 4)


@dataclass(frozen=True)
class Flatten:
    def forward(self, values):
        return values.reshape(len(values), -1)

    def backward(self, gradient, values):
        return (gradient.reshape(values.shape),)


@dataclass(frozen=True)
class MeanOfPlaces:
    def forward(self, values):
        return values.mean(axis=(1, 2))

    def backward(self, gradient, values):
        cells = values.shape[1] * values.shape[2]
        return (np.broadcast_to(gradient[:, None, None] / cells, values.shape),)


@dataclass(frozen=True)
class Dense:
    kernel: np.ndarray
    bias: np.ndarray

    def forward(self, values):
        return values @ self.kernel + self.bias

    def backward(self, gradient, values):
        return (gradient @ self.kernel.T,)


@dataclass(frozen=True)
class Add:
    def forward(self, one, other):
        return one + other

    def backward(self, gradient, one, other):
        return gradient, gradient
