"""Several results side by side: a row of live pictures with names, one set of controls, on one scale or their own."""

from collections.abc import Callable
from typing import cast

import ipywidgets
import numpy as np

from cnnviz_widgets.answering import results_among
from cnnviz_widgets.core.display import limits
from cnnviz_widgets.core.failures import Refusal
from cnnviz_widgets.core.result import MAP, Result
from cnnviz_widgets.request import Request
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import Settings
from cnnviz_widgets.widgets.front.live_image import LiveImage
from cnnviz_widgets.widgets.look import ASIDE, CUT_OFF, PANELS_GRID, PICTURE_NAME, REFUSED, buttons
from cnnviz_widgets.words import percent

from .bound import Bound
from .live_view import alt_text
from .text import paragraph, say, say_notes

# A picture whose strongest value is below this share of the shared scale gets a sentence about it.
FAINT = 0.1
ONE_NUMBER = "Only maps with one number for each place can be compared side by side."


class Panels(Bound):
    """The maps of `session.results`, each over its image, beside the image alone; a refused one is a sentence instead.

    `name_of` gives the title of a picture: a function of a Request, or of the Settings that were refused. With
    `scale.value` "shared" one colour means one number in all pictures of the same unit and sign; with "own" each
    picture runs from its least value to its greatest, a signed one to its own limits about zero. `hands` holds the
    opacity, the colours and the zoom of all pictures; `notes` are the sentences to be read beside them.
    """

    def __init__(
        self,
        session: Session,
        name_of: Callable[[Request | Settings], str],
        scale: str = "shared",
        show: str = "both",
    ):
        super().__init__(session)
        self._name_of = name_of
        self.hands = LiveImage(show=show)
        self.hands.add_class("cnnviz-hands")
        self.image = self._picture("image")
        self.image.add_class("cnnviz-bare")
        self.panels: list[Panel] = []
        self.notes = paragraph()
        self.scale = ipywidgets.ToggleButtons(
            options=[("Shared scale", "shared"), ("Own scales", "own")],
            tooltips=[
                "A colour means the same number in every picture, so that they can be compared.",
                "Each picture from its least value to its greatest, as in the article: weak ones show their shape.",
            ],
            value=scale,
            style=buttons(112),
        )
        self.row = ipywidgets.GridBox(layout=PANELS_GRID)
        self.widget = ipywidgets.VBox([self.row, self.hands])
        self.follow(self._show, "network", "image", "results")
        self.follow(self._show_status, "status")
        self.act(self.scale, "value", lambda _: self._show())

    def _picture(self, title=""):
        picture = LiveImage(leader=self.hands, compact=True, title=title)
        picture.add_class("cnnviz-panel")
        return picture

    def _show(self):
        answers = self.session.results
        while len(self.panels) < len(answers):
            self.panels.append(Panel(self._picture()))
        self._show_image(results_among(answers))
        shared = self._shared_limits(answers)
        for panel, answer in zip(self.panels, answers, strict=False):
            panel.name(self._name_of(_asked(answer)))
            if not isinstance(answer, Result):
                panel.refuse(answer.sentence)
            elif answer.axes != MAP:
                panel.refuse(f"{ONE_NUMBER} Received: a result with axes ({', '.join(answer.axes)}).")
            else:
                panel.show(answer, shared[scale_of(answer)], own=self.scale.value == "own")
        self._show_hands(answers, shared)
        self._show_notes(answers)
        self._show_status()

    def _show_image(self, results):
        """Show the image that all results explain; the session's own where there are no results, or several images."""
        explained = {(result.request.image, result.request.network.value_range) for result in results}
        if len(explained) == 1:
            ((image, value_range),) = explained
        else:
            image, network = self.session.fitted, self.session.network
            value_range = network.value_range if network else (0, 255)
        if image is not None:
            self.image.show_image(image.rgb(value_range))

    def _shared_limits(self, answers):
        """Return the limits of each scale, which hold for all values that share it."""
        values = {}
        for result in results_among(answers):
            values.setdefault(scale_of(result), []).append(result.array.ravel())
        return {scale: limits(np.concatenate(arrays), scale[1]) for scale, arrays in values.items()}

    def _show_hands(self, answers, shared):
        """Show the scale of the first picture, with the range of the values that share it."""
        results = results_among(answers)
        if not results:
            return
        scale, own = scale_of(results[0]), self.scale.value == "own"
        arrays = [result.array for result in results if scale_of(result) == scale]
        with self.hands.hold_sync():
            self.hands.show_image(np.zeros((1, 1, 3), np.uint8))
            ends = [[min(map(np.nanmin, arrays)), max(map(np.nanmax, arrays))]]
            self.hands.show_map(ends, signed=scale[1], unit=scale[0], limits=shared[scale])
        self.hands.has_scale = not own
        for panel, answer in zip(self.panels, answers, strict=False):
            panel.picture.has_scale = own or (isinstance(answer, Result) and scale_of(answer) != scale)

    def _show_notes(self, answers):
        """Show every note once, those about the same pictures together, with their names unless these are all."""
        results, about, said = results_among(answers), {}, {}
        for result in results:
            for note in result.notes:
                about.setdefault(str(note), (note, []))[1].append(self._name_of(result.request))
        for note, names in about.values():
            said.setdefault("" if len(names) == len(results) else f"{', '.join(names)}:", []).append(note)
        say_notes(self.notes, [part for names, notes in said.items() for part in (names, *notes) if part])

    def _show_status(self):
        session = self.session
        count = len(session.results)
        kept = self.panels if session.status in ("running", "loading") else self.panels[:count]
        children = (self.image, *(panel.widget for panel in kept))
        if self.row.children != children:
            self.row.children = children
        for panel in self.panels:
            panel.picture.dimmed = session.status == "failed"


class Panel:
    """One picture and the words below it, or a sentence instead."""

    def __init__(self, picture: LiveImage):
        self.picture = picture
        self.words = paragraph()
        self._title = paragraph(css=PICTURE_NAME)
        self.widget = ipywidgets.VBox(layout=CUT_OFF)

    def name(self, title: str) -> None:
        """Set the title above the picture."""
        self.picture.title = title
        say(self._title, title)

    def show(self, result: Result, shared: tuple[float, float], own: bool) -> None:
        """Show a map, on the shared limits or on its own."""
        ends = own_limits(result) if own else shared
        request = result.request
        if request.image is not None:
            self.picture.show_image(request.image.rgb(request.network.value_range))
        self.picture.show_map(
            result.array,
            signed=result.signed,
            unit=result.unit,
            limits=ends,
            alt=f"{self.picture.title}. {alt_text(result)}",
        )
        share = np.nanmax(np.abs(result.array)) / shared[1]
        faint = 0 < share < FAINT and not own
        self.words.css = ASIDE
        say(self.words, f"At most {percent(share)} of the shared scale." if faint else "")
        self.widget.children = (self.picture, self.words)

    def refuse(self, sentence: str) -> None:
        """Show a sentence in the place of a map."""
        self.picture.clear()
        self.words.css = REFUSED
        say(self.words, sentence)
        self.widget.children = (self._title, self.words)


def _asked(answer: Result | Refusal) -> Request | Settings:
    return answer.request if isinstance(answer, Result) else cast(Settings, answer.asked)  # as a session asks


def scale_of(result: Result) -> tuple[str, bool]:
    """Return (unit, signed): results that agree in both share a scale."""
    return result.unit, result.signed


def own_limits(result: Result) -> tuple[float, float]:
    """Return (low, high) of one map by itself: its least and greatest value, or for a signed one ends about zero."""
    finite = result.array[np.isfinite(result.array)]
    if result.signed or not finite.size:
        return limits(result.array, result.signed)
    return float(finite.min()), float(finite.max())
