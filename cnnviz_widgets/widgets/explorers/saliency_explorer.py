"""`SaliencyExplorer`: maps of the pixels that matter, by the plain gradient and by two rules that change it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.gradient import RELU, Gradient
from cnnviz_widgets.request import Request
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import Settings
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
    scale: str = option("own")
    show: str = "map"
    convention: ConventionPicker = part(ConventionPicker)
    controls: ParameterControls = part(ParameterControls, hidden=("relu", "reduce"))
    page = comparing(pickers=("convention", "controls"), above=("panels.scale",))

    if TYPE_CHECKING:  # the constructor as editors see it

        def __init__(
            self,
            network: Any = None,
            image: Any = None,
            *,
            method: Method | type[Method] | None = None,
            target: Target | str | int | None = None,
            layer: str | tuple[str, ...] | None = None,
            session: Session | None = None,
            scale: str = "own",
        ) -> None: ...

    def variants(self, settings: Settings) -> tuple[Settings, ...]:
        """Return the method once with each rule for ReLUs."""
        return tuple(replace(settings, method=replace(settings.method, relu=rule)) for rule in RELU)

    def name_of(self, asked: Request | Settings) -> str:
        """Return the rule, with its name in keras-vis."""
        return RULES[cast(Gradient, asked.method).relu]
