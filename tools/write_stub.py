"""Write `cnnviz_widgets/__init__.pyi`: the public names for editors and type checkers, which cannot look names up.

    python tools/write_stub.py

A test compares the file with the package, and says to run this when they differ.
"""

from pathlib import Path

import cnnviz_widgets
from cnnviz_widgets.widgets.explorers import all_explorers

STUB = Path(cnnviz_widgets.__file__).with_suffix(".pyi")
HEAD = '''"""The public names, for editors and type checkers. Written by tools/write_stub.py."""

'''


def stub():
    """The text of the file: each name, imported from its home."""
    homes = dict(cnnviz_widgets._HOMES)
    for found in (*all_explorers().values(), *cnnviz_widgets.all_methods()):
        homes[found.__name__] = found.__module__.removeprefix("cnnviz_widgets.")
    lines = sorted(f"from .{home} import {name} as {name}" for name, home in homes.items())
    return HEAD + "\n".join([*lines, "", "__version__: str", ""])


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
