"""Networks to look into: two bundled ones with sample images, files, and ``keras.applications``.

A bundled network is one module with ``build()`` (a ``keras.Model`` that takes 0..255),
``class_names()`` and ``samples()``, listed in ``BUNDLED``.
"""

import os

from cnnviz_widgets.engine.layer_paths import is_model
from cnnviz_widgets.engine.startup import start_tensorflow
from cnnviz_widgets.network import Network
from cnnviz_widgets.words import did_you_mean

from . import applications, digits, efficientnet_lite0, files

__all__ = ["load", "names", "samples"]

BUNDLED = {"efficientnet_lite0": efficientnet_lite0, "digits": digits}


def names():
    """Return the names of the bundled networks."""
    return tuple(BUNDLED)


def samples(name):
    """Return the sample images of a bundled network, a tuple of InputImage. Needs no TensorFlow.

    Raises ValueError for a name that is not bundled.
    """
    if name not in BUNDLED:
        raise ValueError(_unknown(name, names(), "sample images"))
    return BUNDLED[name].samples()


def load(source):
    """Return a Network, ready to look into.

    ``source`` is a bundled name ("efficientnet_lite0", "digits"), a path to a ``.keras`` or ``.h5``
    file, a ``keras.Model``, the name of a network in ``keras.applications`` ("ResNet50", whose
    weights are downloaded once), or a Network, which is returned as it is.

    Raises ValueError for an unknown name, a wrong file or an address, FileNotFoundError,
    IsADirectoryError, TypeError for anything else, and RuntimeError when weights cannot be
    downloaded.
    """
    if isinstance(source, Network):
        return source
    start_tensorflow()
    if isinstance(source, os.PathLike):
        return files.load_file(source)
    if not isinstance(source, str):
        return _of_model(source)
    if source in BUNDLED:
        network = BUNDLED[source]
        return Network(network.build(), class_names=network.class_names(), name=source, samples=network.samples())
    if files.looks_like_file(source):
        return files.load_file(source)
    return _named(source)


def _of_model(source):
    if not is_model(source):
        raise TypeError(
            f"A network is loaded from a name, a path, a keras.Model or a Network. Received: {type(source).__name__}."
        )
    return Network(source)


def _named(name):
    known = {*names(), *applications.application_names()}
    for spelling in known:
        if spelling.lower() == name.lower():
            if spelling in BUNDLED:
                return load(spelling)
            return applications.load_application(spelling)
    raise ValueError(_unknown(name, known, "network"))


def _unknown(name, known, what):
    hint = did_you_mean(name, known)
    return f"There is no {what} named {name!r}. {hint}Bundled: {', '.join(names())}. Received: {name!r}."
