"""The colours of maps, for pictures and widgets alike. NumPy only.

The tables are matplotlib's; ``tools/make_colour_tables.py`` writes them.
"""

from functools import cache
from pathlib import Path

import numpy as np

TABLES = Path(__file__).with_name("colour_tables.npz")
# Names by kind of map; the first of each is the one to begin with. Sequential maps are for unsigned values.
COLORMAPS: dict[str, tuple[str, ...]] = {
    "sequential": ("viridis", "magma", "inferno", "cividis", "gray"),
    "diverging": ("RdBu_r", "PuOr_r", "coolwarm", "bwr"),
}
# Odd, so that a diverging colour map has an entry for exactly zero.
LUT_ENTRIES = 257


def family_of(signed: bool) -> str:
    """Return the key of `COLORMAPS` for signed or unsigned values."""
    return "diverging" if signed else "sequential"


@cache
def lookup_table(name: str) -> np.ndarray:
    """Return the colours of a map from low to high, (`LUT_ENTRIES`, 3) uint8 RGB, read-only."""
    with np.load(TABLES, allow_pickle=False) as tables:
        table = tables[name]
    table.setflags(write=False)
    return table
