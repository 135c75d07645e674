"""Two sessions that show the same network and image by methods of their own."""

from collections.abc import Callable

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.runner import SETTLE
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import Settings

from .bound import Bound

SHARED = ("image", "target", "layer")


class Linked(Bound):
    """A session of its own, `own`, that keeps to the choices of another session, which keeps to those made here.

    Network, image, target and layer are shared; the method and its `variants` are not. In this way an explorer of one
    question joins a session that shows something else. A layer that the own method cannot use is not taken over.
    """

    def __init__(
        self,
        session: Session,
        method: Method | type[Method] | None,
        variants: Callable[[Settings], tuple[Settings, ...]],
    ):
        super().__init__(session)
        # One lock for both: a change in either changes the other at once.
        self.own = Session(method=method, variants=variants, runner=session.runner.beside(SETTLE))
        self.follow(self._take, "network", *SHARED)
        self.follow(self._take_opening, "status")
        self.own.observe(self._give, "settings")

    def close(self) -> None:
        """Stop following the session, and end the own one."""
        super().close()
        self.own.unobserve(self._give, "settings")
        self.own.close()

    def _take(self):
        chosen, own = self.session.settings, self.own
        if own.network is None:
            own.update(image=chosen.image)  # something to look at while the network is opened
        if chosen.network is None:
            return
        if chosen.network is not own.network:
            own.open(chosen.network)  # with parameters that suit it
        layers = own.method.layers(chosen.network) if "layer" in own.method.uses else chosen.network.layers
        usable = chosen.layer in {info.path for info in layers}
        own.update(image=chosen.image, target=chosen.target, layer=chosen.layer if usable else None)

    def _take_opening(self):
        session, own = self.session, self.own
        if session.status == "loading":
            own.opening = session.opening
            own.update_status("loading", session.message)
        elif own.status == "loading" and own.opening == session.opening and session.status == "failed":
            own.update_status("failed", session.message)

    def _give(self, change):
        if self.is_following:
            return
        now, changes = change["new"], change["new"].changes(change["old"])
        if "network" in changes:
            self.session.open(now.network)
        changed = {name: getattr(now, name) for name in SHARED if name in changes}
        if changed:
            self.session.update(**changed)
