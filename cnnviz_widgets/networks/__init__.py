"""Networks to look into: the bundled ones with their sample images, model files, and ``keras.applications``.

A bundled network is one file in this folder. It declares ``build()`` (a ``keras.Model`` that takes 0..255),
``class_names()``, ``samples()``, ``DEFAULT`` (true for the one network that is opened where nobody names any) and
``FAVOURITES`` (names of classes that most people recognise). Files without ``build`` help to load others.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Protocol

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.engine.layer_paths import is_model
from cnnviz_widgets.engine.startup import start_tensorflow
from cnnviz_widgets.network import Network
from cnnviz_widgets.words import did_you_mean

from .applications import application_names, load_application
from .files import load_file, looks_like_file

if TYPE_CHECKING:
    import keras

__all__ = ["default_name", "favourites", "load", "names", "samples"]


class BundledNetwork(Protocol):
    """The declarations of a bundled network's file."""

    DEFAULT: bool
    FAVOURITES: tuple[str, ...]

    def build(self) -> "keras.Model":
        """Return the trained network, a new one each time."""
        ...

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes, in the order of the network's outputs."""
        ...

    def samples(self) -> tuple[InputImage, ...]:
        """Return images to try."""
        ...


@cache
def bundled() -> dict[str, BundledNetwork]:
    """Return {name: module} of the bundled networks, the default one first, then by name."""
    files: dict[str, Any] = {file.name: import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)}
    found = {name: module for name, module in files.items() if hasattr(module, "build")}
    return dict(sorted(found.items(), key=lambda item: (not item[1].DEFAULT, item[0])))


def names() -> tuple[str, ...]:
    """Return the names of the bundled networks, the default one first."""
    return tuple(bundled())


def default_name() -> str:
    """Return the name of the network that is opened where nobody names any."""
    return names()[0]


def favourites() -> tuple[str, ...]:
    """Return the names of classes that most people recognise, over all bundled networks."""
    return tuple(name for network in bundled().values() for name in network.FAVOURITES)


def samples(name: str) -> tuple[InputImage, ...]:
    """Return the sample images of a bundled network. Needs no TensorFlow.

    Raises ValueError for a name that is not bundled.
    """
    if name not in bundled():
        raise ValueError(_unknown(name, names(), "sample images"))
    return bundled()[name].samples()


def load(
    source: "str | os.PathLike[str] | keras.Model | Network",
    *,
    output_is: str | None = None,
    value_range: tuple[float, float] | None = None,
    preprocess: Callable[[Any], Any] | str | None = None,
    class_names: Iterable[str] | Mapping[Any, Any] | None = None,
) -> Network:
    """Return a Network, ready to look into.

    ``source`` is a bundled name ("efficientnet_lite0", "digits"), a path to a ``.keras`` or ``.h5``
    file, a ``keras.Model``, the name of a network in ``keras.applications`` ("ResNet50", whose
    weights are downloaded once), or a Network, which is returned as it is. ``output_is`` says
    what the numbers of its output are: "probabilities", "log probabilities" or "logits".
    ``value_range``, ``preprocess`` and ``class_names`` are those of Network; what is not given
    here stays as the network has it.

    Raises ValueError for an unknown name, a wrong file, an address or another wrong option,
    FileNotFoundError, IsADirectoryError, TypeError for anything else, and RuntimeError when weights
    cannot be downloaded.
    """
    network = _loaded(source)
    options = {"output_is": output_is, "value_range": value_range, "preprocess": preprocess, "class_names": class_names}
    said = {name: value for name, value in options.items() if value is not None}
    return Network.of_options(network.model, network.options.replaced(**said)) if said else network


def _loaded(source: Any) -> Network:
    if isinstance(source, Network):
        return source
    start_tensorflow()
    if isinstance(source, os.PathLike):
        return load_file(source)
    if not isinstance(source, str):
        return _of_model(source)
    if source in bundled():
        network = bundled()[source]
        return Network(network.build(), class_names=network.class_names(), name=source, samples=network.samples())
    if looks_like_file(source):
        return load_file(source)
    return _named(source)


def _of_model(source: Any) -> Network:
    if not is_model(source):
        raise TypeError(
            f"A network is loaded from a name, a path, a keras.Model or a Network. Received: {type(source).__name__}."
        )
    return Network(source)


def _named(name: str) -> Network:
    known = {*names(), *application_names()}
    for spelling in known:
        if spelling.lower() == name.lower():
            return load(spelling) if spelling in bundled() else load_application(spelling)
    raise ValueError(_unknown(name, known, "network"))


def _unknown(name: str, known: Iterable[str], what: str) -> str:
    hint = did_you_mean(name, known)
    return f"There is no {what} named {name!r}. {hint}Bundled: {', '.join(names())}. Received: {name!r}."
