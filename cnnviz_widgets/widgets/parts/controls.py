"""The parameters of a method as controls: a field of the method is a slider, a dropdown or a checkbox."""

from collections.abc import Iterable
from functools import partial

import ipywidgets

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.parameters import Choice, Slider, Switch, parameters_of
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import ASIDE, COLUMN_WIDE, LABEL, LABEL_WIDTH

from .bound import Bound
from .text import paragraph, say

LONGEST, LETTER = 150, 7  # px: the widest label, and a letter of it
# The browser's slider returns 0.09999999999999999 for 0.1, which no person has chosen.
DECIMALS = 9
CUSTOM = "custom"  # the entry of the presets' dropdown for parameters that are no preset


class ParameterControls(Bound):
    """The controls of the session's method; they change when another method is chosen.

    The method's presets stand above them, where it has any. Parameters named in `hidden` have no control.
    """

    def __init__(self, session: Session, hidden: Iterable[str] = ()):
        super().__init__(session)
        self.widget = ipywidgets.VBox()
        self._hidden = frozenset(hidden)
        self.presets = ipywidgets.Dropdown(
            description="preset",
            style=LABEL,
            layout=COLUMN_WIDE,
            tooltip="Parameters that go together; change any of them and they are your own.",
        )
        self._preset_methods = {}
        self.act(self.presets, "value", self._choose_preset)
        self._method_class = None
        self._ends = {}
        self.of_parameter = {}
        self.follow(self._show, "network", "image", "method", "layer")

    def _show(self):
        method = self.session.method
        ends = self._slider_ends()
        if type(method) is not self._method_class or ends != self._ends:
            self._build(type(method), ends)
        for name, control in self.of_parameter.items():
            _set(control, getattr(method, name))
        self._show_presets()

    def _show_presets(self):
        session = self.session
        known = {} if session.network is None else type(session.method).presets(session.network)
        self._preset_methods = known
        if self.presets.options != (names := (*known, CUSTOM)):
            self.presets.options = names
        self.presets.value = next((name for name, method in known.items() if method == session.method), CUSTOM)
        self.presets.layout.display = None if known else "none"

    def _choose_preset(self, name):
        if name in self._preset_methods:
            self.session.method = self._preset_methods[name]

    def _build(self, method_class, ends):
        self._method_class, self._ends = method_class, ends
        self.of_parameter = {
            name: _control(name, parameter, getattr(self.session.method, name), ends.get(name))
            for name, parameter in parameters_of(method_class).items()
            if name not in self._hidden
        }
        for name, control in self.of_parameter.items():
            self.act(control, "value", partial(self._change, name, control))
        self.widget.children = (self.presets, *self.of_parameter.values())
        longest = max((len(control.description) for control in self.of_parameter.values()), default=0)
        for control in self.widget.children:
            control.style.description_width = f"{min(max(LABEL_WIDTH, LETTER * longest), LONGEST)}px"

    def _change(self, name, control, value):
        if control is not self.of_parameter.get(name):
            return  # moved at the moment when another method was chosen
        method = self.session.method
        if isinstance(parameters_of(method)[name], Slider):
            # The ends are ours, because a browser can move the widget's.
            low, high, _ = self._ends[name]
            value = type(getattr(method, name))(min(max(round(value, DECIMALS), low), high))
        self.session.method = method.changed(name, value)
        with self.following():  # also where the method has not changed: the slider may stand beyond its ends
            _set(control, getattr(self.session.method, name))

    def _slider_ends(self):
        session, method = self.session, type(self.session.method)
        network, path = session.network, session.layer
        image = None if network is None else session.fitted
        side = 224 if image is None else min(image.shape[:2])
        one = isinstance(path, str)  # several layers may be fused
        layer = network.layer(path) if network is not None and one else None
        sliders = [name for name, parameter in parameters_of(method).items() if isinstance(parameter, Slider)]
        return {name: method.slider_ends(name, side, layer) for name in sliders}


class MethodPicker(Bound):
    """A dropdown of methods, with a sentence about the chosen one. Those are offered that suit the network."""

    def __init__(self, session: Session, methods: Iterable[type[Method]]):
        super().__init__(session)
        self._methods = tuple(methods)
        self._dropdown = ipywidgets.Dropdown(
            options=_titled(self._methods),
            description="Method",
            style=LABEL,
            layout=COLUMN_WIDE,
            tooltip="The question to ask the network.",
        )
        self._summary = paragraph(css=ASIDE)
        self.widget = ipywidgets.VBox([self._dropdown, self._summary])
        self.follow(self._show, "network", "method")
        self.act(self._dropdown, "value", session.choose_method)

    def _show(self):
        network, method = self.session.network, type(self.session.method)
        offered = [each for each in self._methods if network is None or each is method or each.suits(network)]
        if list(self._dropdown.options) != _titled(offered):
            self._dropdown.options = _titled(offered)
        self._dropdown.value = method
        say(self._summary, f"{method.summary} {method.paper}.")


def _titled(methods):
    return [(method.title, method) for method in methods]


def _control(name, parameter, value, ends):
    words = name.replace("_", " ")
    unit = f" ({parameter.unit})" if getattr(parameter, "unit", "") else ""
    common = {"description": words + unit, "style": LABEL, "layout": COLUMN_WIDE, "tooltip": parameter.help}
    if isinstance(parameter, Switch):
        return ipywidgets.Checkbox(value=value, indent=False, **common)
    if isinstance(parameter, Choice):
        sentences = " ".join(f"{option}: {sentence}" for option, sentence in parameter.options.items())
        common["tooltip"] = f"{parameter.help} {sentences}"
        return ipywidgets.Dropdown(options=list(parameter.options), value=value, **common)
    low, high, step = ends
    slider = ipywidgets.IntSlider if isinstance(value, int) else ipywidgets.FloatSlider
    return slider(value=min(max(value, low), high), min=low, max=max(high, low), step=step, **common)


def _set(control, value):
    if hasattr(control, "max"):
        control.max = max(control.max, value)  # set by code beyond the slider's end: still shown truly
    if control.value != value:
        control.value = value
