"""Questions about layers and models that only Keras itself can answer."""

CONVOLUTIONS = ("SeparableConv2D", "DepthwiseConv2D", "Conv2D")


def convolution_kind(layer):
    """The name of the class, of `CONVOLUTIONS`, that a layer is an instance of; None where it is of none."""
    import keras

    return next((name for name in CONVOLUTIONS if isinstance(layer, getattr(keras.layers, name))), None)


def activation_of(layer):
    """The function that a layer applies to its sums; None where it applies none."""
    import keras

    return None if layer.activation in (None, keras.activations.linear) else layer.activation


def draw(model, file):
    """Keras's own drawing of a model with its shapes, written to `file`, whose suffix tells the format."""
    import keras

    keras.utils.plot_model(model, to_file=str(file), show_shapes=True, expand_nested=True)
