"""The course of a score as a small curve in the page's own colours. It has numbers only, no words to escape."""

from collections.abc import Sequence

from cnnviz_widgets.widgets.look import PLAIN_FONT, chart_style
from cnnviz_widgets.words import number

WIDTH, HEIGHT = 300, 120
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 22  # px around the curve
THIN = 'fill="none" stroke="currentColor" stroke-opacity="0.4"'
THICK = 'fill="none" stroke="var(--jp-brand-color1,#1976d2)" stroke-width="2"'


def curve(course: Sequence[tuple[int, float]], level: float | None = None) -> str:
    """Return an SVG of (step, score) pairs, with a dashed line at the score `level`."""
    steps, scores = zip(*course, strict=True)
    heights = scores if level is None else (*scores, level)
    low, high, last = min(heights), max(heights), steps[-1]
    across, up = (WIDTH - LEFT - RIGHT) / last, (HEIGHT - TOP - BOTTOM) / ((high - low) or 1.0)

    def place(step, score):
        return f"{LEFT + step * across:.1f},{HEIGHT - BOTTOM - (score - low) * up:.1f}"

    parts = [f'<path d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" {THIN}/>']
    if level is not None:
        parts.append(f'<path d="M{place(0, level)}L{place(last, level)}" {THIN} stroke-dasharray="4 3"/>')
    parts.append(f'<polyline points="{" ".join(place(*point) for point in course)}" {THICK}/>')
    parts += [_number(LEFT - 4, TOP + 8, high), _number(LEFT - 4, HEIGHT - BOTTOM, low)]
    parts += [_number(LEFT + 4, HEIGHT - 6, 0), _number(WIDTH - RIGHT, HEIGHT - 6, last)]
    said = f"score by step: from {number(scores[0])} to {number(scores[-1])} in {last} steps"
    style = chart_style(WIDTH, PLAIN_FONT)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}" style="{style}">{"".join(parts)}</svg>'


def _number(right, bottom, value):
    return f'<text x="{right}" y="{bottom}" text-anchor="end" fill="currentColor" opacity="0.75">{number(value)}</text>'
