"""Write docs/models.md: every method on every kind of model that the tests know.

Run `python -m tools.matrix` in the root of the repository, where the package's test requirements are installed.
`--show` prints the page instead of writing it. It takes a minute or two.
"""

import sys
from functools import cache
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main():
    """Run every method on every kind, and write the page."""
    sys.path.insert(0, str(ROOT / "tests"))
    import conftest
    import matrix
    from kinds import KINDS

    from cnnviz_widgets.methods import all_methods

    opened, image = cache(conftest.network_of_kind), conftest.image_for
    cells = {}
    for name, method in product(KINDS, all_methods()):
        found = matrix.verdict(method, name, opened, image)
        cells[name, method.__name__] = matrix.told(found, name)
        for fault in found.faults:
            print(f"{method.__name__} on {name}: {fault}", file=sys.stderr)
    page = matrix.table(cells)
    if "--show" in sys.argv:
        print(page)
    else:
        (ROOT / "docs" / "models.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
