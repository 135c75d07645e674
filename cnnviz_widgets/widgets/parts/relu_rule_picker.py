"""A picker for the rule by which a gradient passes a ReLU."""

from dataclasses import replace

import ipywidgets

from cnnviz_widgets.methods.gradient import RELU
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import COLUMN_WIDE, LABEL

from .bound import Bound

# The rules, and the names that keras-vis has for them.
RULES = {"standard": "standard (vanilla)", "guided": "guided", "deconvnet": "deconvnet (relu)"}


class ReluRulePicker(Bound):
    """A dropdown for `relu`, the parameter of gradients and of Grad-CAM."""

    def __init__(self, session: Session):
        super().__init__(session)
        self.widget = ipywidgets.Dropdown(
            options=[(name, rule) for rule, name in RULES.items()],
            description="relu",
            style=LABEL,
            layout=COLUMN_WIDE,
            tooltip=" ".join(f"{RULES[rule]}: {sentence}" for rule, sentence in RELU.items()),
        )
        self.follow(self._show, "method")
        self.act(self.widget, "value", lambda rule: session.update(method=replace(session.method, relu=rule)))

    def _show(self):
        self.widget.value = getattr(self.session.method, "relu", None)
