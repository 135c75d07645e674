"""The usual conventions of what networks take for pixels: ranges, and the standardisations by ImageNet's statistics."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

# {name: (mean, deviation, True for BGR)} of pixels from 0 to 255; the names are those of Keras.
STANDARDISATIONS = {
    "tf": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5), False),
    "torch": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), False),
    "caffe": ((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), True),
}


@dataclass(frozen=True)
class Standardisation:
    """A `preprocess` of that name, a key of `STANDARDISATIONS`, for images (n, height, width, 3) in `value_range`."""

    name: str
    value_range: tuple[float, float] = (0, 255)

    def __post_init__(self) -> None:
        if self.name not in STANDARDISATIONS:
            known = ", ".join(map(repr, STANDARDISATIONS))
            raise ValueError(f"preprocess must be a function, None, or one of {known}. Received: {self.name!r}.")

    def __call__(self, images: Any) -> Any:
        """The standardised images, of arrays or tensors. Raises ValueError for other images than of three colours."""
        if images.shape[-1] != 3:
            raise ValueError(
                f"preprocess={self.name!r} is for red, green and blue. Received: images of {images.shape[-1]} channels."
            )
        means, deviations, turned = STANDARDISATIONS[self.name]
        low, high = self.value_range
        step = (high - low) / 255
        scales = [1 / (step * deviation) for deviation in deviations]
        offsets = [(low / step + mean) / deviation for mean, deviation in zip(means, deviations, strict=True)]
        return (images[..., ::-1] if turned else images) * scales - offsets


def range_of(text: str) -> tuple[float, float]:
    """Return (low, high) of a text such as "0,1". Raises ValueError for anything else."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"A range is two numbers with a comma, the lower one first, as in 0,1. Received: {text!r}.")
    return low, high


@dataclass(frozen=True)
class PixelConvention:
    """One way to give a network its pixels: `value_range` and `preprocess` are those options of a Network.

    `words` go on behind "Pixels".
    """

    name: str
    words: str
    value_range: tuple[float, float] = (0, 255)
    preprocess: str | None = None

    def fits(self, channels: int) -> bool:
        """True for images of so many channels; a standardisation is for three."""
        return self.preprocess is None or channels == 3

    def of_bytes(self, pixels: np.ndarray) -> np.ndarray:
        """The model's input for pixels from 0 to 255: (..., channels) float32."""
        if self.preprocess is not None:
            return Standardisation(self.preprocess)(pixels).astype(np.float32)
        low, high = self.value_range
        return (low + pixels * ((high - low) / 255)).astype(np.float32)


# The first is the one that is assumed.
PIXEL_CONVENTIONS = (
    PixelConvention("0 to 255", "from 0 to 255"),
    PixelConvention("0 to 1", "from 0 to 1", (0, 1)),
    PixelConvention("−1 to 1", "from −1 to 1", (-1, 1)),
    PixelConvention("ImageNet (torch)", "less ImageNet's mean, by its deviation (torch)", preprocess="torch"),
    PixelConvention("ImageNet (caffe)", "in BGR, less ImageNet's mean (caffe)", preprocess="caffe"),
)
