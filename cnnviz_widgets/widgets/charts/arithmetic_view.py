"""The arithmetic of one number of a feature map: patch × kernel of the main inputs, the sum, bias, activation."""

from typing import Any

import numpy as np

from cnnviz_widgets.anatomy.convolution import Terms
from cnnviz_widgets.widgets.front.number_grids import grid, number_part, sign, words

# Input channels whose patch and kernel are shown; the others are one number.
SHOWN = 4


def arithmetic(terms: Terms, value: float) -> list[list[dict[str, Any]]]:
    """Return the lines for `NumberGrids` that end in `value`, the number that stands in the map."""
    shown = terms.largest(SHOWN)
    largest = (np.abs(terms.patch).max() or 1, np.abs(terms.kernel).max() or 1)
    lines = [_channel(terms, place, *largest) for place in shown]
    rest = len(terms.input_channels) - len(shown)
    sums = terms.contributions
    parts = [number_part(float(sums[place]), f"input {terms.input_channels[place]}") for place in shown]
    if rest:
        others = sums.sum() - sums[shown].sum()
        parts.append(number_part(others, f"{rest} other input{'s' if rest > 1 else ''}"))
    if terms.bias is not None:
        parts.append(number_part(terms.bias, "bias"))
    last = [part for each in parts for part in (sign("+"), each)][1:]
    if terms.activation is None:
        return [*lines, [*last, sign("="), number_part(value, "in the map", strong=True)]]
    total = [sign("="), number_part(terms.total, "sum")]
    return [
        *lines,
        [*last, *total, sign("→"), words(terms.activation), sign("→"), number_part(value, "in the map", strong=True)],
    ]


def _channel(terms, place, largest_input, largest_weight):
    index = terms.input_channels[place]
    return [
        grid(terms.patch[..., place], f"input {index}, patch", largest_input, inside=terms.inside),
        sign("×"),
        grid(terms.kernel[..., place], "kernel", largest_weight),
        sign("="),
        number_part(terms.contributions[place], "summed"),
    ]
