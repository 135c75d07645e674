"""What class activation maps share: the final ReLU and the notes beside a map."""

import numpy as np
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.cams import by_variance, cancelled, finished, ruled


def kinds_of(result):
    return [note.kind for note in result.notes]


def test_the_final_relu_takes_what_is_negative_and_makes_the_map_unsigned():
    cam = np.array([[1.0, -2.0], [0.0, 3.0]])
    rectified, raw = (finished(cam, "conv", on, "score") for on in (True, False))
    assert rectified.array.tolist() == [[1, 0], [0, 3]]
    assert raw.array.tolist() == cam.tolist()
    assert not rectified.signed
    assert raw.signed
    assert rectified.array.dtype == raw.array.dtype == np.float32


def test_a_map_made_black_by_the_final_relu_says_so():
    assert kinds_of(finished(np.array([[-1.0, -2.0]]), "conv", True, "score")) == ["nothing_positive"]
    assert kinds_of(finished(np.array([[-1.0, -2.0]]), "conv", False, "score")) == []
    assert kinds_of(finished(np.array([[-1.0, 1e-9]]), "conv", True, "score")) == []


def test_a_map_that_was_zero_before_is_not_called_negative():
    assert kinds_of(finished(np.zeros((2, 2)), "conv", True, "score")) == []


def test_one_cell_cannot_tell_places_apart():
    (note,) = finished(np.ones((1, 1)), "conv9", True, "score").notes
    assert note.kind == "single_cell"
    assert "conv9" in note.text


def test_only_a_rule_for_relus_has_notes(small):
    assert ruled(small, "conv1", Target(0), "standard") == ()
    # Nothing of weights: that was found of guided gradients at the pixels.
    assert [note.kind for note in ruled(small, "conv1", Target(0), "guided")] == ["relus_rewritten"]


def test_the_channel_that_varies_most_stands_first_and_equal_ones_in_their_order():
    activations = np.zeros((2, 2, 4))
    activations[0, 0] = [1, -8, 0, 3]
    activations += [0, 0, 100, 0]  # large, but the same everywhere
    assert by_variance(activations).tolist() == [1, 3, 0, 2]
    assert by_variance(np.ones((2, 2, 3))).tolist() == [0, 1, 2]


def test_channels_whose_signs_cancel_are_counted():
    activations = np.stack([[[1.0, -0.99]], [[1.0, -0.5]], [[2.0, 3.0]], [[0.0, 0.0]]], axis=-1)
    (note,) = cancelled(activations)
    assert note.numbers == {"count": 1, "channels": 4}
    assert "In 1 of 4 channels" in note.text
    assert note.text.endswith(".")
    assert cancelled(np.abs(activations)) == ()


@pytest.mark.parametrize("progress", [0.25, 1.0])
def test_progress_and_notes_are_handed_on(progress):
    note = finished(np.ones((1, 1)), "conv", True, "score").notes[0]
    result = finished(np.ones((2, 2)), "conv", True, "activation", (note,), progress)
    assert (result.notes, result.progress, result.unit) == ((note,), progress, "activation")
