"""Pictures that a method makes, as they grow: one large, the others small, the course of the score, a real image."""

import ipywidgets

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.result import PICTURE, Result
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.charts.score_curve import curve
from cnnviz_widgets.widgets.front.gallery import Gallery
from cnnviz_widgets.widgets.front.live_image import LiveImage
from cnnviz_widgets.widgets.look import ASIDE, SMALL_PICTURE
from cnnviz_widgets.words import number, percent

from .bound import Bound
from .text import paragraph, say, say_notes

THUMBNAIL = 104  # px


class MaximalActivationGallery(Bound):
    """The results of a session whose axes are PICTURE.

    `shown` is the large one: the one that grows while they are made, afterwards the one that the person has picked.
    `live_image`, `notes` and `grid` stand below each other; `course` and `sample` beside them.
    """

    def __init__(self, session: Session):
        super().__init__(session)
        self.live_image = LiveImage()
        self.live_image.add_class("cnnviz-bare")  # there will be no map over it
        self.grid = Gallery(label="Pictures", side=THUMBNAIL, named=True)
        self.grid.layout.display = "none"
        self.course = ipywidgets.HTML()
        self.notes = paragraph()
        self._sample, self._about_sample = LiveImage(compact=True), paragraph(css=ASIDE)
        self.sample = ipywidgets.VBox(
            [self._about_sample, self._sample], layout=SMALL_PICTURE | {"visibility": "hidden"}
        )
        self.shown: Result | None = None
        self._picked = None  # (network, target) of the one picked in the grid
        self._small = ()  # the results whose pictures the grid shows
        self.follow(self._show, "results")
        self.follow(self._show_status, "status")
        self.act(self.grid, "selected", self._pick)

    @property
    def many(self) -> bool:
        """True where there is a grid."""
        return self.grid.layout.display is None

    @many.setter
    def many(self, many: bool) -> None:
        self.grid.layout.display = None if many else "none"
        self._picked = None

    def _show(self):
        results = [result for result in self.session.results if isinstance(result, Result) and result.axes == PICTURE]
        if results:
            picked = [result for result in results if _asked(result) == self._picked]
            self._show_large((picked or results)[-1])
            self._show_small(tuple(result for result in results if result.complete))

    def _show_large(self, result):
        self.shown = result
        notes = {note.kind: note for note in result.notes}
        self.live_image.show_image(_rgb(result))
        self.live_image.title = caption(result)
        say_notes(self.notes, result.notes)
        reached = notes["score_reached"].numbers if "score_reached" in notes else {}
        self.course.value = curve(result.course, reached.get("best")) if result.course else ""
        self._show_sample(result.request.network, reached)

    def _show_sample(self, network, reached):
        self.sample.layout.visibility = None if "sample" in reached else "hidden"
        if "sample" in reached:
            image = network.fit(network.samples[reached["sample"]])
            self._sample.show_image(image.rgb(network.value_range))
            self._sample.title = image.name
            say(
                self._about_sample,
                f"The best sample scores {number(reached['best'])} (dashed):",
            )

    def _show_small(self, results):
        if results != self._small:
            self._small = results
            asked = [_asked(result) for result in results]
            self.grid.set_items(
                [_rgb(result) for result in results],
                [caption(result) for result in results],
                selected=asked.index(self._picked) if self._picked in asked else -1,
            )

    def _show_status(self):
        status = self.session.status
        self.live_image.busy = status == "loading"
        self.live_image.dimmed = status == "failed" and self.shown is not None

    def _pick(self, index):
        self._picked = _asked(self._small[index]) if index >= 0 else None
        self._show()


def caption(result: Result) -> str:
    """Return a picture's caption: its target, and the probability that the network gives it, or its score."""
    probability = next((note.numbers["probability"] for note in result.notes if "probability" in note.numbers), None)
    target = result.request.target
    assert target is not None  # a method that makes a picture makes it for one
    name = result.request.network.describe(target)
    if probability is not None:
        return f"{name} · {percent(probability)}"
    return f"{name} · score {number(max(score for _, score in result.course))}"


def _asked(result):
    return result.request.network, result.request.target


def _rgb(result):
    return InputImage(result.array).rgb(result.request.network.value_range)
