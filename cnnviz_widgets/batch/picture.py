"""A result as a picture file shows it: the map over its image, in the colours with which the live view begins."""

from typing import Any

import numpy as np

from cnnviz_widgets.core.colours import COLORMAPS, family_of, lookup_table
from cnnviz_widgets.core.display import blend, limits, resize_map, tile
from cnnviz_widgets.core.result import MAP, Result

OPACITY = 0.6
LEAST_SIDE = 224  # px; smaller images are enlarged by a whole number


def picture_of(result: Result) -> np.ndarray:
    """Return a map over its image, or anything else side by side, as (height, width, 3) uint8."""
    low_high, table = limits(result.array, result.signed), lookup_table(COLORMAPS[family_of(result.signed)][0])
    if result.axes != MAP:
        planes = result.array if result.axes[0] == "tile" else np.moveaxis(result.array, -1, 0)
        values = tile(planes)
        return blend(np.zeros((*values.shape, 3)), values, low_high, table, 1.0)
    image: Any = result.request.image  # a map lies over one
    rgb = image.rgb(result.request.network.value_range)
    times = max(1, -(-LEAST_SIDE // max(rgb.shape[:2])))
    rgb = rgb.repeat(times, axis=0).repeat(times, axis=1)
    return blend(rgb, resize_map(result.array, *rgb.shape[:2]), low_high, table, OPACITY)
