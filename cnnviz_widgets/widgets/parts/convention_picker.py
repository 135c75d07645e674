"""A picker for the convention by which a gradient is shown: its size, its sign, or times the input."""

import ipywidgets

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.gradient_times_input import GradientTimesInput
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import ASIDE, COLUMN_WIDE, LABEL

from .bound import Bound
from .text import paragraph, say

# Name: (method, its meaning). The panels set the method's rule for ReLUs.
CONVENTIONS = {
    "absolute (article)": (
        Gradient(reduce="max_abs"),
        "The size of the gradient, the largest among the colour channels: how much a pixel matters, not which way. "
        "With own scales, each picture from its least value to its greatest, this is what the article shows.",
    ),
    "signed sum": (
        Gradient(reduce="sum"),
        "The gradient with its sign, summed over the colour channels: red where a brighter pixel raises the score, "
        "blue where it lowers it.",
    ),
    "gradient × input": (
        GradientTimesInput(),
        "The gradient times the pixel's distance from the baseline: what the pixel, as it is, adds to the score, to "
        "first order. A pixel at the baseline adds nothing, however much it matters.",
    ),
}


class ConventionPicker(Bound):
    """A dropdown of conventions; its tooltip explains all of them, a sentence below it the chosen one."""

    def __init__(self, session: Session):
        super().__init__(session)
        self.dropdown = ipywidgets.Dropdown(
            options=list(CONVENTIONS),
            description="Convention",
            style=LABEL,
            layout=COLUMN_WIDE,
            tooltip=" ".join(f"{name}: {sentence}" for name, (_, sentence) in CONVENTIONS.items()),
        )
        self.sentence = paragraph(css=ASIDE)
        self.widget = ipywidgets.VBox([self.dropdown, self.sentence])
        self.follow(self._show, "method")
        self.act(self.dropdown, "value", self._choose)

    def _show(self):
        name = next(
            (name for name, (known, _) in CONVENTIONS.items() if same_but_for_sliders(known, self.session.method)), None
        )
        self.dropdown.value = name
        say(self.sentence, CONVENTIONS[name][1] if name else "")

    def _choose(self, name):
        self.session.method = CONVENTIONS[name][0]


def same_but_for_sliders(known: Method, method: Method) -> bool:
    """Return True where a method is that of a convention, whatever its rule and its baseline."""
    return type(known) is type(method) and getattr(known, "reduce", None) == getattr(method, "reduce", None)
