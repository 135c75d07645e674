"""Pickling of a `Network`: the value holds the model and the options, but no traces and no kept results.

The model is written as its configuration and its weights, by Keras. It is read in Keras's safe mode, so that a value
that was tampered with runs no code of a layer; a layer that is code, such as a Lambda layer, is refused when it is
written. The state of the training, such as the optimiser and the losses, is left out.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from .layer_paths import is_model
from .network_options import NetworkOptions
from .startup import start_tensorflow

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# Keras writes this for a Python function that has no name to import it by.
CODE = "__lambda__"


def reduced(network: "Network") -> tuple[Callable[..., "Network"], tuple[Any, ...]]:
    """The value of `Network.__reduce__`. Raises TypeError for a model that cannot be pickled."""
    if network.origin is not None:
        origin, randomised = network.origin
        return type(network).randomised, (origin, *randomised)
    options = network.options.replaced(memory_limit=network.memory.limit)
    return restored, (type(network), _written(network), options)


def restored(kind: "type[Network]", model: tuple[Any, Any], options: NetworkOptions) -> "Network":
    """The Network from the value of `reduced`, not traced yet. Raises ValueError if this process lacks its layers."""
    start_tensorflow()
    import keras

    config, weights = model
    try:
        read = keras.saving.deserialize_keras_object(config, safe_mode=True)
        if not read.built and options.input_shape:
            read.build((None, *options.input_shape))
        read.set_weights(weights)
    except Exception as error:  # Keras raises many kinds
        raise ValueError(
            "A network in another process must be one that Keras can write and read: of its own layers, or of such as "
            "keras.saving.register_keras_serializable has registered there. "
            f"Received: {options.name}, of which Keras said: {_first_line(error)}"
        ) from error
    return kind.of_options(read, options)


def _written(network):
    """(configuration, weights) of a network's model. Raises TypeError for a model that cannot be pickled."""
    import keras

    model = network.model
    if not is_model(model) or not isinstance(model, keras.Model):
        raise TypeError(
            "Only a model of Keras 3 can go to another process: load it from its .h5 file instead. "
            f"Received: {network.name}, a {type(model).__module__}.{type(model).__name__}."
        )
    try:
        config = cast(dict[str, Any], keras.saving.serialize_keras_object(model))
    except Exception as error:  # get_config is the model's own code
        raise TypeError(
            "A model that goes to another process must tell its configuration, by get_config. "
            f"Received: {network.name}, which said: {_first_line(error)}"
        ) from error
    if _holds_code(config):
        raise TypeError(
            "A model that goes to another process must hold no Python code; write a Lambda layer as a layer class of "
            f"its own. Received: {network.name}, which holds a Lambda layer."
        )
    config.pop("compile_config", None)
    return config, model.get_weights()


def _holds_code(config):
    if isinstance(config, dict):
        return config.get("class_name") == CODE or any(map(_holds_code, config.values()))
    return isinstance(config, (list, tuple)) and any(map(_holds_code, config))


def _first_line(error):
    from .tracing import keras_said

    return keras_said(error, longest=160)
