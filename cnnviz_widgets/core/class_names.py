"""The names of classes, in the forms in which Keras, TensorFlow and files hand them over."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def class_names_of(given: Any) -> tuple[str, ...]:
    """The names in the order of the output.

    `given` is a list of names, an array or a tensor of them, {name: index} as `class_indices` of a Keras generator, or
    {index: name}, whose indexes may be text, as in a JSON file. Names may be bytes. A name may be a pair (identifier,
    name), as in the file of ImageNet's classes. Raises TypeError or ValueError for anything else.
    """
    if isinstance(given, (str, bytes)):
        raise TypeError(f"class_names must be several names, such as a list of them. Received: {given!r}.")
    if isinstance(given, Mapping):
        return _in_order(given)
    given = given.numpy() if hasattr(given, "numpy") else given
    return tuple(map(_text, np.asarray(given).ravel().tolist() if isinstance(given, np.ndarray) else _each(given)))


def class_names_in(path: str) -> tuple[str, ...]:
    """The names in a file: one a line, or a list, {name: index} or {index: name} in JSON.

    Raises FileNotFoundError, TypeError or ValueError, each with a sentence, for anything else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise FileNotFoundError(
            f"The names of the classes come from a file that can be read. Received: {path!r} ({error.strerror})."
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"A file of class names is text in UTF-8. Received: {path!r}, which is not.") from error
    if text.startswith(("[", "{")):
        try:
            return class_names_of(json.loads(text))
        except json.JSONDecodeError as error:
            raise ValueError(
                f"A file that begins as JSON must be JSON: a list or a dictionary. Received: {path!r}, {error.msg} in "
                f"line {error.lineno}."
            ) from error
    names = [line.strip() for line in text.split("\n")]  # one at least, of an empty file ""
    if "" in names:
        empty = names.index("") + 1
        raise ValueError(f"A file of class names has a name in every line. Received: {path!r}, line {empty} is empty.")
    return tuple(names)


def _each(given):
    if not isinstance(given, Iterable):
        raise TypeError(
            "class_names must be a list of names, {name: index} or {index: name}. "
            f"Received: {type(given).__name__}."
        )
    return given


def _in_order(given):
    by_index = {}
    for key, value in given.items():
        index, name = (value, key) if _is_index(value) and not _is_index(key) else (key, value)
        by_index[int(index) if _is_index(index) else index] = _text(name)
    if set(by_index) != set(range(len(given))):
        raise ValueError(
            f"class_names must give a name to each index from 0 to {len(given) - 1}, once. "
            f"Received: the indexes {str(sorted(by_index, key=str))[1:-1]:.60}."
        )
    return tuple(by_index[index] for index in range(len(given)))


def _is_index(value):
    if isinstance(value, str):
        return value.isdigit()
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _text(name):
    if isinstance(name, (list, tuple)) and name:
        name = name[-1]
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
