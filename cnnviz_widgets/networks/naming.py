"""The network that a command names, found without TensorFlow."""

from cnnviz_widgets.words import did_you_mean

from . import names
from .applications import application_names
from .files import checked_path, looks_like_file


def checked_network(text: str) -> str:
    """Return the name or absolute path of a network.

    Raises ValueError or OSError, each with a sentence that says what would be right.
    """
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
