"""The guard of a widget's traits: a browser may set some of them, and the rest of its message is dropped."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets
from traitlets import TraitError

log: logging.Logger = logging.getLogger(__name__)
# A mixin is no widget, but is always one half of one.
Mixed = ipywidgets.Widget if TYPE_CHECKING else object


class BrowserState(Mixed):
    """Mixin for widgets: a browser may write only the traits named in ``browser_may_write``.

    A page on the network can send any message to a kernel it is connected to. Names that are not on the list are
    dropped. A value that a trait refuses is dropped too, and the browser is told what the kernel holds: without
    this, ipywidgets would answer it with a traceback. It must stand before the widget class in the list of bases.
    """

    browser_may_write: frozenset[str] = frozenset()

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take those of the browser's values that it may set and that the traits accept."""
        allowed = {name: sync_data[name] for name in self.browser_may_write & sync_data.keys()}
        if len(allowed) < len(sync_data):
            dropped = sorted(map(str, sync_data.keys() - allowed.keys()))
            log.warning("%s: a browser may not set %s", type(self).__name__, dropped)
        if not allowed:
            return
        try:
            super().set_state(allowed)
        except TraitError as error:
            log.warning("%s: refused a browser's value: %s", type(self).__name__, error)
            self.send_state(list(allowed))
