"""The networks of ``keras.applications``, with ImageNet weights that Keras downloads."""

import inspect

from cnnviz_widgets.network import Network
from cnnviz_widgets.words import one_line

from . import imagenet


def application_names():
    """Return the names of the networks in ``keras.applications`` ("ResNet50"), sorted."""
    import keras

    return tuple(sorted(name for name, _ in inspect.getmembers(keras.applications, callable)))


def load_application(name):
    """Return the Network of that exact name, taking 0..255 RGB.

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
        # The module that defines a network also defines what its images must go through.
        preprocess=inspect.getmodule(build).preprocess_input,
        name=name,
    )
