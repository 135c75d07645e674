"""A strip of small pictures of which one is chosen, drawn in the browser."""

from collections.abc import Iterable
from pathlib import Path

import anywidget
import numpy as np
from PIL import Image
from traitlets import Bool, CBytes, Int, List, Unicode, validate

from .browser_state import BrowserState
from .esm import joined

HERE = Path(__file__).parent
SIDE = 48  # px of a thumbnail


class Gallery(BrowserState, anywidget.AnyWidget):
    """Thumbnails with names, below the picture if `named`; `selected` is the index of the chosen one, -1 for none."""

    _esm = joined("gallery.js")
    _css = HERE / "gallery.css"

    browser_may_write = frozenset({"selected"})

    label = Unicode("Images").tag(sync=True)
    names = List(Unicode()).tag(sync=True)
    pixels = CBytes(help="RGB uint8, one square of `side` px after the other.").tag(sync=True)
    side = Int(SIDE).tag(sync=True)
    named = Bool(False).tag(sync=True)
    selected = Int(-1).tag(sync=True)

    def set_items(self, pictures: Iterable[np.ndarray], names: Iterable[str], selected: int = -1) -> None:
        """Show these pictures, (height, width, 3) uint8 each, cropped to squares."""
        with self.hold_sync():
            self.pixels = b"".join(thumbnail(picture, self.side).tobytes() for picture in pictures)
            self.names = list(names)
            self.selected = selected

    @validate("selected")
    def _existing(self, proposal):
        return proposal["value"] if -1 <= proposal["value"] < len(self.names) else -1


def thumbnail(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return the middle square of a picture (height, width, 3), made small: (side, side, 3) uint8."""
    height, width = picture.shape[:2]
    shorter = min(height, width)
    top, left = (height - shorter) // 2, (width - shorter) // 2
    square = Image.fromarray(np.ascontiguousarray(picture[top : top + shorter, left : left + shorter]))
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC))
