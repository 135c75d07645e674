"""`python -m benchmarks`: every comparison in one run, as a table and, with --json, as a file."""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PARTS = ("numbers", "occlusion", "maximal_activation", "page", "occluder")


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write every single time to this file")
    parser.add_argument("--only", choices=PARTS, help="leave the others out")
    chosen = parser.parse_args()

    from . import measure
    from .machine import machine

    here = machine()
    print("\n".join(f"{name}: {value}" for name, value in here.items()) + "\n")
    rows = []
    for part in PARTS:
        if chosen.only in (None, part):
            rows += _rows(part)
    print(measure.table(rows))
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": here, "rows": [row.as_dict() for row in rows]}, indent=1))


def _rows(part):
    from importlib import import_module

    for row in import_module(f".{part}", __package__).rows():
        print(f"  {row.name} …", flush=True)
        yield row


if __name__ == "__main__":
    main()
