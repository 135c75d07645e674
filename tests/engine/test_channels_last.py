"""A model with its channels first is the same network, seen with its channels last."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import FIRST, KINDS, fixed, on_any_processor, turned

from cnnviz_widgets.anatomy.anatomy import anatomy
from cnnviz_widgets.anatomy.convolution import Convolution
from cnnviz_widgets.engine.channels_last import channels_last
from cnnviz_widgets.engine.graph import ForwardGraph
from cnnviz_widgets.maps.channels import activity
from cnnviz_widgets.network import Network


@pytest.fixture
def both(opened):
    """The network with its channels first, and the one with the same weights that has them last."""
    return opened("channels_first")[1], opened("functional")[1]


def test_every_layer_gives_what_its_twin_gives(both, picture):
    first, last = both
    assert first.input_shape == last.input_shape == (12, 12, 3)
    pairs = [(one, other) for one, other in zip(first.layers, last.layers, strict=True)]
    for one, other in pairs:
        assert one.output_shape == other.output_shape
        expected = last.activations(picture, other.path)
        assert first.activations(picture, one.path) == pytest.approx(expected, abs=1e-5)


def test_kernels_are_those_of_the_twin(both):
    for name in ("conv1", "conv2"):
        assert np.array_equal(both[0].kernels(name), both[1].kernels(name))


@pytest.mark.slow
def test_gradients_at_image_and_layers_are_the_twins(both, picture):
    first, last = both
    assert first.gradient(picture, 1) == pytest.approx(last.gradient(picture, 1), abs=1e-6)
    for relu in ("standard", "guided"):
        for layer in ("conv1", "relu1", "conv2"):
            if (relu, layer) != ("guided", "conv2"):  # no ReLU behind it
                one, other = (network.layer_gradient(picture, 1, layer, relu)[1] for network in both)
                assert one == pytest.approx(other, abs=1e-6)


def test_what_it_is_made_of_and_what_it_sees_is_told_as_of_the_twin(both):
    first, last = map(anatomy, both)
    for one, other in zip(first.layers, last.layers, strict=True):
        assert one.multiply_adds == other.multiply_adds
        assert (one.field.size, one.field.stride, one.field.start) == (
            other.field.size,
            other.field.stride,
            other.field.start,
        )


def test_the_arithmetic_of_a_number_is_the_twins(both, picture):
    for layer, channel in (("conv1", 2), ("conv2", 5)):
        terms = []
        for network in both:
            convolution = Convolution.of(network, layer)
            inputs = convolution.inputs(network, picture)
            inputs = np.moveaxis(inputs, 0, -1) if inputs.shape[0] == convolution.kernel.shape[2] else inputs
            terms.append(convolution.terms(inputs, 1, 2, channel))
            assert terms[-1].value == pytest.approx(network.activations(picture, layer)[1, 2, channel], abs=1e-5)
        assert terms[0].patch == pytest.approx(terms[1].patch, abs=1e-6)


def test_dead_channels_are_looked_for_along_the_channels(opened, picture):
    network = opened("channels_first")[1]
    *_, seen = activity(network, "conv2", [picture])
    maps = network.activations(picture, "conv2").reshape(-1, 6)
    assert seen.largest == pytest.approx(maps.max(axis=0))


@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "MaxPooling2D", "AveragePooling2D"])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_rewritten_operation_computes_the_same(kind, padding):
    sizes = (2,) if "Pooling" in kind else (4, 3) if kind != "DepthwiseConv2D" else (3,)
    layer = getattr(layers, kind)(*sizes, strides=2, padding=padding, **FIRST)
    model = fixed(keras.Sequential([keras.Input((3, 9, 11)), layer]))
    images = np.random.default_rng(0).normal(size=(2, 3, 9, 11)).astype(np.float32)
    function = tf.function(lambda images: model(images)).get_concrete_function(tf.TensorSpec([None, 3, 9, 11]))
    graph = ForwardGraph(function)
    assert b"NCHW" not in graph.definition.SerializeToString()

    @tf.function
    def again(images):
        return graph({graph.input: images}, [function.outputs[0].name])[0]

    assert again(images).numpy() == pytest.approx(on_any_processor(model)(images).numpy(), abs=1e-5)


def test_channels_turned_into_places_and_back():
    def function(images):
        return tf.nn.space_to_depth(tf.nn.depth_to_space(images, 2, "NCHW"), 4, "NCHW")

    function = tf.function(function).get_concrete_function(tf.TensorSpec([None, 12, 4, 6]))
    graph = ForwardGraph(function)
    images = np.random.default_rng(0).normal(size=(2, 12, 4, 6)).astype(np.float32)
    again = tf.function(lambda images: graph({graph.input: images}, [function.outputs[0].name])[0])
    last = tf.nn.space_to_depth(tf.nn.depth_to_space(tf.transpose(images, (0, 2, 3, 1)), 2), 4)
    assert again(images).numpy() == pytest.approx(tf.transpose(last, (0, 3, 1, 2)).numpy())


def as_wide_as_it_has_channels(kind, **options):
    """(model, layer): of one layer, whose bias Keras cannot tell by the sizes to be one of channels."""
    sizes = (3,) if kind == "DepthwiseConv2D" else (6, 3)
    layer = getattr(layers, kind)(*sizes, padding="same", name="layer", **FIRST, **options)
    return fixed(keras.Sequential([keras.Input((6, 5, 6)), layer, layers.Flatten(), layers.Dense(2)])), layer


@pytest.mark.parametrize("options", [{}, {"activation": "relu"}, {"strides": (2, 1)}])
def test_a_bias_is_of_a_channel_also_where_the_grid_is_as_wide_as_it_has_channels(options):
    model, layer = as_wide_as_it_has_channels("Conv2D", **options)
    twin = layers.Conv2D(6, 3, padding="same", **options)
    twin.build((None, 5, 6, 6))
    twin.set_weights(layer.get_weights())
    image = np.random.default_rng(0).uniform(0, 1, (5, 6, 6)).astype(np.float32)
    found = Network(model, value_range=(0, 1)).activations(image, "layer")
    assert found == pytest.approx(twin(image[np.newaxis])[0].numpy(), abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Conv2D", {}),
        ("Conv2D", {"groups": 2}),
        ("Conv2D", {"dilation_rate": 2}),
        ("DepthwiseConv2D", {}),
        ("Conv2DTranspose", {}),
    ],
)
def test_where_keras_takes_a_bias_for_one_of_columns_the_numbers_are_those_that_the_model_predicts(kind, options):
    model, _ = as_wide_as_it_has_channels(kind, **options)
    image = np.random.default_rng(0).uniform(0, 1, (5, 6, 6)).astype(np.float32)
    try:
        expected = model.predict(turned(image[np.newaxis]), verbose=0)[0]
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
        # XLA, which could run it, does not make one operation of a convolution and its bias.
        pytest.skip("on this processor the model predicts nothing: TensorFlow has no such layer with channels first")
    assert Network(model, value_range=(0, 1)).logits(image) == pytest.approx(expected, abs=1e-5)


def test_all_outputs_of_a_batch_normalisation_are_kept():
    @tf.function
    def normalised(images):
        ones = tf.ones(3)
        made = tf.raw_ops.FusedBatchNormV3(
            x=images, scale=2 * ones, offset=ones, mean=ones, variance=ones, is_training=False, data_format="NCHW"
        )
        return made.y + tf.reshape(made.batch_mean, [1, 3, 1, 1])

    function = normalised.get_concrete_function(tf.TensorSpec([None, 3, 4, 5]))
    graph = ForwardGraph(function)

    @tf.function
    def again(images):
        return graph({graph.input: images}, [function.outputs[0].name])[0]

    images = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    assert again(images).numpy() == pytest.approx(2 * (images - 1) / np.sqrt(1 + 1e-4) + 1 + 1, abs=1e-5)


def test_a_graph_with_its_channels_last_stays_as_it_is(opened):
    definition = opened("functional")[1].engine.traced.graph.definition
    assert channels_last(definition) is definition


def test_a_shape_that_a_person_gives_has_its_channels_last():
    class FirstOnly(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(4, 3, name="conv", **FIRST)
            self.built = True

        def call(self, images):
            return tf.reduce_mean(self.conv(images), [2, 3])

    model = FirstOnly()
    images = np.random.default_rng(0).uniform(0, 1, (1, 6, 7, 3)).astype(np.float32)
    expected = on_any_processor(model)(turned(images)).numpy()[0]
    network = Network(model, input_shape=(6, 7, 3), value_range=(0, 1))
    assert network.logits(images[0]) == pytest.approx(expected, abs=1e-6)
    assert network.layer("conv").output_shape == (4, 5, 4)


def test_a_preprocess_function_sees_channels_last(picture):
    model = KINDS["channels_first"].build()
    scaled = Network(model, preprocess=lambda images: images * [1.0, 2.0, 0.5], value_range=(0, 1))
    images = picture.array[np.newaxis] * np.float32([1, 2, 0.5])
    expected = on_any_processor(model)(turned(images))[0].numpy()
    assert scaled.probabilities(picture) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("other", [layers.Conv2D(4, 3, data_format="channels_last"), layers.Permute((2, 3, 1))])
def test_a_model_that_counts_both_ways_is_refused_in_a_sentence(other):
    model = keras.Sequential(
        [keras.Input((8, 9, 10)), layers.Conv2D(8, 3, name="one", **FIRST), other, layers.Flatten()]
    )
    with pytest.raises(
        ValueError, match=r"channels in one place.*Received: .*'one' has .*channels_first', while"
    ) as said:
        Network(model)
    assert "\n" not in str(said.value)
