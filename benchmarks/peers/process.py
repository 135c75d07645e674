"""A peer as a process of its own, which takes and gives lines of JSON: see `scripts/serve.py`."""

import json
import os
import subprocess
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.measure import Seconds

# The variables that would lead a Python of another environment to our packages.
OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


class PeerError(RuntimeError):
    """A peer's failure at a task; the message is its own."""


class Peer:
    """A running peer."""

    def __init__(self, name, python, script, folder):
        """Start it on `folder`, which holds network and image, see `exchange.py`; its prints go into a file there."""
        self.name, self._folder = name, Path(folder)
        self._log = self._folder / f"{name}.log"
        environment = {key: value for key, value in os.environ.items() if key not in OURS}
        with open(self._log, "w") as log:
            self._process = subprocess.Popen(
                [str(python), str(script), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=environment,
                text=True,
            )

    @property
    def versions(self):
        """{package: version} of the packages that it works with."""
        return self._hello["versions"]

    @property
    def tasks(self):
        """The names of its tasks."""
        return tuple(self._hello["tasks"])

    @cached_property
    def _hello(self):
        """Its first line, waited for only when it is needed, so that several peers can start at the same time."""
        return self._read()

    def ask(self, task, **more):
        """Return the answer to a command. Raises PeerError."""
        if task not in self.tasks:
            raise PeerError(f"{self.name} can do {', '.join(self.tasks)}. Received: {task!r}.")
        self._process.stdin.write(json.dumps({"do": task, **more}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def seconds(self, task):
        """Do a task, and return the seconds that it took."""
        return Seconds(self.ask(task)["seconds"])

    def array(self, task):
        """Do a task, and return its numbers."""
        kept = self._folder / f"{self.name}_{task}.npy"
        self.ask(task, keep=str(kept))
        return np.load(kept)

    def megabytes(self, task):
        """Do a task, and return the megabytes by which it raised the peak of the process' memory."""
        return self.ask(task, memory=True)["megabytes"]

    def busy(self):
        """Return the seconds for which its process has kept a processor busy so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        """End it."""
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _read(self):
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"it ended. {self._log.read_text()[-500:]}"}
        if "error" in answer:
            raise PeerError(f"{self.name}: {answer['error']}")
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
