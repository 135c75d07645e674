"""The tiles of a layer, one a channel: their order, the silent ones, and the channel or unit that is picked."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import ipywidgets
import numpy as np

from cnnviz_widgets.core.display import limits
from cnnviz_widgets.core.parameters import Choice, parameters_of
from cnnviz_widgets.core.result import COLOUR_TILES, TILES, Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import CAPTION, COLUMN_WIDE, LABEL

from .live_view import LiveView
from .text import paragraph, say

if TYPE_CHECKING:
    from .layer_facts_reader import LayerFactsReader

BY_ACTIVATION = "activation on this image"
# Ends of the names of tiles that are struck through: never heard of on some images, and never on any.
STRUCK = ("silent", "zero weights")


@dataclass(frozen=True)
class Selection:
    """A picked channel, or a unit of it, with the network, the layer and the tiles in which it was picked."""

    network: Network
    layer: str
    shape: tuple[int, ...]  # of all tiles: (tile, rows, columns), or with colours (tile, rows, columns, 3)
    channel: int  # its number in the layer
    place: tuple[int, int] | None = None  # (row, column) of the unit

    def is_of(self, result: Result | None) -> bool:
        """Return True for a result with the tiles in which it was picked, even if their values have changed."""
        return result is not None and _grid(result) == (self.network, self.layer, self.shape)

    def target(self) -> Target:
        """Return the Target that is the channel, or the unit."""
        return Target(self.layer, self.channel, self.place)


class ChannelTiles(LiveView):
    """Tiles, shown as `LiveView` does; a click on one picks its channel, and a click on a cell of it picks a unit.

    `selection` is the picked channel or unit, or None; listeners added by `tell` are called when it changes. It stays
    when the order of the tiles changes, or their values. `order` is a control to stand beside the tiles; with
    `by_activation` it offers one more order, for tiles that do not depend on the image. `silent` is a sentence about
    the silent channels.
    """

    def __init__(self, session: Session, facts: "LayerFactsReader", by_activation: bool = False):
        self.selection: Selection | None = None
        self._listeners, self._by_activation = [], False
        self._facts = facts
        options = dict(cast(Choice, parameters_of(session.method)["order"]).options)
        if by_activation:
            options[BY_ACTIVATION] = "By the largest absolute value of the filter's map on this image, largest first."
        self.order = ipywidgets.Dropdown(
            options=list(options),
            description="order",
            style=LABEL,
            layout=COLUMN_WIDE,
            tooltip="The order of the tiles. " + " ".join(f"{name}: {text}" for name, text in options.items()),
        )
        self.silent = paragraph(css=CAPTION)
        super().__init__(session)
        facts.tell(self._show_result)
        self.follow(self._show_order, "method")
        self.act(self.order, "value", self._choose_order)
        self.act(self.live_image, "clicked", self._choose_unit)

    def tell(self, listener: Callable[[], object]) -> None:
        """Call `listener()` when another channel or unit is picked."""
        self._listeners.append(listener)

    def pick(self, channel: int | None, place: tuple[int, int] | None = None) -> None:
        """Pick a channel of the tiles that are shown, or a unit of it; None picks nothing."""
        shown = self._shown
        self.selection = None if channel is None or shown is None else Selection(*shown, channel, place)
        for listener in self._listeners:
            listener()

    # ---- Order

    def _show_order(self):
        chosen = BY_ACTIVATION if self._by_activation else getattr(self.session.method, "order", None)
        if chosen in self.order.options:
            self.order.value = chosen

    def _choose_order(self, order):
        self._by_activation = order == BY_ACTIVATION
        if not self._by_activation:
            self.session.method = replace(self.session.method, order=order)
        with self.following():  # also where the method has not changed
            self._show_result()

    def _positions(self, numbers):
        """Return the places (tile,) in the result of the tiles, in the order in which they are shown."""
        maps = self._known("maps")
        if not self._by_activation or maps is None or len(maps) != len(numbers):
            return np.arange(len(numbers))
        strength = np.abs(maps).max(axis=(1, 2))
        return np.argsort(-strength[numbers], kind="stable")

    # ---- What is shown

    def _send_values(self, result):
        if result.axes not in (TILES, COLOUR_TILES):
            super()._send_values(result)
            return
        numbers = np.array([number_of(name) for name in result.names])
        order = self._positions(numbers)
        silent = self._silent(len(numbers))
        names = [_name(result.names[place], numbers[place] in silent) for place in order]
        numbers = numbers[order].tolist()
        self._numbers, before, self._shown = numbers, self._shown, _grid(result)
        if self._shown != before:  # another layer, or a grid of another size
            self.pick(self._first(numbers))
        place = -1 if self.selection is None else numbers.index(self.selection.channel)
        self.live_image.show_tiles(
            result.array[order],
            names,
            signed=result.signed,
            unit=result.unit,
            limits=limits(result.array, result.signed),
            title=result.caption + (f" · by {BY_ACTIVATION}" if self._by_activation else ""),
            on_image=result.request.image is not None,
            selected=place,
            struck=[place for place, name in enumerate(names) if name.endswith(STRUCK)],
        )
        self._outline(place)
        self._explain_silent(len(silent))

    _shown: tuple[Network, Any, tuple[int, ...]] | None = None
    _numbers: Sequence[int] = ()

    def _first(self, numbers):
        """Return the channel to pick while the person has picked none; None picks nothing."""
        return None

    def _outline(self, place):
        unit = None if self.selection is None else self.selection.place
        self.live_image.clicked = [] if unit is None or place < 0 else [place, *unit]

    def _explain_silent(self, count):
        activity = self._known("activity")
        told = "" if activity is None or not count else f"{count} silent, struck through: {activity.meaning}."
        say(self.silent, told)

    def _silent(self, count):
        activity = self._known("activity")
        if activity is None or len(activity.silent) != count:
            return set()
        return set(np.flatnonzero(activity.silent).tolist())

    def _known(self, name: str) -> Any:
        """Return a fact about the layer that is shown; None while it is not known."""
        facts, result = self._facts.facts, self.session.result
        fits = facts is not None and result is not None and facts.are_of(result.request)
        return getattr(facts, name) if fits else None

    # ---- Hands

    def _explain_tile(self, tile):
        channel = self._numbers[tile] if 0 <= tile < len(self._numbers) else None
        self.pick(channel, self.selection and self.selection.place)  # the same place in another channel
        with self.following():
            self._outline(tile)

    def _choose_unit(self, cell):
        if cell and 0 <= cell[0] < len(self._numbers):
            self.pick(self._numbers[cell[0]], tuple(cell[1:]))


class FilterTiles(ChannelTiles):
    """Tiles that stay small: the details of the picked one stand elsewhere, and one is always picked."""

    def __init__(self, session: Session, facts: "LayerFactsReader"):
        super().__init__(session, facts, by_activation=True)
        self.live_image.enlarges = False

    def _first(self, numbers):
        return numbers[0]

    def _explain_tile(self, tile):
        if tile < 0:  # a second click closes an enlarged tile; here there is none
            with self.following():
                picked = self.selection
                self.live_image.selected = -1 if picked is None else self._numbers.index(picked.channel)
        else:
            super()._explain_tile(tile)


def _grid(result: Result) -> tuple[Network, Any, tuple[int, ...]]:
    """Return the tiles in which a selection is made, as (network, layer, shape)."""
    return result.request.network, result.request.layer, result.array.shape


def number_of(name: str) -> int:
    """Return the number in the name of a channel or filter: "filter 12 · silent" -> 12."""
    return int(re.findall(r"\d+", name)[0])


def _name(name, silent):
    return f"{name} · silent" if silent and not name.endswith(STRUCK) else name
