"""The three pictures of an occlusion in a row: heat map, class map, and the image to cover by hand."""

import ipywidgets

from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import ASIDE, HEADING, ONE_OF_THREE, WRAPPING_ROW

from .bound import Bound
from .live_view import LiveView
from .occlusion_by_hand import OcclusionByHand
from .text import paragraph, say

HINT = "Point at a map to try its window by hand; click to keep the window there."
# Both maps are of one image, and so are looked at in the same way.
IN_COMMON = ("opacity", "show", "zoom", "center")


class OcclusionPictures(Bound):
    """Two LiveViews and an OcclusionByHand of one session, with titles; `caption` and `hint` belong above them."""

    def __init__(self, session: Session, heat_map: LiveView, class_map: LiveView, by_hand: OcclusionByHand):
        super().__init__(session)
        class_map.choice.value = "classes"
        class_map.live_image.compact = True
        self.caption, self.hint = paragraph(css=HEADING), paragraph(HINT, ASIDE)
        self._heat_map = _titled("Heat map", "how far covering lowers the score", heat_map)
        self._class_map = _titled("Class map", "which class wins when covered", class_map)
        self._by_hand = _titled("Try it by hand", "what the network then says", by_hand)
        self.widget = ipywidgets.Box(layout=WRAPPING_ROW)
        # Linked in the browser, without the kernel.
        one, other = heat_map.live_image, class_map.live_image
        self._links = [ipywidgets.jslink((one, name), (other, name)) for name in IN_COMMON]
        self.follow(self._show, "result")

    def close(self) -> None:
        """Stop following the session, and unlink the pictures."""
        for link in self._links:
            link.unlink()
        super().close()

    def _show(self):
        result = self.session.result
        say(self.caption, result.caption if result else "")
        # No quantity wins over others, so that a regression network has no class map.
        without = result is not None and result.class_map is None
        self.widget.children = (self._heat_map, *([] if without else [self._class_map]), self._by_hand)


def _titled(title, question, part):
    # Titles of one line each, so that the pictures stand at one height; the caption stands above all of them.
    part.widget.add_class("cnnviz-untitled")
    return ipywidgets.VBox([paragraph(title, HEADING), paragraph(question, ASIDE), part.widget], layout=ONE_OF_THREE)
