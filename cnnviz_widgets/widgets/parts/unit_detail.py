"""One unit of a feature map: the part of the image that it sees, and the arithmetic behind its number."""

from dataclasses import replace

import ipywidgets

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.charts.arithmetic_view import arithmetic
from cnnviz_widgets.widgets.front.number_grids import NumberGrids
from cnnviz_widgets.widgets.look import CAPTION, CENTRED_ROW, FITTED, TITLE

from .bound import Bound
from .channel_tiles import ChannelTiles
from .layer_facts_reader import Facts, LayerFactsReader
from .text import paragraph, say


class UnitDetail(Bound):
    """Words and numbers about the unit that is picked in `ChannelTiles`; its field is outlined on their image."""

    def __init__(self, session: Session, tiles: ChannelTiles, facts: LayerFactsReader):
        super().__init__(session)
        self._tiles, self._facts = tiles, facts
        self.title = paragraph(css=TITLE)
        self.about = paragraph()
        self.numbers = NumberGrids()
        self.channel_button = ipywidgets.Button(
            description="Use channel as target",
            tooltip="Explain the mean of this channel instead of a class, in every explorer on this session.",
            layout=FITTED,
        )
        self.unit_button = ipywidgets.Button(
            description="Use unit as target",
            tooltip="Explain this one number instead of a class, in every explorer on this session.",
            layout=FITTED,
        )
        self.target = paragraph(css=CAPTION)
        row = ipywidgets.HBox([self.channel_button, self.unit_button, self.target], layout=CENTRED_ROW)
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
        selection, facts = self._tiles.selection, self._known()
        self.widget.layout.display = None if facts else "none"
        with self.following():
            self._outline()
            if facts is None or selection is None:
                return
            place = "" if selection.place is None else " · row {}, column {}".format(*selection.place)
            say(self.title, f"{selection.layer} · channel {selection.channel}{place}")
            self.unit_button.disabled = selection.place is None
            lines, said = self._explained(facts, selection)
            self.numbers.lines = lines
            say(self.about, said)

    def _known(self) -> Facts | None:
        """Return the facts of the layer in which something is picked; None while they are of another layer."""
        selection, facts = self._tiles.selection, self._facts.facts
        if selection is None or facts is None or not facts.are_of(selection):
            return None
        return facts if facts.maps is None or facts.maps.shape == selection.shape else None

    def _show_target(self):
        network, target = self.session.network, self.session.target
        if network is not None and isinstance(target, Target) and target.layer is not None:
            say(self.target, f"target: {network.describe(target)}")
        else:
            say(self.target, "")

    def _explained(self, facts, selection):
        """Return (lines of arithmetic, words) about a unit."""
        if selection.place is None:
            return [], "Click a cell of the enlarged map to see what it sees, and the arithmetic behind its number."
        if facts.maps is None:
            return [], "computing …"
        said = [self._seen(facts, selection.place)]
        if facts.convolution is None:
            return [], " ".join([*said, facts.refusal])
        if facts.network.weights_version() != facts.stamp:
            return [], "The network has been trained meanwhile: choose the layer again."
        terms = facts.convolution.terms(facts.inputs, *selection.place, selection.channel)
        value = float(facts.maps[selection.channel, *selection.place])
        if terms.mixes:
            said.append(f"Its {terms.activation} also looks at the sums of the other channels in this cell.")
        if abs(terms.value - value) > 1e-3 * max(1, abs(value)):
            said.append(
                f"Its {terms.activation} looks at more than this one sum, so the last step is not shown as such."
            )
        return arithmetic(terms, value), " ".join(said)

    def _seen(self, facts, place):
        if facts.field is None:
            return "" if not facts.complete else "The part of the image that it sees is not known."
        box = _seen_box(facts, place)
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
        """Outline the field of the unit under the pointer; when the pointer is elsewhere, that of the picked one."""
        facts, selection, live_image = self._known(), self._tiles.selection, self._tiles.live_image
        box = None
        if facts is not None and selection is not None:
            box = _seen_box(facts, tuple(live_image.hovered[1:]) or selection.place)
        live_image.box = [] if box is None else [float(side) for side in box]

    def _use(self, with_place):
        selection = self._tiles.selection
        if selection is not None and selection.network is self.session.network:
            self.session.target = selection.target() if with_place else replace(selection, place=None).target()


def _seen_box(facts: Facts, place: tuple[int, ...] | None) -> tuple[int, int, int, int] | None:
    """Return (top, left, bottom, right) of the part of the image that a unit sees; None for padding, or unknown."""
    if facts.field is None or facts.image is None or not place:
        return None
    (row, column), (height, width) = place, facts.image.shape[:2]
    return facts.field.box(row, column, height, width)
