"""`CAMExplorer`: where a layer speaks for a class, from the first layer to the last."""

from dataclasses import replace
from functools import partial
from itertools import zip_longest

import ipywidgets

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import RELU
from cnnviz_widgets.widgets.look import BELOW_SLIDER, COLUMN_WIDE, LABEL, LONG_SLIDER, SWITCHES_ROW, buttons, label
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.text import paragraph, say
from cnnviz_widgets.words import percent

from .comparison_explorer import Comparison
from .saliency_explorer import RULES

# Up to here a network's classes are all shown in a row.
FEW = 12


class CAMExplorer(Comparison):
    """The image, Grad-CAM under three rules for ReLUs and the original CAM; or every class in a row.

    Arguments as for `SessionExplorer`; `classes` are those of the row: of a network with at most 12 classes all, else
    the likeliest ones. Where no `layer` is named, it opens where the rules differ, see `opening_layer`.
    """

    first_method = GradCAM

    def __init__(
        self, network=None, image=None, method=None, layer=None, target=None, session=None, classes=None, scale="shared"
    ):
        self._classes = classes
        self.mode = ipywidgets.ToggleButtons(
            options=[("Three rules", "rules"), ("Class by class", "classes")],
            tooltips=["One class, three rules for the gradient at a ReLU.", "One rule, every class in a row."],
            style=buttons(112),
        )
        self.count = ipywidgets.IntSlider(
            value=6, min=2, max=FEW, description="classes", style=LABEL, tooltip="The likeliest ones."
        )
        super().__init__(network, image, method, layer, target, session, scale=scale)
        self.layer_slider = self.add(LayerSlider(self.session))
        self.controls = self.add(ParameterControls(self.session, hidden=("relu",)))
        self.rule = self.add(RulePicker(self.session))
        part = self.add(Bound(self.session))
        part.act(self.mode, "value", lambda _: self._change_mode())
        part.act(self.count, "value", lambda _: self.session.again())
        part.follow(self._show_mode, "network")
        switches = ipywidgets.HBox([self.mode, self.panels.scale], layout=SWITCHES_ROW)
        self.arrange([self.controls.widget, self.rule.widget, self.count], [switches, self.layer_slider.widget])

    def variants(self, settings):
        """One class under each rule and the original CAM, or each class under one rule."""
        settings = replace(settings, layer=settings.layer or opening_layer(settings.network))
        if self.mode.value == "classes":
            return tuple(replace(settings, target=target) for target in self._row(settings))
        ruled = [replace(settings, method=replace(settings.method, relu=rule)) for rule in RELU]
        return (*ruled, replace(settings, method=CAM(), layer=None))

    def name_of(self, asked):
        """The rule; in a row of classes the class and its probability."""
        if self.mode.value == "rules" or not isinstance(asked.target, Target):
            return RULES[asked.method.relu] if isinstance(asked.method, GradCAM) else asked.method.title
        network, number = asked.network, asked.network.class_of(asked.target)
        name = network.describe(asked.target)
        if number is None or not network.classifies:
            return name
        with network.frozen_weights(getattr(asked, "weights", None)):
            return f"{percent(network.probabilities(asked.image)[number])} · {name}"

    def _row(self, settings):
        """The targets of a row: the one that was chosen, if it is not among the others, stands first."""
        network, chosen = settings.network, settings.target
        if self._classes is not None:
            return [network.target(each) for each in self._classes]
        row = list(network.classes)
        if len(row) > FEW:
            likeliest = (-network.readings(settings.image)).argsort()[: self.count.value]
            row = [row[number] for number in likeliest]
        chosen = None if chosen is None else network.target(chosen)
        return row if chosen is None or chosen in row else [chosen, *row]

    def _change_mode(self):
        self._show_mode()
        self.session.again()

    def _show_mode(self):
        in_a_row, network = self.mode.value == "classes", self.session.network
        many = network is not None and self._classes is None and network.class_count > FEW
        self.rule.widget.layout.display = None if in_a_row else "none"
        self.count.layout.display = None if in_a_row and many else "none"


class LayerSlider(Bound):
    """A slider over the layers in order of execution; arrow keys walk, Home and End go to either end."""

    def __init__(self, session):
        super().__init__(session)
        self._paths = ()
        self._name = paragraph(css=BELOW_SLIDER)
        self.widget = ipywidgets.VBox()
        self.follow(self._show, "network", "layer")

    def _show(self):
        network = self.session.network
        if network is None:
            return
        paths = tuple(info.path for info in network.spatial_layers)
        path = self.session.layer or opening_layer(network)
        if path not in paths:
            return
        if paths != self._paths:
            self._offer(paths)
        self._slider.value = paths.index(path)
        info = network.layer(path)
        say(self._name, f"{path} · {info.kind} · {info.size} · {paths.index(path) + 1} of {len(paths)}")

    def _offer(self, paths):
        """A new slider for these layers: where its end is moved, the browser's End key still goes to the old one."""
        self._paths = paths
        self._slider = ipywidgets.IntSlider(
            min=0,
            max=len(paths) - 1,
            readout=False,
            description="Layer",
            style=label(44),
            layout=LONG_SLIDER,
            tooltip="From the first layer, fine and without meaning, to the last, coarse and full of it.",
        )
        self.act(self._slider, "value", partial(self._choose, paths))
        self.widget.children = (self._slider, self._name)

    def _choose(self, paths, index):
        if paths == self._paths:  # else the slider was moved in the moment in which another network was opened
            self.session.layer = paths[index]


class RulePicker(Bound):
    """The rule for ReLUs in a row of classes."""

    def __init__(self, session):
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
        self.widget.value = self.session.method.relu


def opening_layer(network):
    """The path of the last layer that one with weights reads, with a ReLU behind it: there the three rules differ.

    Where there is none, the method's own choice.
    """
    layers = network.spatial_layers
    read = [info.path for info, after in zip_longest(layers, layers[1:]) if after is None or after.has_kernels]
    if not read or not has_relu(network, read[0]):
        return GradCAM.default_layer(network)
    return next(path for path in reversed(read) if has_relu(network, path))


def has_relu(network, path):
    """Whether a ReLU rule has something to change between a layer and a class."""
    try:
        return network.gates(path, Target(0), "guided")[0] > 0
    except ValueError:
        return False
