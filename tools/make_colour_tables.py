"""Write the colour tables of the package from those of matplotlib.

python tools/make_colour_tables.py
"""

import matplotlib
import numpy as np

from cnnviz_widgets.core.colours import COLORMAPS, LUT_ENTRIES, TABLES


def table(name):
    """Return matplotlib's colours of a map, (`LUT_ENTRIES`, 3) uint8 RGB."""
    colours = matplotlib.colormaps[name].resampled(LUT_ENTRIES)(np.linspace(0, 1, LUT_ENTRIES))
    return np.rint(colours[:, :3] * 255).astype(np.uint8)


def main():
    """Write the file."""
    np.savez_compressed(TABLES, **{name: table(name) for family in COLORMAPS.values() for name in family})


if __name__ == "__main__":
    main()
