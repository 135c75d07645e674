"""A picker of the score to raise: a class, a channel of a layer, or one unit of that channel."""

from collections.abc import Callable

import ipywidgets

from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.pick_list import NOTHING, PickList
from cnnviz_widgets.widgets.look import NUMBER_FIELD, buttons, label

from .bound import Bound
from .text import paragraph, say

KINDS = {
    "class": "A class of the network: its logit.",
    "channel": "A channel of a layer: its mean over all positions.",
    "unit": "One unit of a channel: the one in this row and column of the layer's grid.",
}


class ScorePicker(Bound):
    """A picker of the session's target. `usual` is a function of a Network: the target where none has been chosen."""

    def __init__(self, session: Session, usual: Callable[[Network], Target]):
        super().__init__(session)
        self._usual = usual
        self._layers: tuple[LayerInfo, ...] = ()
        self.kind = ipywidgets.ToggleButtons(options=list(KINDS), tooltips=list(KINDS.values()), style=buttons(72))
        self.classes = PickList(label="Class", placeholder="search classes", height=260)
        self.layer = PickList(label="Layer", placeholder="search layers", height=150)
        self.channel, self.row, self.column = (_number(name) for name in ("channel", "row", "column"))
        self._of_channel = ipywidgets.VBox([self.layer, self.channel, self.row, self.column])
        self.other = paragraph()
        self.widget = ipywidgets.VBox([self.kind, self.classes, self._of_channel, self.other])
        self.follow(self._offer, "network")
        self.follow(self._show, "network", "target")
        self.act(self.kind, "value", self._change_kind)
        self.act(self.classes, "selected", self._choose_class)
        self.act(self.layer, "selected", lambda index: index >= 0 and self._choose(self._of(self._layers[index], 0)))
        for control in (self.channel, self.row, self.column):
            self.act(control, "value", lambda _: self._change_number())

    @property
    def target(self) -> Target | None:
        """The chosen target, or else the usual one; None while there is no network."""
        network = self.session.network
        if network is None:
            return None
        return self._usual(network) if self.session.target is None else network.target(self.session.target)

    def _show(self):
        target, network = self.target, self.session.network
        if target is None or network is None:
            return
        kind, number = _kind_of(network, target), network.class_of(target)
        self.kind.value = kind
        say(self.other, "" if kind else f"Now: {network.describe(target)}")
        self.classes.layout.display = None if kind == "class" else "none"
        self._of_channel.layout.display = None if kind in ("channel", "unit") else "none"
        self.row.layout.display = self.column.layout.display = None if kind == "unit" else "none"
        self.classes.selected = NOTHING if number is None else number
        if kind in ("channel", "unit"):
            self._show_unit(network, target)

    def _show_unit(self, network, target):
        info = network.layer(target.layer)
        paths = [layer.path for layer in self._layers]
        self.layer.selected = paths.index(target.layer) if target.layer in paths else NOTHING
        sides = info.output_shape[:2] if info.spatial else (1, 1)
        _show_number(self.channel, target.index, info.channels)
        for control, place, side in zip((self.row, self.column), target.position or (0, 0), sides, strict=True):
            _show_number(control, place, side)

    def _offer(self):
        network = self.session.network
        if network is None:
            return
        self.classes.set_items(network.class_names)
        # Layers without a known number of channels are left out, and so is the output itself.
        self._layers = tuple(layer for layer in network.spatial_layers if layer.channels)
        self.layer.set_items([layer.path for layer in self._layers], [layer.size for layer in self._layers])
        self.kind.disabled = not self._layers

    def _change_kind(self, kind):
        target, network = self.target, self.session.network
        if target is None or network is None:
            return
        if kind == "class":
            self._choose(target if _kind_of(network, target) == "class" else network.classes[0])
        elif target.layer is None:
            self._choose(self._of(self._layers[len(self._layers) // 2], 0))
        else:
            _, channel = target.parts[0]
            self._choose(self._of(network.layer(target.layer), channel.index))

    def _change_number(self):
        target, network = self.target, self.session.network
        if target is not None and target.layer is not None and network is not None:
            place = (self.row.value, self.column.value)
            self._choose(self._of(network.layer(target.layer), self.channel.value, place))

    def _of(self, info: LayerInfo, channel: int, position: tuple[int, int] | None = None) -> Target:
        """Return the Target of a layer's channel or unit: the unit in the middle, where no position is given."""
        if self.kind.value != "unit":
            return Target(info.path, channel)
        if position is None:
            rows, columns = info.output_shape[:2]
            position = (rows or 2) // 2, (columns or 2) // 2
        return Target(info.path, channel, position)

    def _choose_class(self, number):
        network = self.session.network
        if number >= 0 and network is not None:
            self._choose(network.classes[number])

    def _choose(self, target):
        self.session.target = target


def _kind_of(network: Network, target: Target) -> str | None:
    """Return the target's key in `KINDS`; None for what can be shown here but not picked: a sum, a box, a time step."""
    if network.class_of(target) is not None:
        return "class"
    if target.layer is None or not target.plain:
        return None
    in_grid = target.position is not None and network.layer(target.layer).spatial
    return "channel" if target.everywhere else "unit" if in_grid else None


def _number(name):
    return ipywidgets.BoundedIntText(description=name, min=0, max=0, style=label(60), layout=NUMBER_FIELD)


def _show_number(control, value, count):
    control.max = max(value, (count or value + 1) - 1)
    control.value = value
