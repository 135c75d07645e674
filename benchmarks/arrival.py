"""The time at which a page's kernel has imported TensorFlow: for a `sitecustomize` that only benchmarks install.

`engine/startup.py` is loaded as ever; the function that imports TensorFlow then also writes down when it was done.
"""

import os
import sys
import time
from contextlib import contextmanager
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path
from tempfile import TemporaryDirectory

# The environment variable that names the file into which kernels write.
FILE = "CNNVIZ_BENCHMARK_ARRIVAL"
MODULE, FUNCTION = "cnnviz_widgets.engine.startup", "start_tensorflow"


class Arrival(MetaPathFinder):
    """A finder of `MODULE` that makes its `FUNCTION` record the time at which it first returned."""

    def find_spec(self, name, path=None, target=None):
        """Return the usual spec, with a loader that wraps the function."""
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            setattr(module, FUNCTION, noted(getattr(module, FUNCTION)))

        spec.loader.exec_module = exec_module
        return spec


def noted(function):
    """Return `function`, made to write the time at which it first returned."""
    told = []

    @wraps(function)
    def timed():
        function()
        if not told:
            told.append(time.time())
            Path(os.environ[FILE]).write_text(repr(told[0]))

    return timed


def install():
    """Record from now on in this process."""
    sys.meta_path.insert(0, Arrival())


@contextmanager
def watched():
    """Give (environment for a server whose kernels record, a function that returns the last recorded time)."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(CUSTOMIZE.format(source=str(Path(__file__).resolve())))
        told = folder / "told"
        path = os.pathsep.join(filter(None, [name, os.environ.get("PYTHONPATH")]))

        def take():
            time_ = float(told.read_text())
            told.unlink()
            return time_

        yield {**os.environ, "PYTHONPATH": path, FILE: str(told)}, take


# By its path, because importing the package of benchmarks would import more than a kernel does.
CUSTOMIZE = """
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("cnnviz_arrival", {source!r})
module = module_from_spec(spec)
spec.loader.exec_module(module)
module.install()
"""
