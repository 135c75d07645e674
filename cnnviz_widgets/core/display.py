"""From numbers to pixels: limits, laying a map over its image, colours, tiles. NumPy only.

The live view does the same arithmetic in the browser (``live_scene.js``). These functions serve the
matplotlib views, saved pictures and code without a browser.
"""

import math

import numpy as np
import numpy.typing as npt

NOT_A_NUMBER = 128  # the grey of cells that hold NaN or infinity


# ---- Limits


def limits(values: npt.ArrayLike, signed: bool, percentile: float = 99.0) -> tuple[float, float]:
    """Return (low, high) between which a map's colours run; low < high always.

    Signed: symmetric about zero, at the given percentile of the absolute values. Unsigned: from
    zero to the percentile. Values that are not finite do not count. Where the percentile is zero
    but some value is not (a sparse map), the limit is the largest value; where all are zero, 1.
    ``outliers_cut`` gives the share of the map that lies beyond.

    >>> limits([-4.0, 0.0, 2.0], signed=True, percentile=100)
    (-4.0, 4.0)
    """
    if not 0 <= percentile <= 100:
        raise ValueError(f"A percentile lies between 0 and 100. Received: {percentile}.")
    finite = _finite(values)
    sizes = np.abs(finite) if signed else finite
    high = 0.0
    if sizes.size:
        high = float(np.percentile(sizes, percentile))
        if high <= 0:
            high = float(sizes.max())
    if high <= 0:
        high = 1.0
    return (-high if signed else 0.0), high


def outliers_cut(values: npt.ArrayLike, limits: tuple[float, float]) -> float:
    """Return the share, 0 to 1, of the finite values that lie beyond the limits and so look like them."""
    finite = _finite(values)
    low, high = limits
    return float(np.mean((finite < low) | (finite > high))) if finite.size else 0.0


def _finite(values):
    # float64: a percentile between two float32 neighbours must not overflow
    values = np.asarray(values, np.float64)
    return values[np.isfinite(values)]


# ---- A map on its image


def resize_map(values: npt.ArrayLike, height: int, width: int) -> np.ndarray:
    """Return a map (rows, columns) resized to a grid of (height, width), float32.

    Half-pixel centres: cell k of n covers the pixels from k * height / n to (k + 1) * height / n,
    and its value is exact at the middle. Enlarging is bilinear and repeats the edge beyond the
    outermost middles; shrinking takes the mean over the area of each pixel; each axis is resized by
    itself. A pixel to which a NaN or infinite cell would contribute is NaN.

    >>> resize_map([[0.0, 4.0]], 1, 4)
    array([[0., 1., 3., 4.]], dtype=float32)
    """
    values = np.asarray(values, np.float32)
    if values.ndim != 2 or values.size == 0 or height < 1 or width < 1:
        raise ValueError(
            "A map (rows, columns) is resized to a height and width of at least 1."
            f" Received: a map of {values.shape} for {height}×{width}."
        )
    down, across = _weights(len(values), height), _weights(values.shape[1], width).T
    lost = ~np.isfinite(values)
    # In float64, so that rounding to float32 stays within the map's own least and greatest.
    resized = (down @ np.where(lost, 0, values).astype(np.float64) @ across).astype(np.float32)
    if lost.any():
        resized[down @ lost @ across > 0] = np.nan
    return resized


def _weights(cells, pixels):
    """Return the weight of each cell in each pixel, (pixels, cells) float64; every row sums to 1."""
    if pixels == cells:
        return np.eye(cells)
    if pixels > cells:
        middle = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
        return np.maximum(0, 1 - np.abs(middle[:, None] - np.arange(cells)))
    begin = np.arange(pixels)[:, None] * cells / pixels
    end = (np.arange(pixels)[:, None] + 1) * cells / pixels
    cell = np.arange(cells)
    overlap = np.clip(np.minimum(end, cell + 1) - np.maximum(begin, cell), 0, None)
    return overlap / overlap.sum(axis=1, keepdims=True)


def blend(
    rgb: npt.ArrayLike, values: npt.ArrayLike, limits: tuple[float, float], lut: npt.ArrayLike, opacity: float
) -> np.ndarray:
    """Return a map in colours over its picture, (height, width, 3) uint8.

    ``rgb`` is the picture, (height, width, 3) 0..255; ``values`` the map, (height, width); ``lut``
    the colours from low to high, (colours, 3) 0..255; ``opacity`` that of the map, 0 to 1. Values
    beyond the limits take the outermost colour; those that are not finite are grey.
    """
    rgb, values, lut = np.asarray(rgb), np.asarray(values, np.float64), np.asarray(lut)
    low, high = (float(end) for end in limits)
    if rgb.shape != (*values.shape, 3) or values.ndim != 2:
        raise ValueError(
            "A picture (height, width, 3) and a map (height, width) of one size are blended."
            f" Received: {rgb.shape} and {values.shape}."
        )
    if lut.ndim != 2 or lut.shape[1] != 3 or len(lut) < 2:
        raise ValueError(f"Colours are (colours, 3), at least two. Received: {lut.shape}.")
    if not low < high or not 0 <= opacity <= 1:
        raise ValueError(
            "Limits are (low, high), low below high, and opacity is 0 to 1."
            f" Received: limits {limits}, opacity {opacity}."
        )
    finite = np.isfinite(values)
    share = np.clip((np.where(finite, values, low) - low) / (high - low), 0, 1)
    index = np.floor(share * (len(lut) - 1) + 0.5).astype(int)  # halves go up, as Math.round does
    colours = np.where(finite[..., None], lut[index], NOT_A_NUMBER)
    mixed = rgb * (1 - opacity) + colours * opacity
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


# ---- Tiles


def tile(arrays: npt.ArrayLike, columns: int | None = None, gap: int = 1, fill: float | None = None) -> np.ndarray:
    """Return many pictures (n, height, width[, channels]) as one mosaic, row by row.

    ``columns`` defaults to a mosaic about as wide as it is high; ``gap`` px lie between tiles, none
    around them. Gaps and places without a tile hold ``fill``: NaN for floats, which matplotlib and
    ``blend`` draw without a colour, and the type's greatest value (white) for integers.

    >>> tile(np.array([[[1]], [[2]], [[3]]], np.uint8), columns=2)
    array([[  1, 255,   2],
           [255, 255, 255],
           [  3, 255, 255]], dtype=uint8)
    """
    arrays = np.asarray(arrays)
    if arrays.ndim not in (3, 4) or arrays.size == 0:
        raise ValueError(
            f"Tiles are (n, height, width) or (n, height, width, channels), each at least 1. Received: {arrays.shape}."
        )
    count, height, width = arrays.shape[:3]
    across = min(count, max(1, round(math.sqrt(count * height / width)))) if columns is None else columns
    if across < 1 or gap < 0:
        raise ValueError(
            f"A mosaic needs at least one column and a gap of 0 or more. Received: columns={columns}, gap={gap}."
        )
    if fill is None:
        integers = np.issubdtype(arrays.dtype, np.integer)
        fill = np.iinfo(arrays.dtype).max if integers else np.nan
    rows = -(-count // across)
    step_down, step_across = height + gap, width + gap
    cells = np.full((rows * across, step_down, step_across, *arrays.shape[3:]), fill, arrays.dtype)
    cells[:count, :height, :width] = arrays
    cells = cells.reshape(rows, across, *cells.shape[1:]).swapaxes(1, 2)
    mosaic = cells.reshape(rows * step_down, across * step_across, *arrays.shape[3:])
    return mosaic[: rows * step_down - gap, : across * step_across - gap]
