"""`python -m benchmarks.peers build [FOLDER]`: make the environments in which the peers of the benchmarks live.

`references` compares every method with its references in there, and writes `docs/against_references.md`.
"""

import argparse
import os
from pathlib import Path

from . import places
from .build import build


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument(
        "what", choices=("build", "list", "references"), help="build them, list which are there, or compare"
    )
    parser.add_argument("folder", nargs="?", type=Path, help="by default .peers in the checkout, or $CNNVIZ_PEERS")
    chosen = parser.parse_args()
    folder = (chosen.folder or places.folder()).resolve()
    if chosen.what == "build":
        build(folder)
        if folder != places.DEFAULT:
            print(f"Use them by `python -m benchmarks --peers {folder}`.")
        return
    if chosen.what == "references":
        os.environ[places.FOLDER] = str(folder)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

        from .references import write

        write()
        return
    for place in places.PEERS:
        print(f"{place.name}: {'there' if place in places.present() else 'missing'}")


if __name__ == "__main__":
    main()
