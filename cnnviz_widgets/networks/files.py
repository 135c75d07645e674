"""A person's own model from a ``.keras`` or ``.h5`` file.

A model file can carry code. Keras does not run it in its safe mode, so that mode is asked for and a
process in which somebody switched it off is refused. Nothing is ever fetched: Keras would follow
``gs://`` and ``hf://`` addresses.
"""

import os
import re
import zipfile
from pathlib import Path

from cnnviz_widgets.network import Network
from cnnviz_widgets.words import one_line

from . import keras2

ENDINGS = (".keras", ".h5")


def looks_like_file(text: str) -> bool:
    """Return true where a string given to ``load`` means a file, false for a network's name."""
    return "/" in text or os.sep in text or bool(Path(text).suffix)


def load_file(source: str | os.PathLike[str]) -> Network:
    """Return the Network in a ``.keras`` or ``.h5`` file, named after the file.

    Raises FileNotFoundError, IsADirectoryError, or ValueError for a file that is not a Keras model
    or needs code of the person's own, and for an address; RuntimeError when the process is unsafe.
    """
    path = checked_path(os.fspath(source))
    _refuse_unsafe_process()
    import keras

    try:
        # No custom_objects: a model with code of one's own is loaded by the person and passed as an object.
        with keras2.readable(path) as file:
            model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds for a broken or foreign file
        raise ValueError(_reason(error, path)) from error
    return Network(model, name=path.stem)


def checked_path(text: str) -> Path:
    """Return the Path of a model file.

    Raises FileNotFoundError, IsADirectoryError, TypeError or ValueError, each with a sentence, for anything else: an
    address, a folder, another ending, other content.
    """
    if not isinstance(text, str):
        raise TypeError(f"A model's path must be text. Received: {text!r}.")
    if "://" in text:
        raise ValueError(
            "A model is loaded from a file on this computer, never from an address: download it"
            f" first. Received: {text!r}."
        )
    path = Path(text).expanduser()
    if path.is_dir():
        raise IsADirectoryError(
            "A model file must be one .keras or .h5 file; of a SavedModel folder, load the Keras"
            f" model yourself and pass the object. Received the folder: {text!r}."
        )
    if path.suffix not in ENDINGS:
        raise ValueError(
            f"A model file must end in {' or '.join(ENDINGS)} (model.save('name.keras') writes"
            f" one). Received: {text!r}."
        )
    if path.name.endswith(".weights.h5"):
        raise ValueError(
            "A file of weights holds no model: build the model, call model.load_weights(path), and pass the model. "
            f"Received: {text!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(f"No such model file. A path to a .keras or .h5 file is needed. Received: {text!r}.")
    if not _has_the_right_content(path):
        raise ValueError(
            f"This is not a Keras model: a {path.suffix} file is {_content(path.suffix)}."
            f" Received: {text!r}, {path.stat().st_size} bytes that are not one."
        )
    return path


def _has_the_right_content(path: Path) -> bool:
    import h5py

    return zipfile.is_zipfile(path) if path.suffix == ".keras" else h5py.is_hdf5(path)


def _content(suffix: str) -> str:
    return "a zip archive" if suffix == ".keras" else "an HDF5 file"


def _refuse_unsafe_process() -> None:
    # Keras has no public function for this; a Keras without this module must not be trusted blindly.
    from keras.src.saving.serialization_lib import in_safe_mode

    if in_safe_mode() is False:
        raise RuntimeError(
            "Model files are opened only in Keras' safe mode: load the model yourself and pass the"
            " object. Received: a process that called"
            " keras.config.enable_unsafe_deserialization()."
        )


def _reason(error: Exception, path: Path) -> str:
    """Return one sentence for Keras's paragraphs."""
    text = str(error)
    advice = "load it yourself and pass the model object"
    if path.suffix == ".keras" and (version := keras2.version_of(path)).startswith("2."):
        return (
            f"'{path.name}' was written by Keras {version}, and Keras 3 cannot read such a .keras file: save the model"
            " there as .h5, or pass the object of tf_keras."
        )
    if "lambda" in text.lower() or "safe_mode" in text:
        return (
            f"'{path.name}' holds Python code (such as a Lambda layer), which is never run from a"
            f" file. If you trust it, {advice}: keras.saving.load_model(..., safe_mode=False)."
        )
    if any(sign in text for sign in ("custom_object", "Could not locate", "Unknown layer")):
        return (
            f"'{path.name}' uses layers or functions that Keras does not have; {advice}:"
            " keras.saving.load_model(..., custom_objects={...})."
        )
    first = one_line(re.split(r"(?<=\.) | using config=", text)[0], longest=160).rstrip(".")
    return f"Keras could not read '{path.name}' as a model. It said: {first or type(error).__name__}."
