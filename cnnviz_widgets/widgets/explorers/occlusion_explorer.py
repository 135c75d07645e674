"""`OcclusionExplorer`: which parts of the image does the network need? By a map, and by hand."""

import ipywidgets

from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.widgets.look import (
    ASIDE,
    BESIDE_THREE,
    HEADING,
    ONE_OF_THREE,
    THREE_PICTURES,
    WIDE_PAGE,
    WRAPPING_ROW,
)
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.live_view import LiveView
from cnnviz_widgets.widgets.parts.occlusion_by_hand import OcclusionByHand
from cnnviz_widgets.widgets.parts.selectors import ImagePicker, NetworkPicker, TargetPicker
from cnnviz_widgets.widgets.parts.status import StatusLine
from cnnviz_widgets.widgets.parts.text import paragraph, say

from .session_explorer import SessionExplorer


class OcclusionExplorer(SessionExplorer):
    """How the score drops where the image is covered, which class wins there, and a rectangle to try it by hand.

    Pointing at a map puts its window on the image at the right; a click keeps it there. Arguments as for
    `SessionExplorer`; the method is an Occlusion.
    """

    first_method = Occlusion

    def __init__(self, network=None, image=None, method=None, target=None, session=None):
        super().__init__(network, image, method, None, target, session)
        self.layout = WIDE_PAGE
        self.by_hand = self.add(OcclusionByHand(self.session, self.session.method.fill))
        self.heat_map = self.add(LiveView(self.session))
        self.class_map = self.add(LiveView(self.session))
        self.class_map.choice.value = "classes"
        self.class_map.live_image.compact = True
        self.pointing = [self.add(Pointing(view, self.by_hand)) for view in (self.heat_map, self.class_map)]
        self.caption = paragraph(css=HEADING)
        self.heat_map.follow(self._say_what_is_shown, "result")
        self.status = self.add(StatusLine(self.session))
        self.controls = self.add(ParameterControls(self.session))
        self.network_picker = self.add(NetworkPicker(self.session))
        self.image_picker = self.add(ImagePicker(self.session))
        self.target_picker = self.add(TargetPicker(self.session))
        # Both maps are of one image: they are looked at in one way. Between the two only the browser is needed.
        one, other = self.heat_map.live_image, self.class_map.live_image
        self._links = [ipywidgets.jslink((one, name), (other, name)) for name in ("opacity", "show", "zoom", "center")]
        self.children = (self._arranged(),)
        self.class_map.follow(self._show_pictures, "result")

    def close(self):
        """Take the explorer from the page, with all that follows its session."""
        for link in self._links:
            link.unlink()
        super().close()

    def _say_what_is_shown(self):
        say(self.caption, self.session.result.request.caption if self.session.result else "")

    def _show_pictures(self):
        """Among quantities none wins: there is no class map."""
        heat_map, class_map, by_hand = self._pictures
        result = self.session.result
        without = result is not None and result.class_map is None
        self._beside.children = (heat_map, by_hand) if without else (heat_map, class_map, by_hand)

    def _arranged(self):
        left = [
            self.network_picker.widget,
            self.image_picker.widget,
            self.controls.widget,
            self.target_picker.widget,
        ]
        self._pictures = [
            _titled("Heat map", "how far covering lowers the score", self.heat_map),
            _titled("Class map", "which class wins when covered", self.class_map),
            _titled("Try it by hand", "what the network then says", self.by_hand),
        ]
        hint = paragraph("Point at a map to try its window by hand; click to keep the window there.", ASIDE)
        self._beside = ipywidgets.Box(self._pictures, layout=WRAPPING_ROW)
        main = [self.status.widget, self.caption, hint, self._beside, self.status.notes]
        columns = ((left, BESIDE_THREE), (main, THREE_PICTURES))
        return ipywidgets.Box([ipywidgets.VBox(parts, layout=layout) for parts, layout in columns], layout=WRAPPING_ROW)


def _titled(title, question, part):
    # Titles of one line each, so that the pictures stand at one height; what is shown is said above them.
    part.widget.add_class("cnnviz-untitled")
    return ipywidgets.VBox([paragraph(title, HEADING), paragraph(question, ASIDE), part.widget], layout=ONE_OF_THREE)


class Pointing(Bound):
    """The cell of a map that somebody points at, or clicks, is where the occluder stands."""

    def __init__(self, view, by_hand):
        super().__init__(view.session)
        self._by_hand, self._map = by_hand, view.live_image
        self._map.tells_hover = True
        self.act(self._map, "hovered", self._point)
        self.act(self._map, "clicked", lambda cell: self._point(cell, keep=True))

    def _point(self, cell, keep=False):
        session, request = self.session, self.session.result and self.session.result.request
        if request is None or not isinstance(request.method, Occlusion):
            return
        if (request.network, request.image) != (session.network, session.fitted):  # another image than by hand
            return
        if cell:
            _, row, column = cell
            self._by_hand.point_at(request.method, row, column, keep)
        elif not keep:
            self._by_hand.point_away()
