"""Controls for going on from a picture that has been made step by step."""

from dataclasses import replace

import ipywidgets

from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import CENTRED_ROW, COUNT_FIELD, LONGER_BUTTON

from .bound import Bound


class ContinueControls(Bound):
    """A button that continues a picture: after Stop to the end, and at the end by some more steps."""

    def __init__(self, session: Session):
        super().__init__(session)
        self.button = ipywidgets.Button(
            description="Continue", layout=LONGER_BUTTON, tooltip="Go on from this picture."
        )
        self.steps = ipywidgets.BoundedIntText(
            128, min=1, max=10_000, layout=COUNT_FIELD, tooltip="The number of further steps."
        )
        row = [self.button, self.steps, ipywidgets.Label("more steps")]
        self.widget = ipywidgets.HBox(row, layout=CENTRED_ROW)
        self.follow(self._show, "status")
        self.click(self.button, self._go_on)

    def _show(self):
        self.button.disabled = self.session.status not in ("done", "stopped")
        self.steps.disabled = self.session.status != "done"

    def _go_on(self):
        session = self.session
        if session.status == "stopped":
            session.again()
        elif isinstance(method := session.method, MaximalActivation):
            session.method = replace(method, steps=method.steps + self.steps.value)
