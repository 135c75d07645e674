"""Which network a command means, found out without TensorFlow."""

import ast
from importlib.util import find_spec
from pathlib import Path

from cnnviz_widgets.words import did_you_mean

from . import names
from .files import checked_path, looks_like_file


def checked_network(text):
    """The name or absolute path of a network, or a ValueError or OSError that says what would be right."""
    if text in names():
        return text
    if looks_like_file(text):
        return str(checked_path(text).resolve())
    known = {name.lower(): name for name in (*names(), *application_names())}
    if text.lower() in known:
        return known[text.lower()]
    raise ValueError(
        f"A network is {', '.join(names())}, a name in keras.applications, or the path of a .keras or .h5 file. "
        f"{did_you_mean(text, known.values())}Received: {text!r}."
    )


def application_names():
    """The names in `keras.applications`, read from its source: importing it would import TensorFlow."""
    source = Path(find_spec("keras").origin).parent / "applications" / "__init__.py"
    imports = (node for node in ast.parse(source.read_text()).body if isinstance(node, ast.ImportFrom))
    return [alias.name for node in imports for alias in node.names if alias.name[0].isupper()]
