"""A set of classes, shown as words that a person can add and remove."""

from collections.abc import Callable, Iterable

import ipywidgets

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session

from .bound import Bound


class ClassSet(Bound):
    """The classes to make pictures of. `usual` is a function of a Network: the names of its classes at first."""

    def __init__(self, session: Session, usual: Callable[[Network], Iterable[str]]):
        super().__init__(session)
        self._usual, self._network = usual, None
        self.tags = ipywidgets.TagsInput(allow_duplicates=False)
        words = ipywidgets.HTML("Type the name of a class to add it; × takes it away.")
        self.widget = ipywidgets.VBox([words, self.tags])
        self.follow(self._show, "network")
        self.act(self.tags, "value", lambda _: session.again())

    @property
    def targets(self) -> tuple[Target, ...]:
        """The chosen classes; () while there is no network."""
        network = self.session.network
        if network is None:
            return ()
        names = self.tags.value if network is self._network else self._usual(network)
        return tuple(network.target(name) for name in names)

    def _show(self):
        network = self.session.network
        if network is not None:
            self._network = network
            self.tags.allowed_tags = []  # else they would refuse the names of this network
            self.tags.value = list(self._usual(network))
            self.tags.allowed_tags = list(dict.fromkeys(network.class_names))
