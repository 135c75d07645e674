"""One unit of a feature map: what it sees of the image, and the arithmetic that made its number."""

import ipywidgets

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.widgets.charts.arithmetic_view import arithmetic
from cnnviz_widgets.widgets.front.number_grids import NumberGrids

from .bound import Bound
from .text import paragraph, say

BUTTON = ipywidgets.Layout(width="auto")


class UnitDetail(Bound):
    """Follows the picked unit of `ChannelTiles` and the `LayerFacts` of the same session; outlines on their image."""

    def __init__(self, session, tiles, facts):
        super().__init__(session)
        self._tiles, self._facts = tiles, facts
        self.title = paragraph(css="font-size:15px;font-weight:600")
        self.about = paragraph()
        self.numbers = NumberGrids()
        self.channel_button = ipywidgets.Button(
            description="Use channel as target",
            tooltip="Explain the mean of this channel instead of a class, in every explorer on this session.",
            layout=BUTTON,
        )
        self.unit_button = ipywidgets.Button(
            description="Use unit as target",
            tooltip="Explain this one number instead of a class, in every explorer on this session.",
            layout=BUTTON,
        )
        self.target = paragraph(css="font-size:12px;opacity:.85")
        row = ipywidgets.HBox(
            [self.channel_button, self.unit_button, self.target], layout=ipywidgets.Layout(align_items="center")
        )
        self.widget = ipywidgets.VBox([self.title, row, self.about, self.numbers])
        tiles.live_image.tells_hover = True
        tiles.tell(self._show)
        facts.tell(self._show)
        self.follow(self._show)
        self.follow(self._show_target, "network", "target")
        self.act(tiles.live_image, "hovered", lambda _: self._outline())
        self.click(self.channel_button, lambda: self._use(with_place=False))
        self.click(self.unit_button, lambda: self._use(with_place=True))

    def _show(self):
        facts, channel, unit = self._facts.facts, self._tiles.channel, self._tiles.unit
        picked = facts is not None and channel is not None
        self.widget.layout.display = None if picked else "none"
        with self.following():
            self._outline()
            if not picked:
                return
            place = "" if unit is None else f" · row {unit[1]}, column {unit[2]}"
            say(self.title, f"{facts.layer.path} · channel {channel}{place}")
            self.unit_button.disabled = unit is None
            self._show_target()
            lines, said = self._explained(facts, unit)
            self.numbers.lines = lines
            say(self.about, said)

    def _show_target(self):
        network, target = self.session.network, self.session.target
        chosen = network is not None and isinstance(target, Target) and target.layer is not None
        say(self.target, f"target: {network.describe(target)}" if chosen else "")

    def _explained(self, facts, unit):
        """(lines of arithmetic, what is to be said) of a unit."""
        if unit is None:
            return [], "Click a cell of the enlarged map to see what it sees, and the arithmetic behind its number."
        if facts.maps is None:
            return [], "computing …"
        said = [self._seen(facts, unit)]
        if facts.convolution is None:
            return [], " ".join([*said, facts.refusal])
        if facts.network.weights_version() != facts.stamp:
            return [], "The network has been trained meanwhile: choose the layer again."
        channel, row, column = unit
        terms = facts.convolution.terms(facts.inputs, row, column, channel)
        value = float(facts.maps[channel, row, column])
        if abs(terms.value - value) > 1e-3 * max(1, abs(value)):
            said.append(
                f"Its {terms.activation} looks at more than this one sum, so the last step is not shown as such."
            )
        return arithmetic(terms, value), " ".join(said)

    def _seen(self, facts, unit):
        if facts.field is None:
            return "" if not facts.complete else "What it sees of the image cannot be told."
        box = facts.field.box(*unit[1:], *facts.image.shape[:2])
        if box is None:
            return "It sees only padding."
        top, left, bottom, right = box
        whole = (bottom - top, right - left) == tuple(facts.image.shape[:2])
        return (
            "It can see the whole image."
            if whole
            else (
                f"It sees {bottom - top}×{right - left} px of the image, outlined: "
                f"rows {top} to {bottom - 1}, columns {left} to {right - 1}."
            )
        )

    def _outline(self):
        """The field of the unit under the pointer; when the pointer is elsewhere, of the picked one."""
        facts, live_image = self._facts.facts, self._tiles.live_image
        hovered = tuple(live_image.hovered[1:])
        place = hovered or (self._tiles.unit or ())[1:]
        known = facts is not None and facts.field is not None and self._tiles.channel is not None
        inside = place and known and all(at < n for at, n in zip(place, facts.maps.shape[1:], strict=True))
        box = facts.field.box(*place, *facts.image.shape[:2]) if inside else None
        live_image.box = [] if box is None else list(box)

    def _use(self, with_place):
        unit = self._tiles.unit if with_place else None
        layer = self._facts.facts.layer.path
        self.session.target = Target(layer, self._tiles.channel, None if unit is None else unit[1:])
