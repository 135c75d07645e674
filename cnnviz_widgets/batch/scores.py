"""A row of scores.csv."""


def measured(request):
    """(score, probability or None) of what was explained; (None, None) of a method that explains no target."""
    if request.target is None:
        return None, None
    network = request.network
    return float(network.scores(request.image, request.target)), network.probability(request.image, request.target)


def row_of(name, result, beside):
    """The row for a result, what does not apply left empty. `unit` is that of the map, whose ends are min and max."""
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
    """As many digits as a float32 has."""
    return "" if value is None else f"{value:.9g}"
