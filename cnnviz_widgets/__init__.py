"""Look inside your own Keras CNN, live, in a notebook or a Voila page.

    import cnnviz_widgets as cnnviz

    network = cnnviz.load("efficientnet_lite0")
    cnnviz.Explorer(network, "cat.jpg")

Importing this is cheap: names are looked up when used, and TensorFlow is imported when a network is opened.
"""

import logging
from importlib import import_module

__version__ = "0.1.0"

# A kernel prints into the cell what no handler takes. The application decides where our log goes, see README.
logging.getLogger(__name__).addHandler(logging.NullHandler())

# Where each public name lives.
_HOMES = {
    "InputImage": "core.image",
    "Network": "network",
    "Target": "core.target",
    "Method": "core.method",
    "register": "core.method",
    "slider": "core.parameters",
    "choice": "core.parameters",
    "switch": "core.parameters",
    "Result": "core.result",
    "Note": "core.notes",
    "compute": "request",
    "steps": "request",
    "compute_many": "batch",
    "Refusal": "core.failures",
    "Similarity": "maps.similarity",
    "deletion_and_insertion": "maps.faithfulness",
    "all_methods": "methods",
    "load": "networks",
    "samples": "networks",
    "Session": "session",
    "Inline": "runner",
    "LatestWins": "runner",
}


def __getattr__(name):
    """Public names, the explorers and the method classes, imported at their first use."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name.endswith("Explorer") and name in (explorers := _explorers()):
        return explorers[name]
    if name[:1].isupper():
        for method in import_module(f"{__name__}.methods").all_methods():
            if method.__name__ == name:
                return method
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    methods = import_module(f"{__name__}.methods").all_methods()
    return sorted({*globals(), *_HOMES, *_explorers(), *(method.__name__ for method in methods)})


def _explorers():
    return import_module(f"{__name__}.widgets.explorers").all_explorers()
