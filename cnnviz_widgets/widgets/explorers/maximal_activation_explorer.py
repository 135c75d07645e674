"""`MaximalActivationExplorer`: images that excite a class, a channel or a unit most."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import favourites
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import Settings
from cnnviz_widgets.widgets.look import PICTURE_COLUMN, SIDE_COLUMN, buttons
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.class_set import ClassSet
from cnnviz_widgets.widgets.parts.continue_controls import ContinueControls
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.maximal_activation_gallery import MaximalActivationGallery
from cnnviz_widgets.widgets.parts.pickers import NetworkPicker
from cnnviz_widgets.widgets.parts.score_picker import ScorePicker
from cnnviz_widgets.widgets.parts.status_line import StatusLine

from .session_explorer import SessionExplorer, column, columns, option, own, part

# A network with more classes than these begins with its favourites, any other with its first classes.
ALL_OF = 12


class MaximalActivationExplorer(SessionExplorer):
    """An image grows from noise until it excites a score as much as it can: of one class, channel or unit, or of many.

    Arguments as for `SessionExplorer`. `classes` are the names of those that "All classes" shows, if not all of a small
    network or a few well-known ones of a large one.
    """

    first_method = MaximalActivation
    classes: Sequence[Target | str | int] | None = option(None)
    many: ipywidgets.ToggleButtons = own(
        ipywidgets.ToggleButtons,
        options=[("One", False), ("All classes", True)],
        tooltips=["A picture for one class, channel or unit.", "A picture for every chosen class, one by one."],
        style=buttons(96),
    )
    pictures: MaximalActivationGallery = part(MaximalActivationGallery)
    status: StatusLine = part(StatusLine)
    controls: ParameterControls = part(ParameterControls)
    network_picker: NetworkPicker = part(NetworkPicker)
    score_picker: ScorePicker = part(ScorePicker, "usual_target")
    class_set: ClassSet = part(ClassSet, "usual_classes")
    more: ContinueControls = part(ContinueControls)
    page = (
        columns(
            column("network_picker", "many", "score_picker", "class_set", layout=SIDE_COLUMN),
            column("status", "pictures.live_image", "pictures.notes", "pictures.grid", layout=PICTURE_COLUMN),
            column("more", "pictures.course", "pictures.sample", "controls", layout=SIDE_COLUMN),
        ),
    )

    if TYPE_CHECKING:  # the constructor as editors see it

        def __init__(
            self,
            network: Any = None,
            image: Any = None,
            *,
            method: Method | type[Method] | None = None,
            target: Target | str | int | None = None,
            layer: str | tuple[str, ...] | None = None,
            session: Session | None = None,
            classes: Sequence[Target | str | int] | None = None,
        ) -> None: ...

    def connect(self, bound: Bound) -> None:
        """Begin with one picture; ask anew where many are wanted."""
        self.class_set.widget.layout.display = "none"
        bound.act(self.many, "value", self._show_many)

    @property
    def result(self) -> Result | None:
        """The large picture on the page."""
        return self.pictures.shown

    def variants(self, settings: Settings) -> tuple[Settings, ...]:
        """Return the target, or every class of the chosen ones."""
        if self.many.value:
            return tuple(replace(settings, target=target) for target in self.class_set.targets)
        assert settings.network is not None  # without one nothing is asked
        return (replace(settings, target=settings.target or self.usual_target(settings.network)),)

    def usual_classes(self, network: Network) -> tuple[str, ...]:
        """Return the names of the classes in the grid at first."""
        names = network.class_names
        if self.classes is not None:
            return tuple(network.describe(network.target(name)) for name in self.classes)
        known = tuple(name for name in favourites() if name in names)
        return known if known and len(names) > ALL_OF else names[:ALL_OF]

    def usual_target(self, network: Network) -> Target:
        """Return the class to show where none has been chosen."""
        return network.target(self.usual_classes(network)[0])

    def show_all(self, many: bool) -> None:
        """Make pictures of all chosen classes, or of the one target."""
        self.many.value = many

    def _show_many(self, many):
        self.score_picker.widget.layout.display = "none" if many else None
        self.class_set.widget.layout.display = None if many else "none"
        self.pictures.many = many
        self.session.again()
