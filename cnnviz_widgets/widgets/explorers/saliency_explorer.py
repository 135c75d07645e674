"""`SaliencyExplorer`: which pixels matter, by the plain gradient and by two rules that change it."""

from dataclasses import replace

from cnnviz_widgets.methods.gradient import RELU, Gradient
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.convention_picker import ConventionPicker
from cnnviz_widgets.widgets.parts.relu_rule_picker import RULES

from .comparison_explorer import ComparisonExplorer, comparing
from .session_explorer import option, part


class SaliencyExplorer(ComparisonExplorer):
    """Saliency of an image by the plain gradient, by guided backpropagation and by the deconvnet's rule.

    Arguments as for `SessionExplorer`; `method` is a Gradient or a GradientTimesInput, whose `relu` is what the panels
    vary, and `scale` is "own" or "shared".
    """

    first_method = Gradient
    scale = option("own")
    show = "map"
    convention = part(ConventionPicker)
    controls = part(ParameterControls, hidden=("relu", "reduce"))
    page = comparing(pickers=("convention", "controls"), above=("panels.scale",))

    def variants(self, settings):
        """The method once with each rule for ReLUs."""
        return tuple(replace(settings, method=replace(settings.method, relu=rule)) for rule in RELU)

    def name_of(self, asked):
        """The rule, and what keras-vis calls it."""
        return RULES[asked.method.relu]
