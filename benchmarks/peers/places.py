"""The places of the peers' environments, and the peers in each. Needs only the standard library."""

import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# The environment variable that names the folder of the environments.
FOLDER = "CNNVIZ_PEERS"
DEFAULT = HERE.parents[1] / ".peers"


@dataclass(frozen=True)
class Place:
    """A peer: its name, its environment, and the script that runs in there."""

    name: str
    environment: str

    @property
    def script(self):
        """The script that answers our questions, see `scripts/serve.py`."""
        return HERE / "scripts" / f"with_{self.name.replace('-', '_')}.py"

    @property
    def python(self):
        """The Python of its environment, which may not exist."""
        return python_in(folder() / self.environment)


PEERS = (
    Place("captum", "torch"),
    Place("pytorch-grad-cam", "torch"),
    Place("xplique", "xplique"),
    Place("tf-keras-vis", "xplique"),
)


def folder():
    """Return the folder of the environments."""
    return Path(os.environ.get(FOLDER) or DEFAULT)


def python_in(environment):
    """Return the Python of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def present():
    """Return the peers whose environment has been built."""
    return tuple(place for place in PEERS if place.python.exists())


def missing():
    """Return a sentence about missing peers and how to get them; "" where none is missing."""
    names = [place.name for place in PEERS if place not in present()]
    how = "`python -m benchmarks.peers build`"
    return f"Without {', '.join(names)}, which {how} gets." if names else ""
