"""A `Network` as a plain value: what to build it from again in another process, without what was traced or kept.

The model is its configuration and its weights, as Keras writes both. It is read in Keras' safe mode, so a value that
was tampered with runs no code out of a layer, and what is code, such as a Lambda layer, is refused when it is written.
Training, its optimiser and its losses, stays behind.
"""

from .layer_paths import is_model
from .startup import start_tensorflow

# What Keras writes in the place of a Python function that has no name to find it by.
CODE = "__lambda__"


def reduced(network):
    """The value of `Network.__reduce__`. Raises TypeError, in a sentence, for a model that is no plain value."""
    if network.origin is not None:
        origin, randomised = network.origin
        return type(network).randomised, (origin, *randomised)
    options = network.options.replaced(memory_limit=network.memory.limit)
    return restored, (type(network), _written(network), options)


def restored(kind, model, options):
    """The Network of what `reduced` gave; not traced yet. Raises ValueError where this process lacks its layers."""
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
    """(configuration, weights) of a network's model, or a refusal."""
    import keras

    model = network.model
    if not is_model(model) or not isinstance(model, keras.Model):
        raise TypeError(
            "Only a model of Keras 3 can go to another process: load it from its .h5 file instead. "
            f"Received: {network.name}, a {type(model).__module__}.{type(model).__name__}."
        )
    try:
        config = keras.saving.serialize_keras_object(model)
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
