"""`CAMExplorer`: class activation maps of any layer, under several rules or for several classes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import ipywidgets

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import RELU
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import Request
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import Settings
from cnnviz_widgets.widgets.look import LABEL, SWITCHES_ROW, buttons
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.layer_slider import LayerSlider
from cnnviz_widgets.widgets.parts.relu_rule_picker import RULES, ReluRulePicker
from cnnviz_widgets.words import percent

from .comparison_explorer import ComparisonExplorer, comparing
from .session_explorer import option, own, part, row

# Up to here a network's classes are all shown in a row.
FEW = 12


class CAMExplorer(ComparisonExplorer):
    """The image, Grad-CAM under three rules for ReLUs and the original CAM; or every class in a row.

    Arguments as for `SessionExplorer`; `classes` are those of the row: of a network with at most 12 classes all, else
    the likeliest ones. Where no `layer` is named, it opens where the rules differ, see `opening_layer`.
    """

    first_method = GradCAM
    classes: Sequence[Target | str | int] | None = option(None)
    mode: ipywidgets.ToggleButtons = own(
        ipywidgets.ToggleButtons,
        options=[("Three rules", "rules"), ("Class by class", "classes")],
        tooltips=["One class, three rules for the gradient at a ReLU.", "One rule, every class in a row."],
        style=buttons(112),
    )
    count: ipywidgets.IntSlider = own(
        ipywidgets.IntSlider,
        value=6,
        min=2,
        max=FEW,
        description="classes",
        style=LABEL,
        tooltip="The likeliest ones.",
    )
    layer_slider: LayerSlider = part(LayerSlider, "opening_layer")
    controls: ParameterControls = part(ParameterControls, hidden=("relu",))
    rule: ReluRulePicker = part(ReluRulePicker)
    page = comparing(
        pickers=("controls", "rule", "count"),
        above=(row("mode", "panels.scale", layout=SWITCHES_ROW), "layer_slider"),
    )

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
            scale: str = "shared",
            classes: Sequence[Target | str | int] | None = None,
        ) -> None: ...

    def connect(self, bound: Bound) -> None:
        """Ask anew where the mode or the number of classes changes."""
        bound.act(self.mode, "value", lambda _: self._change_mode())
        bound.act(self.count, "value", lambda _: self.session.again())
        bound.follow(self._show_mode, "network")

    def variants(self, settings: Settings) -> tuple[Settings, ...]:
        """Return one class under each rule and the original CAM, or each class under one rule."""
        assert settings.network is not None  # without one nothing is asked
        settings = replace(settings, layer=settings.layer or self.opening_layer(settings.network))
        if self.mode.value == "classes":
            return tuple(replace(settings, target=target) for target in self._row(settings))
        ruled = [replace(settings, method=replace(settings.method, relu=rule)) for rule in RELU]
        return (*ruled, replace(settings, method=CAM(), layer=None))

    def name_of(self, asked: Request | Settings) -> str:
        """Return the rule; in a row of classes the class and its probability."""
        if self.mode.value == "rules" or not isinstance(asked.target, Target):
            return RULES[asked.method.relu] if isinstance(asked.method, GradCAM) else asked.method.title
        network, image = asked.network, asked.image
        assert network is not None  # without one nothing is asked
        assert image is not None  # nor without an image
        number = network.class_of(asked.target)
        name = network.describe(asked.target)
        if number is None or not network.classifies:
            return name
        with network.frozen_weights(getattr(asked, "weights", None)):
            return f"{percent(network.probabilities(image)[number])} · {name}"

    @staticmethod
    def opening_layer(network: Network) -> str:
        """Return the path of the last layer that feeds one with weights and has a ReLU behind it.

        The three rules differ there. Where there is none, it is the method's own choice.
        """
        layers = network.spatial_layers
        read = [info.path for info, after in zip_longest(layers, layers[1:]) if after is None or after.has_kernels]
        if not read or not has_relu(network, read[0]):
            return GradCAM.default_layer(network)
        return next(path for path in reversed(read) if has_relu(network, path))

    def _row(self, settings):
        """Return the targets of a row; the chosen one, if it is not among the others, stands first."""
        network, chosen = settings.network, settings.target
        if self.classes is not None:
            return [network.target(each) for each in self.classes]
        targets = list(network.classes)
        if len(targets) > FEW:
            likeliest = (-network.readings(settings.image)).argsort()[: self.count.value]
            targets = [targets[number] for number in likeliest]
        chosen = None if chosen is None else network.target(chosen)
        return targets if chosen is None or chosen in targets else [chosen, *targets]

    def _change_mode(self):
        self._show_mode()
        self.session.again()

    def _show_mode(self):
        in_a_row, network = self.mode.value == "classes", self.session.network
        many = network is not None and self.classes is None and network.class_count > FEW
        self.rule.widget.layout.display = None if in_a_row else "none"
        self.count.layout.display = None if in_a_row and many else "none"


def has_relu(network: Network, path: str) -> bool:
    """Return True where a ReLU rule has something to change between a layer and a class."""
    try:
        return network.gates(path, Target(0), "guided")[0] > 0
    except ValueError:
        return False
