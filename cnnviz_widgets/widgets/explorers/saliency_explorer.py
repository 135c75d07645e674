"""`SaliencyExplorer`: which pixels matter, by the plain gradient and by two rules that change it."""

from dataclasses import replace

import ipywidgets

from cnnviz_widgets.methods.gradient import RELU, Gradient
from cnnviz_widgets.methods.gradient_times_input import GradientTimesInput
from cnnviz_widgets.widgets.look import ASIDE, COLUMN_WIDE, LABEL
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.text import paragraph, say

from .comparison_explorer import Comparison

# Name: (method, what it means). The method's own rule for ReLUs is the panels' business.
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
RULES = {"standard": "standard (vanilla)", "guided": "guided", "deconvnet": "deconvnet (relu)"}


class SaliencyExplorer(Comparison):
    """The image, and its saliency by the plain gradient, by guided backpropagation and by the deconvnet's rule.

    Arguments as for `SessionExplorer`; `method` is a Gradient or a GradientTimesInput, whose `relu` is what the panels
    vary, and `scale` is "own" or "shared".
    """

    first_method = Gradient

    def __init__(self, network=None, image=None, method=None, target=None, session=None, scale="own"):
        super().__init__(network, image, method, None, target, session, scale=scale, show="map")
        self.convention = self.add(ConventionPicker(self.session))
        self.controls = self.add(ParameterControls(self.session, hidden=("relu", "reduce")))
        self.arrange([self.convention.widget, self.controls.widget], [self.panels.scale])

    def variants(self, settings):
        """The method once with each rule for ReLUs."""
        return tuple(replace(settings, method=replace(settings.method, relu=rule)) for rule in RELU)

    def name_of(self, asked):
        """The rule, and what keras-vis calls it."""
        return RULES[asked.method.relu]


class ConventionPicker(Bound):
    """What a gradient becomes before it is shown: a dropdown, explained in its tooltip and below it."""

    def __init__(self, session):
        super().__init__(session)
        self._dropdown = ipywidgets.Dropdown(
            options=list(CONVENTIONS),
            description="Convention",
            style=LABEL,
            layout=COLUMN_WIDE,
            tooltip=" ".join(f"{name}: {sentence}" for name, (_, sentence) in CONVENTIONS.items()),
        )
        self._sentence = paragraph(css=ASIDE)
        self.widget = ipywidgets.VBox([self._dropdown, self._sentence])
        self.follow(self._show, "method")
        self.act(self._dropdown, "value", self._choose)

    def _show(self):
        name = next(
            (name for name, (known, _) in CONVENTIONS.items() if same_but_for_sliders(known, self.session.method)), None
        )
        self._dropdown.value = name
        say(self._sentence, CONVENTIONS[name][1] if name else "")

    def _choose(self, name):
        self.session.method = CONVENTIONS[name][0]


def same_but_for_sliders(known, method):
    """Whether a method is a convention's, whatever its rule and its baseline."""
    return type(known) is type(method) and getattr(known, "reduce", None) == getattr(method, "reduce", None)
