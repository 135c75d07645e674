"""The networks of ``keras.applications``, with ImageNet weights that Keras downloads."""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cnnviz_widgets.network import Network
from cnnviz_widgets.words import one_line

from . import imagenet


def application_names() -> tuple[str, ...]:
    """Return the names of the networks in ``keras.applications`` ("ResNet50"), sorted. Needs no TensorFlow.

    They are read from its source, because importing it would import TensorFlow.
    """
    spec: Any = find_spec("keras")
    source = Path(spec.origin).parent / "applications" / "__init__.py"
    imports = (node for node in ast.parse(source.read_text()).body if isinstance(node, ast.ImportFrom))
    return tuple(sorted(alias.name for node in imports for alias in node.names if alias.name[0].isupper()))


def load_application(name: str) -> Network:
    """Return the Network of exactly that name, which takes 0..255 RGB.

    Raises RuntimeError when its weights cannot be downloaded.
    """
    import keras

    build = getattr(keras.applications, name)
    try:
        model = build(weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when a download fails
        cause = one_line(error, longest=160).rstrip(".")
        raise RuntimeError(
            f"The weights of {name} could not be downloaded; without internet, choose a bundled"
            f" network. Received: {cause or type(error).__name__}."
        ) from error
    return Network(
        model,
        class_names=imagenet.class_names(),
        # The module that defines a network also defines the preprocessing of its images.
        preprocess=import_module(build.__module__).preprocess_input,
        name=name,
    )
