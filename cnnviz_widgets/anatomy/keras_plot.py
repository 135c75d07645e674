"""Keras's own drawing of a model, which many people know; it needs graphviz and pydot."""

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cnnviz_widgets.engine.keras_layers import draw


def can_plot() -> bool:
    """True if `keras.utils.plot_model` finds the program `dot` and the package pydot."""
    return find_spec("pydot") is not None and shutil.which("dot") is not None


def plotted(model: Any) -> bytes:
    """The drawing of a Keras model by `keras.utils.plot_model`, with shapes: the bytes of an SVG file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.svg"
        draw(model, file)
        return file.read_bytes()
