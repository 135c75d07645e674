"""The arithmetic behind one number: does it end in the number that the network computed?"""

import keras
import numpy as np
import pytest
from keras import layers
from kinds import fixed

from cnnviz_widgets.anatomy.convolution import Convolution
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.network import Network

CONVOLUTIONS = {
    "valid": layers.Conv2D(5, 3, name="valid"),
    "same": layers.Conv2D(5, 3, padding="same", name="same"),
    "even": layers.Conv2D(5, (4, 2), padding="same", name="even"),
    "stride": layers.Conv2D(5, 3, strides=2, padding="same", name="stride"),
    "stride_valid": layers.Conv2D(5, (3, 2), strides=(2, 3), name="stride_valid"),
    "dilated": layers.Conv2D(5, 3, dilation_rate=2, name="dilated"),
    "dilated_same": layers.Conv2D(5, 3, dilation_rate=(2, 3), padding="same", name="dilated_same"),
    "without_bias": layers.Conv2D(5, 3, use_bias=False, name="without_bias"),
    "one_by_one": layers.Conv2D(5, 1, name="one_by_one"),
    "grouped": layers.Conv2D(6, 3, groups=2, padding="same", name="grouped"),
    "depthwise": layers.DepthwiseConv2D(3, padding="same", name="depthwise"),
    "depthwise_twice": layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, name="depthwise_twice"),
    "depthwise_dilated": layers.DepthwiseConv2D(3, dilation_rate=2, padding="same", name="depthwise_dilated"),
    "separable": layers.SeparableConv2D(5, 3, padding="same", depth_multiplier=2, name="separable"),
    "relu": layers.Conv2D(5, 3, activation="relu", name="relu"),
    "swish": layers.Conv2D(5, 3, activation="swish", name="swish"),
    "gelu": layers.Conv2D(5, 3, activation="gelu", name="gelu"),
    "tanh": layers.SeparableConv2D(5, 3, strides=2, activation="tanh", name="tanh"),
    "softmax": layers.Conv2D(5, 3, activation="softmax", name="softmax"),
    "log_softmax": layers.Conv2D(6, 3, groups=2, activation="log_softmax", name="log_softmax"),
    "sparsemax": layers.Conv2D(4, 3, activation="sparsemax", name="sparsemax"),
    "transposed": layers.Conv2DTranspose(5, 3, name="transposed"),
}
SHAPE = (11, 13, 4)


@pytest.fixture(scope="module")
def network():
    """Every kind of convolution side by side, behind one whose output is another than the image."""
    image = keras.Input(SHAPE)
    middle = layers.Conv2D(4, 2, activation="tanh", name="first")(image)
    ends = [layers.GlobalAveragePooling2D()(convolution(middle)) for convolution in CONVOLUTIONS.values()]
    pooled = layers.Flatten()(layers.MaxPooling2D(name="pool1")(middle))
    row = layers.Conv1D(2, 3, name="row")(layers.Reshape((-1, 4))(middle))
    answer = layers.Dense(3)(layers.Concatenate()([*ends, pooled, layers.Flatten()(row)]))
    return Network(fixed(keras.Model(image, answer)), value_range=(0, 1))


@pytest.fixture(scope="module")
def picture():
    return InputImage(np.random.default_rng(5).uniform(0, 1, SHAPE))


@pytest.mark.parametrize("layer", [name for name in CONVOLUTIONS if name != "transposed"])
def test_patch_times_kernel_plus_bias_is_the_number_of_the_map(layer, network, picture):
    convolution = Convolution.of(network, layer)
    inputs, maps = convolution.inputs(network, picture), network.activations(picture, layer)
    rows, columns, channels = maps.shape
    for row, column, channel in np.ndindex(rows, columns, channels):
        terms = convolution.terms(inputs, row, column, channel)
        assert terms.value == pytest.approx(maps[row, column, channel], abs=1e-5)


@pytest.mark.parametrize(
    ("layer", "mixes"), [("softmax", True), ("log_softmax", True), ("gelu", False), ("valid", False)]
)
def test_an_activation_that_looks_at_the_other_channels_is_told_from_one_that_does_not(layer, mixes, network, picture):
    convolution = Convolution.of(network, layer)
    assert convolution.terms(convolution.inputs(network, picture), 3, 4, 1).mixes == mixes


def test_half_of_the_filters_may_be_gates_of_the_other_half(picture):
    image = keras.Input(SHAPE)
    maps = layers.Conv2D(6, 3, activation="glu", name="gated")(image)
    network = Network(fixed(keras.Model(image, layers.GlobalAveragePooling2D()(maps))), value_range=(0, 1))
    convolution, values = Convolution.of(network, "gated"), network.activations(picture, "gated")
    inputs = convolution.inputs(network, picture)
    assert values.shape[-1] == 3
    for channel in range(3):
        assert convolution.terms(inputs, 2, 5, channel).value == pytest.approx(values[2, 5, channel], abs=1e-5)


def test_the_patch_is_what_the_layer_before_gave(network, picture):
    convolution = Convolution.of(network, "valid")
    before = network.activations(picture, "first")
    terms = convolution.terms(convolution.inputs(network, picture), 4, 6, 2)
    assert np.array_equal(terms.patch, before[4:7, 6:9].astype(np.float64))
    assert np.array_equal(terms.kernel, network.kernels("valid")[..., 2])
    assert terms.bias == pytest.approx(float(network.layer("valid").layer.bias[2]))


def test_a_layer_without_bias_has_none(network, picture):
    convolution = Convolution.of(network, "without_bias")
    terms = convolution.terms(convolution.inputs(network, picture), 4, 6, 2)
    assert terms.bias is None
    assert terms.total == terms.contributions.sum()


def test_padding_is_zero_and_marked(network, picture):
    convolution = Convolution.of(network, "same")
    terms = convolution.terms(convolution.inputs(network, picture), 0, 3, 0)
    assert not terms.inside[0].any()
    assert terms.inside[1:].all()
    assert not terms.patch[0].any()


def test_the_contributions_and_the_bias_are_the_total_and_the_largest_stand_first(network, picture):
    convolution = Convolution.of(network, "relu")
    terms = convolution.terms(convolution.inputs(network, picture), 2, 2, 1)
    assert terms.contributions.sum() + terms.bias == pytest.approx(terms.total)
    assert terms.value == pytest.approx(max(terms.total, 0), abs=1e-6)
    assert terms.activation == "relu"
    sizes = np.abs(terms.contributions[terms.largest(3)])
    assert (np.diff(sizes) <= 0).all()
    assert sizes[0] == np.abs(terms.contributions).max()


def test_a_filter_of_a_group_sees_the_channels_of_its_group(network, picture):
    convolution = Convolution.of(network, "grouped")
    inputs = convolution.inputs(network, picture)
    assert list(convolution.terms(inputs, 0, 0, 2).input_channels) == [0, 1]
    assert list(convolution.terms(inputs, 0, 0, 3).input_channels) == [2, 3]
    convolution = Convolution.of(network, "depthwise_twice")
    assert list(convolution.terms(inputs, 0, 0, 5).input_channels) == [2]


@pytest.mark.parametrize(
    ("layer", "kind"), [("pool1", "MaxPooling2D"), ("transposed", "Conv2DTranspose"), ("row", "Conv1D")]
)
def test_layers_that_work_otherwise_are_refused_in_a_sentence(layer, kind, network):
    with pytest.raises(ValueError, match=f"needs a convolution in two dimensions.* Received: '{layer}', a {kind}"):
        Convolution.of(network, layer)


def test_a_refusal_names_the_convolution_that_ran_before(small):
    with pytest.raises(ValueError, match="the one before is 'conv1'. Received: 'relu1'"):
        Convolution.of(small, "relu1")


@pytest.mark.parametrize("kind", ["nested_twice", "subclassed", "shared_layer", "with_a_preprocess_function"])
def test_it_is_found_in_models_of_other_kinds(kind, opened, image):
    made, network = opened(kind)
    picture = image(made)
    convolutions = [info.path for info in network.layers if info.has_kernels]
    assert convolutions
    for path in convolutions:
        convolution = Convolution.of(network, path)
        inputs, maps = convolution.inputs(network, picture), network.activations(picture, path)
        terms = convolution.terms(inputs, 1, 2, maps.shape[-1] - 1)
        assert terms.value == pytest.approx(maps[1, 2, -1], rel=1e-5, abs=1e-5)
