"""The peers' environments, built from the requirements that lie beside this file."""

import subprocess
import sys

from .places import HERE, PEERS, python_in

ENVIRONMENTS = tuple(dict.fromkeys(place.environment for place in PEERS))


def build(folder):
    """Make every environment in `folder`, with packages from where pip's own settings say."""
    for name in ENVIRONMENTS:
        print(f"{name}: {folder / name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        for command in installs(name):
            subprocess.run([python_in(folder / name), "-m", "pip", "install", "-q", *command], check=True)


def installs(name):
    """Yield the arguments of `pip install` for an environment, one after another.

    What is in `NAME_alone.txt` comes without its dependencies, whose pins would fetch gigabytes for a graphics card;
    what it needs of them is in `NAME.txt`.
    """
    yield ["-r", HERE / f"{name}.txt"]
    if (alone := HERE / f"{name}_alone.txt").exists():
        yield ["--no-deps", "-r", alone]
