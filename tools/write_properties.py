"""Write `docs/properties.md`: the properties that the package is tested for, and the bugs that each of them catches.

    python tools/write_properties.py

A test compares the page with the table, and says to run this when they differ.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "properties.md"


def main():
    """Write the page."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(ROOT / "tests"))
    from properties import TABLE
    from properties.page import page

    PAGE.write_text(page(TABLE), encoding="utf-8")


if __name__ == "__main__":
    main()
