"""Pick, drop or paste a picture in the browser; a photograph of any size arrives small enough to be sent."""

import re
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bytes, Int, Unicode, validate

from .browser_state import BrowserState
from .esm import joined

HERE = Path(__file__).parent
NAME_LENGTH = 120
# Voila and Jupyter close a websocket at 10 MB and the widget would be dead from then on: the browser stays far below.
MAX_BYTES = 9_000_000


class Upload(BrowserState, anywidget.AnyWidget):
    """A button that is also a place to drop a picture on and to paste one into.

    ``content`` holds the bytes of the last file and ``name`` its name; ``count`` rises with every file, so observe
    that: the same file twice leaves ``content`` equal. A file below 2 MB of a type that Python decodes arrives as it
    is; a larger one arrives with its longest side at 1024 px, upright. ``error`` is the sentence shown below the
    button: the browser writes it where it cannot read a file, Python may set it too.
    """

    _esm = joined("upload.js")
    _css = HERE / "upload.css"

    browser_may_write = frozenset(("error",))

    # Not synced: a picture must not travel back to the page, nor be saved with the notebook.
    content = Bytes()
    name = Unicode()
    count = Int(0)
    error = Unicode(help="One sentence on why the last file was not taken; '' when it was.").tag(sync=True)
    label = Unicode("Upload image…").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._receive)

    def _receive(self, _widget, message, buffers):
        """Take a file that the browser sent: {"name": str} and one buffer."""
        if not isinstance(message, dict) or len(buffers) != 1:
            return
        content = bytes(buffers[0])
        if not 0 < len(content) <= MAX_BYTES:
            self.error = (
                f"A picture arrives here with at most {MAX_BYTES // 1_000_000} MB. Received: {len(content)} bytes."
            )
            return
        self.error = ""
        with self.hold_trait_notifications():
            self.content, self.name = content, _plain_name(message.get("name"))
            self.count += 1

    @validate("error")
    def _one_sentence(self, proposal):
        return proposal["value"][:500]


def _plain_name(name: object) -> str:
    """The last part of a path, without control characters, at most ``NAME_LENGTH`` long."""
    name = name if isinstance(name, str) else ""
    return re.sub(r"[\x00-\x1f\x7f]", "", re.split(r"[/\\]", name)[-1])[:NAME_LENGTH] or "picture"
