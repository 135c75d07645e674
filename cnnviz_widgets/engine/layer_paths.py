"""The layers inside a Keras model, found without running it, and which of their axes are the channels."""

KERAS = ("keras.", "tf_keras.")
# A flatten works either way, and says channels last where nobody told it.
INDIFFERENT = ("Flatten",)


def layer_paths(model):
    """Every layer inside `model` with its path, nested models before their own layers: [(layer, "base/conv2")]."""
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


def is_model(thing):
    """Whether this is a model of Keras 3, or of Keras 2 as the package `tf_keras` keeps it."""
    return any(kind.__name__ == "Model" and kind.__module__.startswith(KERAS) for kind in type(thing).__mro__)


def _children(layer):
    # `Model.layers` hides a Sequential's inner machinery; other layers list what they hold privately.
    if is_model(layer) and layer.layers:
        return layer.layers
    return layer._flatten_layers(recursive=False, include_self=False)


def is_channels_first(name, layers):
    """Whether a model of these layers counts channels before rows and columns. Raises ValueError where it does both."""
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
