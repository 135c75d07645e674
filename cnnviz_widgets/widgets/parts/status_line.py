"""The status line: the session's message and notes, its progress, Stop and Back."""

import ipywidgets

from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import ASIDE_IN_A_LINE, BUTTON, CENTRED_ROW, ERROR, MESSAGE, PROGRESS_BAR

from .bound import Bound
from .text import paragraph, say, say_notes


class StatusLine(Bound):
    """The session's words to the person. The `notes`, of any length, stand apart, so that the picture does not jump."""

    def __init__(self, session: Session):
        super().__init__(session)
        self.message = paragraph()
        self.notes = paragraph()
        self._progress = ipywidgets.FloatProgress(min=0, max=1, layout=PROGRESS_BAR)
        self._time = paragraph(css=ASIDE_IN_A_LINE)
        self._stop = ipywidgets.Button(
            description="Stop", layout=BUTTON, tooltip="Stop computing; what is shown so far stays."
        )
        self.back = ipywidgets.Button(
            description="Back", layout=BUTTON, tooltip="Go back to the picture before this one."
        )
        row = ipywidgets.HBox([self.back, self._stop, self._progress, self._time], layout=CENTRED_ROW)
        self.widget = ipywidgets.VBox([row, self.message])
        self.follow(self._show, "settings", "status", "message", "progress", "seconds_left")
        self.follow(self._show_result, "result")
        self.click(self._stop, session.stop)
        self.click(self.back, session.undo)

    def _show(self):
        session = self.session
        failed = session.status == "failed"
        self.message.css = ERROR if failed else MESSAGE
        self.message.role = "alert" if failed else None
        say(self.message, session.message)
        running = session.status == "running"
        self._stop.disabled = not running
        self.back.disabled = not session.can_undo
        self._progress.layout.visibility = "hidden" if session.status in AT_REST else None
        self._progress.value = session.progress
        self._progress.bar_style = {"failed": "danger", "stopped": "warning"}.get(session.status, "")
        say(self._time, self._time_left() if running else WORDS[session.status])

    def _show_result(self):
        result = self.session.result
        if result is not None:
            say_notes(self.notes, result.notes)

    def _time_left(self):
        left = self.session.seconds_left
        return "computing …" if left is None or left < 0.5 else f"{left:.0f} s left"


AT_REST = ("empty", "done")  # there is no progress to show
WORDS = {"empty": "", "loading": "loading …", "done": "done", "stopped": "stopped", "failed": "not done"}
