"""Measure the distance of the package from the second route, and write `docs/second_route.md`.

python tools/write_second_route.py
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "second_route.md"


def main():
    """Compare, and write the page."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(ROOT / "tests"))
    from second_route.comparison import NETWORKS, Pair, page

    PAGE.write_text(page([row for name in NETWORKS for row in Pair(name).rows()]), encoding="utf-8")


if __name__ == "__main__":
    main()
