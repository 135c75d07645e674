"""Layer-wise relevance propagation: the map, and the sentences beside it."""

import keras
import numpy as np
import pytest
from keras import layers
from weighted_sums import weighted_sum

from cnnviz_widgets.methods.lrp import LRP
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

IMAGE = np.array([[[1, 2], [3, 4]], [[0, 1], [2, 0]]], np.float32)


@pytest.fixture(scope="module")
def linear():
    """The score is the sum of the pixels, each times its weight, and a bias of 2: -1 + 8 - 4 + 2 = 5."""
    return weighted_sum(bias=2, value_range=(0, 4))


def note(result, kind):
    return next((note for note in result.notes if note.kind == kind), None)


def test_it_is_the_relevance_summed_over_the_channels(linear):
    result = compute(LRP(rule="epsilon", epsilon=0.0), linear, IMAGE, target=0)
    assert result.array == pytest.approx(np.array([[1 - 2, 8], [0, -4]]), abs=1e-5)
    assert result.signed
    assert result.unit == "score"


def test_the_note_says_what_the_biases_took(linear):
    told = note(compute(LRP(rule="epsilon", epsilon=0.0), linear, IMAGE, target=0), "conservation")
    assert told.text == "The map shares out 3 of the score of 5; biases took 2."
    assert told.numbers == pytest.approx({"score": 5, "sum": 3, "biases": 2, "rest": 0}, abs=1e-5)


def test_the_note_says_what_epsilon_took(linear):
    told = note(compute(LRP(rule="epsilon", epsilon=1.0), linear, IMAGE, target=0), "conservation")
    assert told.text == "The map shares out 1.5 of the score of 5; biases took 1, epsilon and padding 2.5."


def test_the_note_says_what_went_to_padding():
    model = keras.Sequential(
        [keras.Input((2, 2, 1)), layers.ZeroPadding2D(), layers.Conv2D(1, 3, use_bias=False), layers.Flatten()]
    )
    model.layers[1].set_weights([np.ones((3, 3, 1, 1))])
    flat = compute(LRP(), Network(model, value_range=(0, 1)), np.ones((2, 2, 1)), target=0)
    assert note(flat, "conservation").numbers == pytest.approx(
        {"score": 4, "sum": 4 * 4 / 9, "biases": 0, "rest": 4 * 5 / 9}, abs=1e-5
    )


@pytest.mark.parametrize(("rule", "expected"), [("composite", False), ("gamma", False), ("z-plus", True)])
def test_rules_that_hardly_look_at_the_class_say_so(rule, expected, small, picture):
    result = compute(LRP(rule=rule), small, picture, target=0)
    assert (note(result, "barely_about_the_class") is not None) == expected


def test_z_plus_hardly_looks_at_the_class_and_the_composite_does():
    """What the note claims, measured on the digits network: the maps of a zero for its class and for a far one."""
    from cnnviz_widgets.networks import load, samples

    network, zero = load("digits"), samples("digits")[0]
    alike = {
        rule: np.corrcoef(*(compute(LRP(rule=rule), network, zero, target=target).array.ravel() for target in (0, 9)))[
            0, 1
        ]
        for rule in ("z-plus", "composite")
    }
    assert abs(alike["z-plus"]) > 0.95
    assert abs(alike["composite"]) < 0.5
