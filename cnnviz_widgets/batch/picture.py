"""A result as a picture file shows it: the map over its image, in the colours of the live view."""

from functools import cache

import numpy as np

from cnnviz_widgets.core.display import blend, limits, resize_map, tile
from cnnviz_widgets.core.result import MAP

# (unsigned, signed), as the live view begins.
COLOURS = ("viridis", "RdBu_r")
ENTRIES = 257  # odd, so that zero has a colour of its own
OPACITY = 0.6
LEAST_SIDE = 224  # px; smaller images are enlarged by a whole number


def picture_of(result):
    """(height, width, 3) uint8: a map over its image, anything else side by side."""
    low_high, table = limits(result.array, result.signed), _colours(result.signed)
    if result.axes != MAP:
        planes = result.array if result.axes[0] == "tile" else np.moveaxis(result.array, -1, 0)
        values = tile(planes)
        return blend(np.zeros((*values.shape, 3)), values, low_high, table, 1.0)
    rgb = result.request.image.rgb(result.request.network.value_range)
    times = max(1, -(-LEAST_SIDE // max(rgb.shape[:2])))
    rgb = rgb.repeat(times, axis=0).repeat(times, axis=1)
    return blend(rgb, resize_map(result.array, *rgb.shape[:2]), low_high, table, OPACITY)


@cache
def _colours(signed):
    import matplotlib

    colours = matplotlib.colormaps[COLOURS[signed]].resampled(ENTRIES)(np.linspace(0, 1, ENTRIES))
    return np.rint(colours[:, :3] * 255)
