"""A row of scores.csv."""

from typing import Any

from cnnviz_widgets.core.result import Result
from cnnviz_widgets.request import Request


def measured(request: Request) -> tuple[float | None, float | None]:
    """Return (score, probability or None) of the target; (None, None) for a method that explains no target."""
    if request.target is None or request.image is None:
        return None, None
    network = request.network
    return float(network.scores(request.image, request.target)), network.probability(request.image, request.target)


def row_of(name: str, result: Result, beside: tuple[float | None, float | None]) -> dict[str, Any]:
    """Return the row for a result; fields that do not apply are empty. `unit`, `min` and `max` are those of the map."""
    request = result.request
    target, network = request.target, request.network
    score, probability = beside
    return {
        "file": name,
        "target": "" if target is None else network.describe(target),
        "index": "" if target is None or not target.plain else target.index,
        "score": _number(score),
        "probability": _number(probability),
        "unit": result.unit,
        "min": _number(result.array.min()),
        "max": _number(result.array.max()),
        "notes": " ".join(map(str, result.notes)),
    }


def _number(value):
    """Return a number as text, with all digits of a float32; "" for None."""
    return "" if value is None else f"{value:.9g}"
