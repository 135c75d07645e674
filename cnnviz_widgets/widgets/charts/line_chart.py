"""A few curves in one small chart, as an SVG in the page's own colours, and the legend that names them.

Names come from the person's network, so they never enter the SVG: they stand in the legend, as text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
import numpy.typing as npt

from cnnviz_widgets.widgets.look import (
    CHART_CELL,
    CHARTS_ROW,
    LEGEND_CELL,
    LEGEND_HEADING,
    LEGEND_NAME,
    PAGE_FONT,
    chart_style,
    legend_grid,
)
from cnnviz_widgets.widgets.parts.text import paragraph, say
from cnnviz_widgets.words import number

WIDTH, HEIGHT = 400, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 38  # px around the curves
MANY = 40  # points: a curve of so many has no dots
INK = 'stroke="currentColor" fill="none"'
Look = tuple[str, str]  # of a line: its colour, and its dashes as in SVG, "" for none
# Okabe and Ito's colours, told apart with any kind of colour vision; dashes tell the lines apart as well.
LOOKS = (
    ("#0072b2", ""),
    ("#d55e00", "7 3"),
    ("#009e73", "2 3"),
    ("#cc79a7", "9 3 2 3"),
    ("#56b4e9", "4 2"),
    ("#e69f00", "12 3"),
    ("#7f7f7f", "1 2"),
)
CHANCE = ("currentColor", "3 4")


@dataclass(frozen=True, eq=False)
class Line:
    """A curve through (x, y); y is NaN where it is unknown. `band` is (low, high), each like `y`, shaded between."""

    x: np.ndarray
    y: np.ndarray
    look: Look
    band: tuple[np.ndarray, np.ndarray] | None = None


def chart(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    x_end: float,
    y_ends: tuple[float, float],
    marker: float | None = None,
) -> str:
    """Return the SVG of lines over 0 to `x_end`, between `y_ends`, with a bar at `marker`; labels are our own."""
    low, high = y_ends
    across, up = (WIDTH - LEFT - RIGHT) / (x_end or 1), (HEIGHT - TOP - BOTTOM) / ((high - low) or 1)

    def place(x, y):
        return f"{LEFT + x * across:.1f},{HEIGHT - BOTTOM - (y - low) * up:.1f}"

    parts = [_frame(place, x_end, low, high)]
    if marker is not None:
        parts.append(f'<path d="M{place(marker, low)}L{place(marker, high)}" {INK} stroke-width="6" opacity="0.15"/>')
    for line in lines:
        parts += _band(line, place) + _curve(line, place)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, x_label, "middle"))
    parts.append(f'<g transform="rotate(-90 12 {middle})">{_text(12, middle, y_label, "middle")}</g>')
    said = f"{y_label} over {x_label}: {len(lines)} curves"
    style = chart_style(WIDTH, PAGE_FONT)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}" style="{style}">{"".join(parts)}</svg>'


def side_by_side(charts: Iterable[str]) -> str:
    """Return charts in a row, as HTML; on a narrow page they stand below each other."""
    cells = "".join(f'<div style="{CHART_CELL}">{each}</div>' for each in charts)
    return f'<div style="{CHARTS_ROW}">{cells}</div>'


class Legend:
    """Rows below charts: a line's look, its name and some numbers; the first row has the headings."""

    def __init__(self, headings: Sequence[str]):
        self.widget = ipywidgets.GridBox(layout=legend_grid(len(headings)))
        self._heading = (_cell(), _cell(), *(_cell(text, LEGEND_HEADING) for text in headings))
        self._rows = []

    def show(self, rows: Sequence[tuple[Look, str, Sequence[str]]]) -> None:
        """Show rows of (look, name, numbers in words). Cells are made once, because every new point calls this."""
        while len(self._rows) < len(rows):
            self._rows.append((ipywidgets.HTML(), _cell(css=LEGEND_NAME), *map(_cell, rows[-1][2])))
        for (sample, *cells), (look, name, numbers) in zip(self._rows, rows, strict=False):
            sample.value = swatch(look)
            for cell, text in zip(cells, (name, *numbers), strict=True):
                say(cell, text)
        shown = [cell for row in (self._heading, *self._rows[: len(rows)]) for cell in row] if rows else []
        if list(self.widget.children) != shown:
            self.widget.children = shown


def swatch(look: Look) -> str:
    """Return a piece of a line, as it looks in the chart, as an SVG."""
    return f'<svg width="30" height="10" aria-hidden="true"><path d="M0,5H30" {_stroke(look)}/></svg>'


def ends_of(values: npt.ArrayLike, low: float, high: float) -> tuple[float, float]:
    """Return (low, high) for an axis, stretched where values reach further; only finite ones count."""
    finite = [value for value in np.ravel(values) if np.isfinite(value)]
    return min([low, *finite]), max([high, *finite])


def _cell(text="", css=""):
    return paragraph(text, css=LEGEND_CELL + css)


def _frame(place, x_end, low, high):
    corner, bottom = place(0, high), place(0, low)
    lines = f'<path d="M{corner}L{bottom}L{place(x_end, low)}" {INK} opacity="0.4"/>'
    for tick in sorted({low, 0.0 if low < 0 < high else (low + high) / 2, high}):
        x, y = map(float, place(0, tick).split(","))
        lines += f'<path d="M{x},{y}H{WIDTH - RIGHT}" {INK} opacity="0.12"/>'
        lines += _text(x - 5, y + 4, number(tick, 2), "end")
    for tick in sorted({0, round(x_end / 2) if x_end > 1 else x_end / 2, x_end}):
        x, y = map(float, place(tick, low).split(","))
        lines += _text(x, y + 14, number(tick), "end" if tick == x_end else "middle")
    return lines


def _curve(line, place):
    """Draw the known points, joined only where none is missing in between: a gap must not look like a straight line."""
    known = np.flatnonzero(np.isfinite(line.y))
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if known.size else []
    parts = []
    for run in runs:
        points = " ".join(place(line.x[k], line.y[k]) for k in run)
        parts.append(f'<polyline points="{points}" {_stroke(line.look)}/>')
    alone = known if len(line.x) < MANY else [run[0] for run in runs if len(run) == 1]
    for x, y in (place(line.x[k], line.y[k]).split(",") for k in alone):
        parts.append(f'<circle cx="{x}" cy="{y}" r="2" fill="{line.look[0]}"/>')
    return parts


def _band(line, place):
    if line.band is None:
        return []
    known = [k for k in range(len(line.x)) if np.isfinite(line.band[0][k]) and np.isfinite(line.band[1][k])]
    there = [place(line.x[k], line.band[0][k]) for k in known]
    back = [place(line.x[k], line.band[1][k]) for k in reversed(known)]
    return [f'<polygon points="{" ".join(there + back)}" fill="{line.look[0]}" opacity="0.13"/>']


def _stroke(look):
    colour, dashes = look
    return (
        f'fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round" stroke-dasharray="{dashes or "none"}"'
    )


def _text(x, y, words, anchor):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor" opacity="0.8">{words}</text>'
