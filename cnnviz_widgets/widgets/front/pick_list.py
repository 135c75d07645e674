"""A list to pick from, in the browser: search, arrow keys, a bar for a value. Classes and layers are both this."""

from collections.abc import Iterable
from pathlib import Path

import anywidget
import numpy as np
import numpy.typing as npt
from traitlets import Bool, CBytes, Int, List, Unicode, validate

from .browser_state import BrowserState
from .esm import joined

HERE = Path(__file__).parent
NOTHING = -2


class PickList(BrowserState, anywidget.AnyWidget):
    """Names with details and values; `selected` is the index of the one that is picked.

    A detail stands beside its name; a hint is its tooltip, is searched too, and stands below the list for the one
    that is picked. With a `none_name` a row of that name stands first, with index -1. -2 is no row at all.
    `by_value` orders by falling value.
    """

    _esm = joined("pick_list.js")
    _css = HERE / "pick_list.css"

    browser_may_write = frozenset({"selected"})

    label = Unicode().tag(sync=True)
    placeholder = Unicode("search").tag(sync=True)
    names = List(Unicode()).tag(sync=True)
    details = List(Unicode()).tag(sync=True)
    hints = List(Unicode()).tag(sync=True)
    values = CBytes(help="Little-endian float32, one share from 0 to 1 for each name, or empty.").tag(sync=True)
    by_value = Bool(False).tag(sync=True)
    none_name = Unicode().tag(sync=True)
    height = Int(220, help="Of the list, in px, before it scrolls.").tag(sync=True)
    selected = Int(NOTHING).tag(sync=True)

    def set_items(
        self,
        names: Iterable[str],
        details: Iterable[str] = (),
        hints: Iterable[str] = (),
        selected: int = NOTHING,
    ) -> None:
        """Replace the items, without counting that as picking."""
        with self.hold_sync():
            self.values = b""
            self.names, self.details, self.hints = list(names), list(details), list(hints)
            self.selected = selected

    def show_values(self, values: npt.ArrayLike) -> None:
        """Give each name its value, (names,) from 0 to 1."""
        self.values = np.ascontiguousarray(values, "<f4").tobytes()

    @validate("selected")
    def _existing(self, proposal):
        return proposal["value"] if -1 <= proposal["value"] < len(self.names) else NOTHING
