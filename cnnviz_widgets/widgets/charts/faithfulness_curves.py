"""Deletion and insertion: a line a method beside orders drawn at random, and the areas as numbers."""

from collections.abc import Iterable
from typing import Any

import ipywidgets
import numpy as np

from cnnviz_widgets.core.result import Result
from cnnviz_widgets.maps.faithfulness import ORDERS, STEPS, Faithfulness, deletion_and_insertion
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import LABEL, LOOSE_ROW, SHORT_DROPDOWN
from cnnviz_widgets.widgets.parts.text import paragraph

from .curves_by_method import CurvesByMethod, check_weights
from .line_chart import CHANCE, Legend, Line, Look, chart, ends_of, side_by_side
from .measured_curves import MeasuredCurves

MEANING = (
    "Deletion paints over the pixels at which the map points, highest first: if the network needs them, its score "
    "falls soon, and the area under the curve is small. Insertion puts them back into a blurred image: if they are "
    "enough, the score rises soon, and the area is large. Compare with random orders, dotted: an image with holes is "
    "unlike any that the network has learned from, so holes anywhere lower its score."
)


class FaithfulnessCurves(MeasuredCurves):
    """Two charts, deletion and insertion, of the map of the network as it is. They fill in while they are seen."""

    def __init__(self, session: Session, looks: dict[Any, Look] | None = None):
        super().__init__(session, shown=False)
        self._current: tuple[tuple[Any, ...], Result] | None = None  # (key of the current line, result with the map)
        self.lines = CurvesByMethod(lambda found: found is not None and found.progress >= 1, looks)
        self.charts = ipywidgets.HTML()
        self.legend = Legend(["area, deletion (small is good)", "area, insertion (large is good)"])
        self.fill = ipywidgets.Dropdown(
            options=["mean", "blur", "black"],
            description="deleted pixels",
            style=LABEL,
            layout=SHORT_DROPDOWN,
            tooltip="Their new colour: the image's mean colour, the image blurred, or black.",
        )
        self.score = ipywidgets.Dropdown(
            options=["probability", "logit"],
            description="score",
            style=LABEL,
            layout=SHORT_DROPDOWN,
            tooltip="The score to measure: the probability of the class, as in the paper, or its logit.",
        )
        options = ipywidgets.HBox([self.fill, self.score], layout=LOOSE_ROW)
        parts = [self.charts, self.legend.widget, options, self.measurement.widget]
        self.widget = ipywidgets.VBox([paragraph(MEANING), *parts])
        self.follow(self._follow, "status")
        self.act(self.fill, "value", lambda _: self._follow())
        self.act(self.score, "value", lambda _: self._follow())

    def _show_pair(self, pair):
        request = pair[0].request
        target = request.network.target(self.session.target, request.image)
        about = (request.network, request.weights, request.image, target, self.fill.value, self.score.value)
        known = self.lines.line(about, request, lambda: None)
        before, self._current = self._current, (about, pair[0])
        if before is None or (before[0], before[1].request) != (about, request):
            self.measurement.forget()
        self._draw()
        if known is None or known.progress < 1:
            self.measurement.go_on()
        else:
            self.measurement.finish()

    def _measure(self):
        """Measure the curves of the current map from the beginning, as a job; the network keeps the random orders."""
        if self._current is None:
            return
        (network, _, image, target, fill, score), result = self._current
        request = result.request
        for found in deletion_and_insertion(network, image, target, result.array, STEPS, fill, score, ORDERS):
            check_weights(request)
            yield found.progress, lambda found=found: self._put(request, found)

    def _put(self, request, found):
        self.lines.replace(request, found)
        self._draw()

    def _draw(self):
        known = [(name, look, found) for name, look, found in self.lines if found is not None]
        charts = [self._chart(known, which) for which in ("deletion", "insertion")]
        self.charts.value = side_by_side(charts)
        rows = [
            (look, name, [_number(found.deletion_area), _number(found.insertion_area)]) for name, look, found in known
        ]
        if known:
            found = best_known(known)
            areas = (found.random_deletion_areas, found.random_insertion_areas)
            rows.append((CHANCE, f"{ORDERS} random orders: mean ± deviation", [_spread(each) for each in areas]))
        self.legend.show(rows)

    def _chart(self, known, which):
        lines = [Line(found.shares, getattr(found, which), look) for _, look, found in known]
        if known:
            found = best_known(known)
            curves = getattr(found, f"random_{which}")
            curves = curves[np.isfinite(curves).all(axis=1)]
            if len(curves):
                band = curves.min(axis=0), curves.max(axis=0)
                lines.insert(0, Line(found.shares, curves.mean(axis=0), CHANCE, band))
        unit = known[0][2].unit if known else str(self.score.value)
        every = [value for line in lines for value in (*line.y, *(np.ravel(line.band) if line.band else ()))]
        ends = ends_of(every, 0.0, 1.0 if unit == "probability" else 0.0)
        label = "share of pixels deleted" if which == "deletion" else "share of pixels put back"
        return chart(lines, label, unit, 1.0, ends)


def best_known(known: Iterable[tuple[str, Look, Faithfulness]]) -> Faithfulness:
    """Return, of (name, look, Faithfulness), the one that knows most of the random orders, which all share."""
    return max((found for _, _, found in known), key=lambda found: np.isfinite(found.random_insertion).sum())


def _number(area):
    return "…" if np.isnan(area) else f"{area:.3f}"


def _spread(areas):
    areas = areas[np.isfinite(areas)]
    return "…" if len(areas) < 2 else f"{areas.mean():.3f} ± {areas.std(ddof=1):.3f}"
