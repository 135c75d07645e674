"""Keras's own picture of a model, for those who know it from elsewhere; only where graphviz and pydot are installed."""

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from cnnviz_widgets.engine.keras_layers import draw


def can_plot():
    """True where `keras.utils.plot_model` finds what it needs: the program `dot` and the package pydot."""
    return find_spec("pydot") is not None and shutil.which("dot") is not None


def plotted(model):
    """The drawing that `keras.utils.plot_model` makes of a Keras model with its shapes: the bytes of an SVG file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.svg"
        draw(model, file)
        return file.read_bytes()
