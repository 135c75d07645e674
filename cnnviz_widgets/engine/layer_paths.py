"""The layers inside a Keras model, found without running it, and the axis of their channels."""

from collections.abc import Iterable
from typing import Any

KERAS = ("keras.", "tf_keras.")
# A Flatten layer works with both orders, and says channels last by default.
INDIFFERENT = ("Flatten",)


def layer_paths(model: Any) -> list[tuple[Any, str]]:
    """The layers inside `model` with their paths, nested models before their own layers: [(layer, "base/conv2")]."""
    found, seen = [], set()

    def walk(parent, prefix):
        for layer in _children(parent):
            if id(layer) not in seen:
                seen.add(id(layer))
                path = f"{prefix}{layer.name}"
                found.append((layer, path))
                walk(layer, f"{path}/")

    walk(model, "")
    return found


def is_model(thing: object) -> bool:
    """True for a model of Keras 3, and for one of Keras 2, which the package `tf_keras` keeps."""
    return any(kind.__name__ == "Model" and kind.__module__.startswith(KERAS) for kind in type(thing).__mro__)


def _children(layer):
    # `Model.layers` hides a Sequential's inner machinery; other layers list what they hold privately.
    if is_model(layer) and layer.layers:
        return layer.layers
    return layer._flatten_layers(recursive=False, include_self=False)


def is_channels_first(name: str, layers: Iterable[Any]) -> bool:
    """True if the channels are the first axis in these layers of a model. Raises ValueError for mixed orders."""
    formats = {}
    for layer in layers:
        if type(layer).__name__ not in INDIFFERENT and getattr(layer, "data_format", None) is not None:
            formats.setdefault(layer.data_format, layer.name)
        if type(layer).__name__ == "Permute":
            formats.setdefault("permuted", layer.name)
    if "channels_first" not in formats:
        return False
    for other, words in (("channels_last", "has its channels last"), ("permuted", "turns the axes")):
        if other in formats:
            raise ValueError(
                "A network must have its channels in one place, last or first, from the image on. "
                f"Received: {name}, whose layer {formats['channels_first']!r} has data_format='channels_first', "
                f"while {formats[other]!r} {words}."
            )
    return True
