"""Grids of numbers on the page: the weights of a filter, and the arithmetic that made one number of a map."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import numpy.typing as npt
from traitlets import Dict, List

from .browser_state import BrowserState
from .esm import joined

HERE = Path(__file__).parent


class NumberGrids(BrowserState, anywidget.AnyWidget):
    """Lines of grids, numbers, signs and words, see `grid`, `number`, `sign` and `words`. Nothing in it can be set."""

    _esm = joined("number_grids.js")
    _css = HERE / "number_grids.css"

    lines = List(List(Dict())).tag(sync=True)


def grid(
    values: npt.ArrayLike,
    title: str = "",
    limit: float | None = None,
    names: Iterable[object] | None = None,
    inside: np.ndarray | None = None,
    digits: int = 3,
) -> dict[str, Any]:
    """Return a part of a line: numbers (rows, columns) coloured by their sign, in full colour from `limit` on.

    `names` stand above the columns; cells that are not `inside`, (rows, columns) of bool, are padding.
    """
    values = np.asarray(values, np.float64)
    part: dict[str, Any] = {
        "kind": "grid",
        "title": title,
        "digits": digits,
        "rows": [[_json(value) for value in row] for row in values],
    }
    part["limit"] = float(np.abs(values).max() if limit is None else limit)
    if names is not None:
        part["names"] = [str(name) for name in names]
    if inside is not None and not inside.all():
        part["outside"] = (~inside).tolist()
    return part


def number_part(value: float, title: str = "", strong: bool = False) -> dict[str, Any]:
    """Return a part of a line: one number, with a word below it."""
    return {"kind": "number", "value": _json(value), "title": title, "strong": strong}


def sign(text: str) -> dict[str, Any]:
    """Return a part of a line: ×, + or =."""
    return {"kind": "sign", "text": text}


def words(text: str) -> dict[str, Any]:
    """Return a part of a line: a text."""
    return {"kind": "text", "text": text}


def _json(value):
    return float(value) if np.isfinite(value) else None  # JSON has no infinity
