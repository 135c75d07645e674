"""The occluder: an image, a rectangle that a person drags over it, and the network's answers meanwhile.

The browser draws rectangle and fill at once. It asks the kernel about the newest rectangle only when the one before was
answered (`asked`, `answered`): rectangles that a slow network cannot follow are skipped, never queued.
"""

from pathlib import Path

import anywidget
import numpy as np
from traitlets import Bool, CBytes, Dict, Int, List, TraitError, Unicode, validate

from .browser_state import BrowserState
from .esm import joined

HERE = Path(__file__).parent


class Occluder(BrowserState, anywidget.AnyWidget):
    """A rectangle over an image, and bars of probabilities, or a regression network's values.

    Whoever owns it answers what is `asked`: see `OcclusionByHand`.
    """

    _esm = joined("occluder.js")
    _css = HERE / "occluder.css"

    browser_may_write = frozenset({"rectangle", "fill", "asked"})

    image = CBytes(help="RGB uint8, rows from the top.").tag(sync=True)
    image_shape = List(Int(), help="[height, width], or [] without an image.").tag(sync=True)
    covering = CBytes(help="What shows in the rectangle: as the image, all over it.").tag(sync=True)
    fills = Dict(help="What may cover the image: {name: a sentence about it}.").tag(sync=True)
    window = List(Int(), help="[top, left, height, width] within the rectangle, or [].").tag(sync=True)
    bars = List(Dict(), help="{'name', 'clean', 'now': probabilities, 'target', 'top': bool} each.").tag(sync=True)
    quantities = Bool(False, help="`clean` and `now` are values of any size, shown as numbers.").tag(sync=True)
    caption = Unicode(help="What covering does to the target, in a sentence.").tag(sync=True)
    failed = Bool(False, help="The caption says why there is no answer.").tag(sync=True)
    answered = Int(0, help="The last `asked` that `bars` and `caption` answer.").tag(sync=True)

    # Not echoed: while a hand drags, the browser is ahead of what it has sent.
    rectangle = List(Int(), help="[top, left, height, width] in px of the image, or [].").tag(
        sync=True, echo_update=False
    )
    asked = Int(0, help="Counts the rectangles that the browser has sent.").tag(sync=True, echo_update=False)
    fill = Unicode(help="One of `fills`.").tag(sync=True)

    def show_image(self, rgb: np.ndarray, covering: np.ndarray) -> None:
        """Replace the image, (height, width, 3) uint8, and what covers it; a rectangle that no longer fits goes."""
        with self.hold_sync():
            self.image_shape = list(rgb.shape[:2])
            self.image, self.covering = rgb.tobytes(), covering.tobytes()
            self.window = self.rectangle = self._within(self.rectangle)

    @validate("rectangle")
    def _rectangle_in_the_image(self, proposal):
        return self._within(proposal["value"])

    @validate("fill")
    def _known_fill(self, proposal):
        if proposal["value"] not in self.fills:
            raise TraitError(f"fill is one of {', '.join(self.fills)}. Received: {proposal['value']!r}.")
        return proposal["value"]

    def _within(self, rectangle):
        """Return the part of a rectangle that lies in the image; [] for one of no size."""
        if len(rectangle) not in (0, 4):
            raise TraitError(f"A rectangle is [top, left, height, width] or []. Received: {rectangle}.")
        if not rectangle or not self.image_shape:
            return []
        (top, left), size = rectangle[:2], rectangle[2:]
        ends = np.clip([top, left, top + size[0], left + size[1]], 0, self.image_shape * 2)
        top, left, bottom, right = map(int, ends)
        return [top, left, bottom - top, right - left] if bottom > top and right > left else []
