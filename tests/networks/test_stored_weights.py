"""Storing weights: what is rounded, and what is refused."""

import numpy as np
import pytest

from cnnviz_widgets.networks.stored_weights import load_weights, save_arrays, save_weights


@pytest.fixture
def model():
    from keras import Input, Sequential, layers

    return Sequential([Input((100,)), layers.Dense(60, name="wide"), layers.Dense(2, name="few")])


def test_large_arrays_are_rounded_to_half_precision_and_small_ones_are_kept(model, tmp_path):
    save_weights(model, tmp_path / "weights.npz")
    before = [np.array(variable) for variable in model.weights]
    for variable in model.weights:
        variable.assign(variable * 0)
    load_weights(model, tmp_path / "weights.npz")
    wide, *others = (np.array(variable) for variable in model.weights)
    np.testing.assert_array_equal(wide, before[0].astype(np.float16))
    assert not np.array_equal(wide, before[0])
    for now, was in zip(others, before[1:], strict=True):
        np.testing.assert_array_equal(now, was)


def test_a_file_without_one_of_the_variables_is_refused(model, tmp_path):
    save_weights(model, tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as stored:
        arrays = {key: array for key, array in stored.items() if key != "few/bias"}
    save_arrays(arrays, tmp_path / "less.npz")
    with pytest.raises(ValueError, match=r"few/bias.*Received: less.npz"):
        load_weights(model, tmp_path / "less.npz")


def test_numbers_too_large_for_half_precision_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"up to 65504. Received: 70000.0 in 'a/kernel'"):
        save_arrays({"a/kernel": np.full(5000, 7e4, np.float32)}, tmp_path / "weights.npz")
