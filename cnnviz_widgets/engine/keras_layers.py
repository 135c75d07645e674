"""Facts about layers and models that only Keras itself knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

CONVOLUTIONS = ("SeparableConv2D", "DepthwiseConv2D", "Conv2D")


def convolution_kind(layer: Any) -> str | None:
    """The name of the class in `CONVOLUTIONS` of which a layer is an instance; None for any other layer."""
    import keras

    return next((name for name in CONVOLUTIONS if isinstance(layer, getattr(keras.layers, name))), None)


def activation_of(layer: Any) -> Callable[[Any], Any] | None:
    """The activation function of a layer; None if it has none."""
    import keras

    return None if layer.activation in (None, keras.activations.linear) else layer.activation


def draw(model: Any, file: str | Path) -> None:
    """Write Keras's own drawing of a model with its shapes to `file`, in the format of its suffix."""
    import keras

    keras.utils.plot_model(model, to_file=str(file), show_shapes=True, expand_nested=True)
