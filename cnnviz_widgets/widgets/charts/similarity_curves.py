"""The similarity of a method's maps before and after the network loses its weights, layer by layer: a line a method."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ipywidgets
import numpy as np

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.similarity import Similarity
from cnnviz_widgets.request import Request, steps
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import BUTTON, HEADING, TO_BOTH_ENDS
from cnnviz_widgets.widgets.parts.text import paragraph, say

from .curves_by_method import CurvesByMethod, check_weights
from .line_chart import Legend, Line, Look, chart, ends_of, side_by_side
from .measured_curves import MeasuredCurves

MEANING = "A map that does not change when the network's weights are destroyed is not about the network."
# Above the first similarity a map counts as the same, below the second as another; the paper sets no limits.
SAME, OTHER = 0.9, 0.5


@dataclass(frozen=True, eq=False)
class Measured:
    """The similarities of one map: {number of layers: Similarity}, of 0 to `count` layers.

    The map explains `target`; `seed` and `alone` are those of `Network.randomised`.
    """

    request: Request
    target: Target
    seed: int
    alone: bool
    count: int
    points: dict[int, Similarity] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True where every number of layers has been measured."""
        return len(self.points) > self.count

    def values(self, name: str) -> np.ndarray:
        """Return one measure (count + 1,), NaN where it is unknown yet."""
        return np.array([getattr(self.points.get(k), name, np.nan) for k in range(self.count + 1)])


class SimilarityCurves(MeasuredCurves):
    """Two charts, Spearman and SSIM, over the slider's positions. They fill in by themselves, coarse steps first.

    `choice()` returns (count, seed, alone) of `Network.randomised`.
    """

    def __init__(
        self,
        session: Session,
        choice: Callable[[], tuple[int, int, bool]],
        looks: dict[Any, Look] | None = None,
    ):
        super().__init__(session, shown=True)
        self._choice = choice
        self._current: Measured | None = None  # the line that is measured
        self.lines = CurvesByMethod(lambda line: line.complete, looks)
        self.charts = ipywidgets.HTML()
        self.legend = Legend(["Spearman, top layer", "all layers", "SSIM, top layer", "all layers"])
        self.now = paragraph()
        self._sizes = ipywidgets.Checkbox(
            description="Spearman of sizes, whatever the sign",
            indent=False,
            tooltip="Compare absolute values: a map that only changes its sign then counts as unchanged.",
        )
        self.clear = ipywidgets.Button(description="Clear", layout=BUTTON, tooltip="Forget the lines of other methods.")
        below = ipywidgets.HBox([self._sizes, self.clear], layout=TO_BOTH_ENDS)
        parts = [self.now, self.charts, self.legend.widget, below, self.measurement.widget]
        self.widget = ipywidgets.VBox([paragraph(MEANING, css=HEADING), *parts])
        self.follow(self._follow, "status")
        self.act(self._sizes, "value", lambda _: self._draw())
        self.click(self.clear, self._forget)

    def _show_pair(self, pair):
        request = pair[0].request
        network, (count, seed, alone) = request.network, self._choice()
        target = network.target(self.session.target, request.image)
        about = (network, request.weights, request.image, target, seed, alone)
        layers = len(network.weighted_layers)
        line = self.lines.line(about, request, lambda: Measured(request, target, seed, alone, layers))
        if line is not self._current:
            self._current = line
            self.measurement.forget()  # another method begins by itself, also when the one before was stopped
        say(self.now, "")
        count = min(count, layers)
        self._draw()
        if line.complete:
            self.measurement.finish()
        else:
            self.measurement.go_on()
        self._say(pair, count)

    def _measure(self):
        """Measure the missing points of the current line, as a job."""
        line, original = self._current, None
        if line is None:
            return
        request, network = line.request, line.request.network
        for count in coarse_first(line.count):
            if count in line.points:
                continue
            if original is None:
                original = yield from self._whole(line, network)
            changed = yield from self._whole(line, network.randomised(count, line.seed, line.alone))
            check_weights(request)
            found = Similarity.of(original.array, changed.array)
            yield (len(line.points) + 1) / (line.count + 1), lambda at=count, found=found: self._put(line, at, found)

    def _whole(self, line, network):
        """Return the complete result; yield the steps on the way, so that the job can be stopped there."""
        request = line.request
        for result in steps(request.method, network, request.image, target=line.target, layer=request.layer):
            if not result.complete:
                yield (len(line.points) + result.progress) / (line.count + 1), lambda: None
        return result

    def _put(self, line, count, found):
        line.points[count] = found
        self._draw()

    def _forget(self):
        self.lines.clear()
        self._current = None
        self._follow()

    def _draw(self):
        name = "spearman_absolute" if self._sizes.value else "spearman"
        words = "Spearman of sizes" if self._sizes.value else "Spearman"
        self.charts.value = side_by_side([self._chart(name, words), self._chart("ssim", "SSIM")])
        rows = []
        for label, look, line in self.lines:
            ends = [line.values(each)[k] for each in (name, "ssim") for k in (min(1, line.count), line.count)]
            rows.append((look, label, ["…" if np.isnan(value) else f"{value:.2f}" for value in ends]))
        self.legend.show(rows)

    def _chart(self, name, words):
        count, _, alone = self._choice()
        drawn = [(look, line) for _, look, line in self.lines]
        layers = max((line.count for _, line in drawn), default=1)
        lines = [Line(np.arange(line.count + 1), line.values(name), look) for look, line in drawn]
        low, high = ends_of([value for line in lines for value in line.y], 0.0, 1.0)
        x_label = "which layer is shuffled, counted from the top" if alone else "layers shuffled, from the top"
        return chart(lines, x_label, words, layers, (np.floor(2 * low) / 2, high), min(count, layers))

    def _say(self, pair, count):
        """Say in a sentence how similar the two maps on the page are."""
        found = Similarity.of(*(each.array for each in pair))
        if count == 0 or np.isnan(found.spearman):
            return
        change = (
            "hardly changed: it shows the image more than what the network has learned"
            if found.spearman > SAME
            else "changed: it depends on these weights"
            if found.spearman < OTHER
            else "changed in part"
        )
        say(self.now, f"Here the map has {change} (Spearman {found.spearman:.2f}, SSIM {found.ssim:.2f}).")


def coarse_first(count: int) -> list[int]:
    """Return 0 to `count`: the ends, the top layer, every 64th, every 32nd and so on: lines get their shape early."""
    order = [0, count, 1, *sorted(range(2, count), key=lambda k: -(k & -k))]
    return [k for k in dict.fromkeys(order) if k <= count]
