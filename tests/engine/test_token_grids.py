"""Tests that tokens with a grid behind them are served as that grid, with the numbers that they had."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import KINDS, MoreTokens, Probe, attended, fixed

import cnnviz_widgets as cnnviz
from cnnviz_widgets import Network

# {kind: (a layer of tokens, the tokens in front of the image's)}
TOKENS = {
    "vision_transformer": ("block1", 0),
    "vision_transformer_with_a_class_token": ("block1", 1),
    "vision_transformer_with_registers_at_both_ends": ("more", 2),
    "attention_in_shifted_windows": ("block1", 0),
    "patches_mixed_without_attention": ("mixed", 0),
}
SERVED = pytest.mark.parametrize("name", TOKENS)


def image():
    return np.random.default_rng(0).uniform(0, 1, (12, 12, 3)).astype("float32")


def probed_at(name, path):
    """A model of the kind that gives logits, with a probe of zeros behind the layer `path`, and the probe."""
    probe, times = Probe(), []

    def cloned(operation, *given, **more):
        output = operation(*given, **more)
        if operation.name == path:
            times.append(path)
            return probe(output)
        return output

    model = keras.models.clone_model(KINDS[name].build(None), call_function=cloned, clone_function=lambda layer: layer)
    assert times == [path]
    return model, probe


@SERVED
def test_the_cells_are_the_tokens_of_the_image(name):
    path, before = TOKENS[name]
    model = KINDS[name].build()
    tokens = keras.Model(model.input, model.get_layer(path).output)(image()[None]).numpy()[0]
    grid = Network(model, value_range=(0, 1)).activations(image(), path)
    assert np.allclose(grid, tokens[before : before + 16].reshape(4, 4, 6), atol=1e-6)


@SERVED
def test_the_gradient_at_the_grid_is_the_tape_s_at_the_tokens(name):
    path, before = TOKENS[name]
    model, probe = probed_at(name, path)
    with tf.GradientTape() as tape:
        score = model(image()[None])[0, 2]
    expected = tape.gradient(score, probe.delta.value).numpy()[before : before + 16].reshape(4, 4, 6)
    _, found = Network(KINDS[name].build(), value_range=(0, 1)).layer_gradient(image(), 2, path)
    assert np.abs(expected).max() > 1e-4
    assert np.allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@SERVED
def test_cells_fed_in_the_middle_give_the_scores_of_the_model_with_these_tokens(name):
    path, before = TOKENS[name]
    model, probe = probed_at(name, path)
    network = Network(KINDS[name].build(), value_range=(0, 1))
    changes = np.random.default_rng(1).normal(size=(3, 4, 4, 6)).astype("float32")
    expected = []
    for change in changes:
        delta = np.zeros(probe.delta.shape, np.float32)
        delta[before : before + 16] = change.reshape(16, 6)
        probe.delta.assign(delta)
        expected.append(float(model(image()[None])[0, 2]))
    found = network.scores_behind(image(), 2, path, network.activations(image(), path) + changes)
    assert np.allclose(found, expected, atol=1e-5)


@SERVED
def test_the_predictions_stay_those_of_the_model(name):
    model = KINDS[name].build()
    images = np.random.default_rng(2).uniform(0, 1, (3, 12, 12, 3)).astype("float32")
    assert np.allclose(Network(model, value_range=(0, 1)).outputs(images)[1], model(images), atol=1e-6)


@SERVED
def test_grad_cam_of_tokens_lies_on_the_image(name):
    result = cnnviz.compute(
        cnnviz.GradCAM(), Network(KINDS[name].build(), value_range=(0, 1)), image(), target=1, layer=TOKENS[name][0]
    )
    assert result.array.shape == (4, 4)
    assert result.on_image().shape == (12, 12)


def in_a_row(grid, tokens):
    """(the number of images, whatever is left, channels): TensorFlow does not know the number of tokens."""

    def reshaped(values):
        return ops.reshape(values, (ops.shape(values)[0], -1, ops.shape(values)[-1]))

    return layers.Lambda(reshaped, output_shape=(tokens, 6))(grid)


def test_tokens_of_a_number_that_is_left_to_the_reshape_are_served_as_well():
    """Keras Hub's transformers ask for (the number of images, -1, channels), and put a class token in front."""
    picture, weights = keras.Input((12, 12, 3)), MoreTokens(1, 0, name="more")
    patches = layers.Conv2D(6, 3, 3)(picture)
    weights.build((None, 16, 6))
    tokens = weights(in_a_row(patches, 16))
    tokens = attended(tokens, "block1")
    model = fixed(keras.Model(picture, layers.Dense(3)(tokens[:, 0])))
    expected = keras.Model(picture, model.get_layer("block1").output)(image()[None]).numpy()[0, 1:].reshape(4, 4, 6)
    network = Network(model, value_range=(0, 1))
    assert np.allclose(network.activations(image(), "block1"), expected, atol=1e-5)
    assert [info.cells for info in network.attentions] == [(4, 4)]


def test_images_and_windows_in_one_axis_are_not_taken_for_images():
    """(the number of images and windows, -1, channels): what is left is a window's cells, and no grid of the image."""
    picture = keras.Input((12, 12, 3))
    windows = ops.transpose(ops.reshape(layers.Conv2D(6, 3, 3)(picture), (-1, 2, 2, 2, 2, 6)), (0, 1, 3, 2, 4, 5))
    windows = ops.reshape(windows, (-1, 2, 2, 6))
    tokens = layers.Dense(6, name="tokens")(in_a_row(windows, 4))
    model = keras.Model(picture, layers.Dense(3)(ops.mean(ops.reshape(tokens, (-1, 16, 6)), axis=1)))
    assert not Network(model, value_range=(0, 1)).layer("tokens").spatial


def test_what_is_computed_within_windows_is_no_grid():
    network = Network(KINDS["attention_in_shifted_windows"].build(), value_range=(0, 1))
    assert not any(info.spatial for info in network.layers if info.path.startswith("block1_attention"))


def test_tokens_that_stand_in_no_grid_stay_tokens():
    picture = keras.Input((12, 12, 3))
    values = layers.Dense(4, name="rows")(layers.Reshape((12, 36))(picture))
    model = keras.Model(picture, layers.Dense(3)(layers.GlobalAveragePooling1D()(values)))
    assert Network(model, value_range=(0, 1)).layer("rows").output_shape == (12, 4)


def test_the_class_activation_map_of_averaged_tokens_weighs_them_by_the_dense_layer():
    picture = keras.Input((12, 12, 3))
    values = layers.Dense(5, activation="relu", name="tokens")(
        layers.Reshape((16, 27))(layers.Conv2D(27, 3, 3)(picture))
    )
    model = fixed(keras.Model(picture, layers.Dense(3, name="last")(layers.GlobalAveragePooling1D()(values))))
    tokens = keras.Model(picture, values)(image()[None]).numpy()[0]
    expected = (tokens @ model.get_layer("last").kernel.numpy()[:, 1]).reshape(4, 4) / 16
    found = cnnviz.compute(cnnviz.CAM(), Network(model, value_range=(0, 1)), image(), target=1).array
    assert np.allclose(found / np.abs(found).max(), expected / np.abs(expected).max(), atol=1e-5)
