"""The page about a run: `python -m benchmarks.page_writer RUN.json > docs/benchmarks.md`."""

import argparse
import json
from pathlib import Path

from .measure import Row, short, spread
from .parts import LEFT_OUT, PARTS

HEAD = """# How fast it is

Written by `python -m benchmarks --docs docs/benchmarks.md`; do not edit. Every number is a median [quartiles]. The two
sides of a comparison took turns in one run, so that any other load on the machine affected both. Unless stated
otherwise, the network is the bundled EfficientNet-Lite0 at 224 px. A ratio below 1 means that ours is faster.

Peers need their own environments, because their pinned requirements conflict with our TensorFlow, and the threads of
two libraries in one process disturb each other's times. So no extra of this package contains them:
`python -m benchmarks.peers build` makes the environments, from the requirements in `benchmarks/peers/`.
"""


def page(run):
    """Return the whole page, Markdown."""
    parts = {name: found for name, found in run["parts"].items() if found["rows"] or found["facts"]}
    rows = [Row.of_dict(row) for found in parts.values() for row in found["rows"]]
    blocks = [HEAD, machine(run["machine"]), summary(rows)]
    blocks += [part(name, found) for name, found in parts.items()]
    return "\n".join([*blocks, left_out()])


def machine(here):
    """Return the paragraph about the machine."""
    return "## The machine\n\n" + "".join(f"- {name}: {value}\n" for name, value in here.items())


def summary(rows):
    """Return the section about goals: their number, and those that were missed."""
    goals = [(row, wanted, met) for row in rows for wanted, met in row.goals]
    missed = [f"- {escaped(row.name)}: {wanted}, measured {_figures(row)}\n" for row, wanted, met in goals if not met]
    text = f"## Goals\n\n{len(goals) - len(missed)} of {len(goals)} goals are met.\n"
    return text + (f"\nMissed:\n\n{''.join(missed)}" if missed else "")


def part(name, found):
    """Return a section: its heading, the way of measuring, its table."""
    heading, words = PARTS[name]
    facts = "".join(f"\n- {escaped(fact)}" for fact in found["facts"])
    rows = [Row.of_dict(row) for row in found["rows"]]
    return f"## {heading}\n\n{words}\n{facts}\n" * bool(words) + (f"\n{table(rows)}" if rows else "")


def table(rows):
    """Return the rows, Markdown, without columns that are empty everywhere."""
    columns = {
        "": [_name(row) for row in rows],
        "ours": [_number(row, row.ours) for row in rows],
        "beside it": [_number(row, row.bare) + (f" {row.beside}" if row.beside else "") for row in rows],
        "ratio": [f"{row.figure:.2f}" if row.bare else "" for row in rows],
        "peers": ["<br>".join(_peers(row)) for row in rows],
        "goal": [
            "<br>".join(f"{wanted}: {'met' if met else '**NOT met**'}" for wanted, met in row.goals) for row in rows
        ],
    }
    shown = {name: [escaped(cell) for cell in cells] for name, cells in columns.items() if any(cells)}
    lines = [shown, ["---"] * len(shown), *zip(*shown.values(), strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def left_out():
    """Return the section about methods without a row."""
    return "## Left out\n\n" + "".join(f"- `{method}`: {why}.\n" for method, why in LEFT_OUT.items())


def escaped(text):
    """Return text for a cell of a table."""
    return text.replace("|", "\\|")


def _name(row):
    return row.name + (f"<br><sub>{row.remark}</sub>" if row.remark else "")


def _number(row, numbers):
    return f"{spread(numbers, row.scale)} {row.unit}" if numbers else ""


def _peers(row):
    for peer, numbers in row.peers.items():
        yield f"{peer} {_number(row, numbers)}, {row.over(peer):.2f}×"


def _figures(row):
    peers = [f"{row.over(peer):.2f}× as fast as {peer}" for peer in row.wanted if peer in row.peers]
    own = f"{row.figure:.2f}×" if row.bare else f"{short(row.median * row.scale)} {row.unit}"
    if row.faster is not None:
        own = f"{1 / row.figure:.2f}× as fast"
    return ", ".join(([own] if row.goal is not None or row.faster is not None else []) + peers)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_writer", description=__doc__)
    parser.add_argument("run", type=Path, help="what `python -m benchmarks --json FILE` wrote")
    print(page(json.loads(parser.parse_args().run.read_text(encoding="utf-8"))), end="")


if __name__ == "__main__":
    main()
