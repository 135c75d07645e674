"""LayerInfo: kernels of each kind of convolution, in one order, and what a layer tells in words."""

import keras
import numpy as np
import pytest
from keras import layers
from kinds import fixed

from cnnviz_widgets.network import Network


def only(layer, shape=(9, 9, 4)):
    """The network whose single convolution is `layer`, and what it knows of it."""
    network = Network(fixed(keras.Sequential([keras.Input(shape), layer, layers.Flatten(), layers.Dense(2)])))
    return network, network.layers[0]


def pulse(channels, channel):
    """An image that is 1 in the middle of one channel."""
    image = np.zeros((9, 9, channels), np.float32)
    image[4, 4, channel] = 1
    return image


CONVOLUTIONS = {
    "plain": (layers.Conv2D(5, (3, 2), padding="same", use_bias=False), (3, 2, 4, 5)),
    "1x1": (layers.Conv2D(5, 1, use_bias=False), (1, 1, 4, 5)),
    "grouped": (layers.Conv2D(6, 3, groups=2, padding="same", use_bias=False), (3, 3, 2, 6)),
    "depthwise": (layers.DepthwiseConv2D(3, padding="same", use_bias=False), (3, 3, 1, 4)),
    "depthwise twice": (
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", use_bias=False),
        (3, 3, 1, 8),
    ),
    "separable": (layers.SeparableConv2D(6, 3, padding="same", use_bias=False), (3, 3, 1, 4)),
    "transposed": (layers.Conv2DTranspose(5, 3, padding="same", use_bias=False), (3, 3, 4, 5)),
}


@pytest.mark.parametrize(("layer", "shape"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_kernels_come_as_rows_columns_input_channels_filters(layer, shape):
    network, info = only(layer)
    assert info.has_kernels
    assert info.kernel_shape == shape
    kernels = network.kernels(info.path)
    assert kernels.shape == shape
    assert kernels.dtype == np.float32
    assert np.abs(kernels).max() > 0


# A pulse draws a kernel turned by 180 degrees; a transposed convolution draws it as it is.
@pytest.mark.parametrize("name", ["grouped", "depthwise", "depthwise twice", "transposed"])
def test_a_kernel_is_what_a_pulse_of_light_draws(name):
    layer, shape = CONVOLUTIONS[name]
    network, info = only(layer)
    for channel in range(4):
        drawn = network.activations(pulse(4, channel), info.path)[3:6, 3:6]
        drawn = drawn if name == "transposed" else drawn[::-1, ::-1]
        inputs, filters = shape[2:]
        seen_by = {
            "grouped": range(3) if channel < 2 else range(3, 6),
            "depthwise": [channel],
            "depthwise twice": [2 * channel, 2 * channel + 1],
            "transposed": range(filters),
        }[name]
        for index in range(filters):
            expected = info.kernels()[..., channel % inputs, index] if index in seen_by else np.zeros((3, 3))
            assert drawn[..., index] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Dense(3), (9, 9, 4)),
        (layers.MaxPooling2D(), (9, 9, 4)),
        (layers.Reshape((81, 4)), (9, 9, 4)),
        (layers.TimeDistributed(layers.Conv1D(3, 3)), (9, 9, 4)),
    ],
    ids=["Dense", "MaxPooling2D", "Reshape", "Conv1D"],
)
def test_what_is_no_convolution_in_two_dimensions_has_no_kernels(layer, shape):
    network, info = only(layer, shape)
    assert not info.has_kernels
    with pytest.raises(ValueError, match="Only convolutions in two dimensions have kernels to look at. Received: "):
        network.kernels(info.path)


def test_a_convolution_in_one_dimension_has_no_kernels():
    image = keras.Input((9, 9, 4))
    values = layers.Conv1D(3, 3, name="line")(layers.Reshape((81, 4))(image))
    network = Network(keras.Model(image, layers.Dense(2)(layers.Flatten()(values))))
    assert not network.layer("line").has_kernels
    assert not network.layer("line").spatial


def test_sizes_in_words_show_a_question_mark_where_they_depend_on_the_image(opened):
    assert opened("any_size")[1].layer("conv1").size == "?×?×4"
    assert opened("functional")[1].layer("conv1").size == "10×10×4"
    assert opened("functional")[1].layer("scores").size == "5"


def test_a_layer_tells_its_kind_and_how_many_numbers_it_learned(small):
    info = small.layer("conv1")
    assert (info.kind, info.parameters, info.channels, info.spatial) == ("Conv2D", 3 * 3 * 3 * 4 + 4, 4, True)
    assert not small.layer("scores").spatial
    assert [info.path for info in small.spatial_layers] == ["conv1", "relu1", "conv2"]
