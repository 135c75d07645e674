"""Work beside a session's own picture, with a bar for its progress and a button that stops it."""

from collections.abc import Callable, Iterable
from functools import partial

import ipywidgets

from cnnviz_widgets.core.failures import reporting
from cnnviz_widgets.runner import SETTLE
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import ASIDE, BUTTON, CENTRED_ROW, THIN_PROGRESS_BAR

from .bound import Bound
from .text import paragraph, say

WORDS = {"idle": "", "running": "measuring …", "waiting": "waiting for the picture", "done": "measured"}


class Measurement(Bound):
    """A job on a worker of its own; a new one takes the place of the one that runs.

    `job()` returns the steps that remain: pairs of the share that is done, 0 to 1, and a function that shows it.

    `state` is "idle", "running", "waiting" (for the session), "stopped" (by the person), "done" or "failed".
    """

    def __init__(self, session: Session, job: Callable[[], Iterable[tuple[float, Callable[[], object]]]]):
        super().__init__(session)
        self._job, self.state = job, "idle"
        self.runner = session.runner.beside(SETTLE)
        self.button = ipywidgets.Button(
            description="Stop", layout=BUTTON, tooltip="Stop measuring; what is known stays."
        )
        self.progress = ipywidgets.FloatProgress(min=0, max=1, layout=THIN_PROGRESS_BAR)
        self.words = paragraph(css=ASIDE)
        self.widget = ipywidgets.HBox([self.button, self.progress, self.words], layout=CENTRED_ROW)
        self.click(self.button, self._press)
        self._show("idle")

    def start(self) -> None:
        """Begin the measurement, or continue it."""
        self._show("running")
        self.runner.submit(reporting(self._steps, partial(self._show, "failed")))

    def go_on(self) -> None:
        """Begin or continue it, unless the person has stopped it."""
        if self.state != "stopped":
            self.start()

    def make_way(self) -> None:
        """Pause while the session computes."""
        self.runner.stop()
        if self.state == "running":
            self._show("waiting")

    def forget(self) -> None:
        """Drop the measurement; the next one may begin by itself."""
        self.runner.stop()
        self.progress.value = 0
        self._show("idle")

    def finish(self) -> None:
        """Show that everything is known already."""
        self.runner.stop()
        self._show("done")

    def close(self) -> None:
        """Stop following the session, and end the worker."""
        super().close()
        self.runner.close()

    def _press(self):
        if self.state in ("running", "waiting"):
            self.runner.stop()
            self._show("stopped")
        else:
            self.start()

    def _steps(self):
        for share, show in self._job():
            yield partial(self._take, share, show)
        yield partial(self._show, "done")

    def _take(self, share, show):
        self.progress.value = share
        show()

    def _show(self, state, sentence=""):
        self.state = state
        busy = state in ("running", "waiting")
        self.button.description = "Stop" if busy else "Continue"
        self.button.disabled = state in ("idle", "done")
        self.progress.bar_style = {"done": "success", "failed": "danger", "stopped": "warning"}.get(state, "")
        if state == "done":
            self.progress.value = 1
        say(self.words, sentence or WORDS.get(state, "stopped"))
