"""A map to point at: the window at the cell under the pointer is tried by hand."""

from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.session import Session

from .bound import Bound
from .live_view import LiveView
from .occlusion_by_hand import OcclusionByHand


class Pointing(Bound):
    """A link that puts the rectangle of an OcclusionByHand at the cell of a LiveView that is pointed at or clicked."""

    def __init__(self, session: Session, view: LiveView, by_hand: OcclusionByHand):
        super().__init__(session)
        self._by_hand, self._map = by_hand, view.live_image
        self._map.tells_hover = True
        self.act(self._map, "hovered", self._point)
        self.act(self._map, "clicked", lambda cell: self._point(cell, keep=True))

    def _point(self, cell, keep=False):
        session, request = self.session, self.session.result and self.session.result.request
        if request is None or not isinstance(request.method, Occlusion):
            return
        if (request.network, request.image) != (session.network, session.fitted):  # the map is of another image
            return
        if cell:
            _, row, column = cell
            self._by_hand.point_at(request.method, row, column, keep)
        elif not keep:
            self._by_hand.point_away()
