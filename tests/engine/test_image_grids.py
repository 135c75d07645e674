"""Tests that a grid is what has the image's rows and columns, whatever its rank."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from kinds import KINDS

import cnnviz_widgets as cnnviz
from cnnviz_widgets import Network


def grids(model, **options):
    """{path: True for a grid} of the layers of a model whose output has three axes."""
    return {info.path: info.spatial for info in Network(model, **options).layers if len(info.output_shape) == 3}


def told(make, shape=(16, 16, 3)):
    """True if the output of a layer that runs `make` on 8 x 8 cells of 4 channels is called a grid."""
    image = keras.Input(shape)
    values = layers.Lambda(make, name="made")(layers.Conv2D(4, 2, strides=2)(image))
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(values)))
    return Network(model).layer("made").spatial


def shuffled(values):
    """Channels become pixels."""
    values = ops.transpose(ops.reshape(values, (-1, 8, 8, 2, 2, 1)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(values, (-1, 16, 16, 1))


def windows(values):
    values = ops.transpose(ops.reshape(values, (-1, 2, 4, 2, 4, 4)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(values, (-1, 4, 4, 4))


def put_back(values):
    values = ops.transpose(ops.reshape(windows(values), (-1, 2, 2, 4, 4, 4)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(values, (-1, 8, 8, 4))


GRIDS = {
    "tokens and back": lambda values: ops.reshape(ops.reshape(values, (-1, 64, 4)), (-1, 8, 8, 4)),
    "windows put back": put_back,
    "rolled": lambda values: ops.roll(values, (-1, -1), (1, 2)),
    "channels shuffled into pixels": shuffled,
    "cells made patches": lambda values: ops.reshape(
        ops.transpose(ops.reshape(values, (-1, 4, 2, 4, 2, 4)), (0, 1, 3, 2, 4, 5)), (-1, 4, 4, 16)
    ),
    "a product over channels": lambda values: ops.einsum("abcd,de->abce", values, np.ones((4, 5), np.float32)),
    "repeated": lambda values: ops.repeat(ops.repeat(values, 2, 1), 2, 2),
    "cropped": lambda values: values[:, 1:-1, 1:-1],
    "two joined": lambda values: ops.concatenate([values, ops.flip(values, 3)], -1),
    "scaled by its mean": lambda values: values * ops.mean(values, (1, 2), keepdims=True),
}
OTHERS = {
    "tokens x heads": lambda values: ops.reshape(values, (-1, 64, 2, 2)),
    "attention": lambda values: ops.einsum("abc,adc->abd", *[ops.reshape(values, (-1, 64, 4))] * 2)[..., None],
    "windows": windows,
    "one quarter after the other": lambda values: ops.reshape(values, (-1, 4, 4, 16)),
    "turned": lambda values: ops.transpose(values, (0, 2, 1, 3)),
    "channels in front": lambda values: ops.transpose(values, (0, 3, 1, 2)),
    "two views in one batch": lambda values: ops.concatenate([values, values], 0)[:1],
}


@pytest.mark.parametrize("name", [*GRIDS, *OTHERS])
def test_a_grid_has_the_rows_and_the_columns_of_the_image(name):
    assert told({**GRIDS, **OTHERS}[name]) == (name in GRIDS)


def test_a_decoder_that_lays_numbers_out_anew_has_grids():
    image = keras.Input((16, 16, 3))
    values = layers.Dense(32)(layers.Flatten()(image))
    values = layers.Conv2DTranspose(3, 2, strides=2, name="up")(layers.Reshape((4, 4, 2), name="laid")(values))
    assert grids(keras.Model(image, layers.Dense(3)(layers.Flatten()(values)))) == {"laid": True, "up": True}


def test_a_layer_that_runs_once_for_each_tile_has_no_grid():
    kind = KINDS["time_distributed"]
    assert not any(grids(kind.build()).values())


@pytest.mark.parametrize("name", ["any_size", "channels_first_of_many_layers", "grouped_convolution"])
def test_what_was_rewritten_or_has_no_size_keeps_its_grids(name):
    kind = KINDS[name]
    assert all(grids(kind.build(), **kind.options).values())


def transformer():
    """A vision transformer of 8 x 8 tokens, whose attention is computed on tokens x heads."""
    keras.utils.set_random_seed(1)
    image = keras.Input((32, 32, 3))
    values = layers.Reshape((64, 16))(layers.Conv2D(16, 4, strides=4, name="patches")(image))
    values = values + layers.MultiHeadAttention(4, 4, name="attention")(values, values)
    values = layers.LayerNormalization(name="tokens")(values)
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(values)))


def test_the_heads_of_attention_are_no_columns():
    image = np.random.default_rng(0).uniform(0, 1, (32, 32, 3)).astype("float32")
    result = cnnviz.compute(cnnviz.GradCAM(), Network(transformer(), value_range=(0, 1)), image, target=1)
    assert result.array.shape == (8, 8)
