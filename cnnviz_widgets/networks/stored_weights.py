"""Weights of the bundled networks as NumPy files: half precision on disk, float32 in the model.

A file is an ``.npz`` archive with one array a variable, named ``layer/variable``
(``stem_conv/kernel``). float16 halves the size of the package. Small arrays (batch normalisation,
biases, the first kernels) stay float32: they weigh nothing, and rounding them too moved
EfficientNet-Lite0's probabilities by up to 0.004 instead of 0.0008.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

DATA = Path(__file__).parent / "data"
FLOAT32_BELOW = 5000  # numbers in an array


def save_arrays(arrays: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Write {"layer/variable": array} to ``path``, large arrays rounded to float16.

    Raises ValueError when float16 cannot hold a number.
    """
    stored = {key: _compact(key, array) for key, array in arrays.items()}
    np.savez_compressed(path, **stored)  # type: ignore[arg-type]  # no variable is named allow_pickle


def save_weights(model: "keras.Model", path: str | os.PathLike[str]) -> None:
    """Write the variables of ``model``'s layers to ``path``, large ones rounded to float16."""
    save_arrays({key: variable.numpy() for key, variable in _variables(model).items()}, path)


def load_weights(model: "keras.Model", path: str | os.PathLike[str]) -> None:
    """Fill ``model`` from ``path``.

    Raises ValueError when the file and the model do not have the same variables: a layer left at
    its random start would look like a working network.
    """
    variables = _variables(model)
    with np.load(path, allow_pickle=False) as arrays:
        strangers = sorted(set(variables) ^ set(arrays.files))
        if strangers:
            raise ValueError(
                f"A weights file holds exactly the variables of its network. Only in one of"
                f" '{model.name}' and the file: {', '.join(strangers[:5])}."
                f" Received: {Path(path).name}."
            )
        for key, variable in variables.items():
            variable.assign(arrays[key].astype(np.float32))


def _compact(key: str, array: np.ndarray) -> np.ndarray:
    if array.size < FLOAT32_BELOW:
        return np.ascontiguousarray(array, np.float32)
    largest = np.abs(array).max()
    if not largest <= np.finfo(np.float16).max:
        raise ValueError(f"float16 holds numbers up to 65504. Received: {largest} in '{key}'.")
    return np.ascontiguousarray(array, np.float16)


def _variables(model: "keras.Model") -> "dict[str, keras.Variable]":
    return {f"{layer.name}/{variable.name}": variable for layer in model.layers for variable in layer.weights}
