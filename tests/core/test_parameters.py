"""Parameters: what a slider, a choice and a switch accept, and the sentence that they refuse with."""

from dataclasses import dataclass

import numpy as np
import pytest

from cnnviz_widgets.core.parameters import choice, default_of, parameters_of, slider, switch


@dataclass(frozen=True)
class Knobs:
    count: int = slider(3, 1, 10, unit="px", help="How many.", repeats=True)
    noise: float = slider(0.5, 0, 1, step=0.1, help="How much.")
    side: int = slider(32, 8, 112, per_image=True)
    way: str = choice("a", {"a": "One way.", "b": "Another."}, help="Which.")
    on: bool = switch(True, help="Whether.")
    plain: int = 7

    def __post_init__(self):
        for name, parameter in parameters_of(self).items():
            parameter.check(name, getattr(self, name))


def test_the_parameters_are_the_fields_made_as_such_in_their_order():
    assert list(parameters_of(Knobs)) == ["count", "noise", "side", "way", "on"]
    assert list(parameters_of(Knobs())) == list(parameters_of(Knobs))
    assert parameters_of(Knobs)["count"].unit == "px"
    assert parameters_of(Knobs)["way"].help == "Which."


def test_a_slider_says_whether_it_counts_repetitions():
    assert [parameters_of(Knobs)[name].repeats for name in ("count", "noise")] == [True, False]


def test_defaults_are_read_from_the_fields():
    assert [default_of(Knobs, name) for name in ("count", "noise", "way", "on")] == [3, 0.5, "a", True]


@pytest.mark.parametrize(
    "given",
    [
        {"count": 1},
        {"count": 500},  # the slider's end is no limit to what one may ask for
        {"count": np.int64(4)},
        {"noise": 0},
        {"noise": np.float32(0.3)},
        {"side": 4},  # in a small image
        {"way": "b"},
        {"on": False},
    ],
)
def test_what_makes_sense_is_accepted(given):
    Knobs(**given)


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"count": 0}, ValueError, "count must be at least 1. Received: count=0."),
        ({"count": 2.5}, TypeError, "count must be a whole number of at least 1. Received: count=2.5."),
        ({"count": "3"}, TypeError, "count must be a whole number of at least 1. Received: count='3'."),
        ({"count": True}, TypeError, "count must be a whole number of at least 1. Received: count=True."),
        ({"noise": -0.1}, ValueError, "noise must be at least 0. Received: noise=-0.1."),
        ({"noise": float("nan")}, TypeError, "noise must be a number of at least 0. Received: noise=nan."),
        ({"noise": float("inf")}, TypeError, "noise must be a number of at least 0. Received: noise=inf."),
        ({"noise": None}, TypeError, "noise must be a number of at least 0. Received: noise=None."),
        ({"side": 0}, ValueError, "side must be at least 1. Received: side=0."),
        ({"way": "c"}, ValueError, "way must be one of 'a', 'b'. Received: way='c'."),
        ({"way": ["a"]}, ValueError, "way must be one of 'a', 'b'. Received: way=['a']."),
        ({"on": 1}, TypeError, "on must be True or False. Received: on=1."),
    ],
)
def test_what_makes_no_sense_is_refused_in_three_parts(given, error, sentence):
    with pytest.raises(error) as refusal:
        Knobs(**given)
    assert str(refusal.value) == sentence
