"""The rows of the table: a tree in order, numbers and shares that sum to the whole, words that are true."""

import numpy as np
import pytest

from cnnviz_widgets.anatomy.anatomy import anatomy
from cnnviz_widgets.network import Network
from cnnviz_widgets.widgets.front.layer_table import LayerTable
from cnnviz_widgets.widgets.parts.layer_words import compact, family, sentences


@pytest.fixture(scope="module")
def nested():
    """A frozen base of two convolutions inside of a model with a head of its own."""
    import keras
    from keras import layers

    inside = keras.Input((32, 32, 3))
    values = layers.Conv2D(4, 3, strides=2, padding="same", name="conv1")(inside)
    values = layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2")(values)
    base = keras.Model(inside, values, name="base")
    base.trainable = False
    image = keras.Input((32, 32, 3))
    pooled = layers.GlobalAveragePooling2D(name="pooling")(base(image))
    return anatomy(Network(keras.Model(image, layers.Dense(5, activation="softmax", name="classes")(pooled))))


@pytest.fixture
def table(nested):
    shown = LayerTable()
    shown.show_anatomy(nested)
    return shown


def row(table, path):
    return next(row for row in table.rows if row["path"] == path)


def test_what_is_nested_stands_below_its_model_and_deeper(table):
    assert [(row["path"], row["level"]) for row in table.rows] == [
        ("base", 1),
        ("base/conv1", 2),
        ("base/conv2", 2),
        ("pooling", 1),
        ("classes", 1),
    ]
    assert [row["group"] for row in table.rows] == [True, False, False, False, False]


def test_the_numbers_are_those_that_one_can_count(table):
    conv1, classes = row(table, "base/conv1"), row(table, "classes")
    assert conv1["parameters"] == "112"  # 3 × 3 × 3 × 4 + 4
    assert conv1["output"] == "16×16×4"
    assert conv1["window"] == ("3×3", "step 2, same")
    assert conv1["sees"] == ("3×3 px", "every 2 px")
    assert row(table, "base/conv2")["sees"] == ("7×7 px", "every 2 px")
    assert conv1["cost"] == "27.6 k"  # 16 × 16 × 3 × 3 × 3 × 4
    assert classes["parameters"] == "35"
    assert classes["sees"] == ("whole image", "")


def test_shares_of_the_layers_sum_to_the_whole_and_a_group_is_its_layers(table):
    layers = [row for row in table.rows if not row["group"]]
    assert sum(row["trainable"] + row["fixed"] for row in layers) == pytest.approx(1)
    assert sum(row["cost_share"] for row in layers) == pytest.approx(1)
    base = row(table, "base")
    inside = [row(table, "base/conv1"), row(table, "base/conv2")]
    assert base["fixed"] == pytest.approx(sum(one["fixed"] for one in inside))
    assert base["cost_share"] == pytest.approx(sum(one["cost_share"] for one in inside))


def test_what_is_frozen_is_told_from_what_learns(table):
    assert row(table, "base/conv1")["trainable"] == 0
    assert row(table, "base/conv1")["fixed"] > 0
    assert row(table, "classes")["fixed"] == 0
    assert table.total["trained"] == "35 trainable, 334 not"


def test_only_layers_can_be_picked_and_a_nested_model_is_one(table):
    table.set_state({"selected": "base"})
    assert table.selected == "base"
    table.set_state({"selected": "nowhere"})
    assert table.selected == ""
    table.set_state({"rows": []})
    assert table.rows


def test_the_sentences_say_what_a_layer_takes_costs_and_sees(nested):
    text = "\n".join(sentences(nested.layer("base/conv2"), nested))
    assert "Takes 16×16×4 from conv1, gives 16×16×6." in text
    assert "A window of 3×3 cells of its input, at every cell, padding same, then relu." in text
    assert "222 parameters (60.2 %), none of them trainable" in text
    assert "Each cell sees 7×7 px of the image, every 2 px; the first is centred on (1, 1)." in text


@pytest.mark.parametrize(("count", "text"), [(960, "960"), (1000, "1 k"), (27648, "27.6 k"), (5713216096, "5.71 G")])
def test_counts_have_three_digits(count, text):
    assert compact(count) == text


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Conv2D", "conv"),
        ("DepthwiseConv2D", "conv"),
        ("BatchNormalization", "norm"),
        ("GlobalAveragePooling2D", "pooling"),
        ("Average", "merge"),
        ("LeakyReLU", "activation"),
        ("Concatenate", "merge"),
        ("EinsumDense", "dense"),
        ("RandomContrast", "other"),
    ],
)
def test_a_kind_is_of_one_family(kind, name):
    assert family(kind) == name


def test_a_table_of_no_network_is_empty(table):
    table.show_anatomy(None)
    assert (table.rows, table.total, table.selected) == ([], {}, "")
    assert np.size(table.rows) == 0
