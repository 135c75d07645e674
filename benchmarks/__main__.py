"""`python -m benchmarks`: every comparison in one run, as a table and, with --json, as a file."""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from . import measure, page_writer
from .parts import PARTS, part
from .peers.places import FOLDER


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write every single time to this file")
    parser.add_argument("--docs", metavar="FILE", type=Path, help="also write the table as a page, in Markdown")
    parser.add_argument("--only", choices=PARTS, action="append", help="leave the others out; may be repeated")
    parser.add_argument("--few", action="store_true", help="only look whether it works: twice instead of many times")
    parser.add_argument("--peers", metavar="FOLDER", help="where `python -m benchmarks.peers build` has put the peers")
    chosen = parser.parse_args()
    if chosen.peers:
        os.environ[FOLDER] = chosen.peers

    from cnnviz_widgets.engine.startup import start_tensorflow

    from .machine import machine

    start_tensorflow()  # without its greeting
    if chosen.few:
        measure.few()
    run = {"machine": machine() | ({"rounds": "few: no times to rely on"} if chosen.few else {}), "parts": {}}
    print("\n".join(f"{name}: {value}" for name, value in run["machine"].items()) + "\n")
    for name in chosen.only or PARTS:
        run["parts"][name] = _measured(name)
        if chosen.json:  # after each part: a run that is broken off has been worth something
            chosen.json.write_text(json.dumps(run, indent=1))
    if chosen.docs:
        chosen.docs.write_text(page_writer.page(run), encoding="utf-8")


def _measured(name):
    """Print a part, and return {"facts": sentences, "rows": each row as a dict}."""
    print(f"-- {PARTS[name][0]}", flush=True)
    facts, rows = [], []
    for found in part(name).rows():
        if isinstance(found, measure.Fact):
            facts.append(found.text)
            print(f"  {found.text}", flush=True)
        else:
            rows.append(found)
            print(f"  {found.name} …", flush=True)
    print(f"\n{measure.table(rows)}\n", flush=True)
    return {"facts": facts, "rows": [row.as_dict() for row in rows]}


if __name__ == "__main__":
    main()
