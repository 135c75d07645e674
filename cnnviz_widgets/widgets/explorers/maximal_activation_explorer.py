"""`MaximalActivationExplorer`: what image would excite this class, this channel, this unit most?"""

from dataclasses import replace

import ipywidgets

from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.networks import favourites
from cnnviz_widgets.widgets.look import CENTRED_ROW, COUNT_FIELD, LONGER_BUTTON, buttons
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.made_pictures import MadePictures
from cnnviz_widgets.widgets.parts.score_picker import ScorePicker
from cnnviz_widgets.widgets.parts.selectors import NetworkPicker
from cnnviz_widgets.widgets.parts.status import StatusLine

from .session_explorer import SessionExplorer

# A network with more classes than these begins with its favourites, any other with its first classes.
ALL_OF = 12


class MaximalActivationExplorer(SessionExplorer):
    """An image grows from noise until it excites a score as much as it can: of one class, channel or unit, or of many.

    `network`, `method`, `target`, `session` as for `SessionExplorer`. `classes` are the names of those that "All
    classes" shows, if not all of a small network or a few well-known ones of a large one.
    """

    first_method = MaximalActivation

    def __init__(self, network=None, method=None, target=None, session=None, classes=None):
        self._given_classes, self._many = classes, False  # first of all: the session may ask for variants at once
        super().__init__(network, None, method, None, target, session)
        self.pictures = self.add(MadePictures(self.session))
        self.status = self.add(StatusLine(self.session))
        self.controls = self.add(ParameterControls(self.session))
        self.network_picker = self.add(NetworkPicker(self.session))
        self.score_picker = self.add(ScorePicker(self.session, self.usual_target))
        self.classes = self.add(ClassSet(self.session, self.usual_classes))
        self.more = self.add(GoOn(self.session))
        self.children = (self._arranged(),)

    @property
    def result(self):
        """The picture that is shown large."""
        return self.pictures.shown

    def variants(self, settings):
        """The target, or every class of the chosen ones."""
        if self._many:
            return tuple(replace(settings, target=target) for target in self.classes.targets)
        return (replace(settings, target=settings.target or self.usual_target(settings.network)),)

    def usual_classes(self, network):
        """The names of the classes with which the grid begins."""
        names = network.class_names
        if self._given_classes is not None:
            return tuple(network.describe(network.target(name)) for name in self._given_classes)
        known = tuple(name for name in favourites() if name in names)
        return known if known and len(names) > ALL_OF else names[:ALL_OF]

    def usual_target(self, network):
        """The class that is shown where none has been chosen."""
        return network.target(self.usual_classes(network)[0])

    def show_all(self, many):
        """Make pictures of all chosen classes, or of the one target."""
        self._many = many
        self.score_picker.widget.layout.display = "none" if many else None
        self.classes.widget.layout.display = None if many else "none"
        self.pictures.many = many
        self.session.again()

    def _arranged(self):
        many = ipywidgets.ToggleButtons(
            options=[("One", False), ("All classes", True)],
            tooltips=["A picture for one class, channel or unit.", "A picture for every chosen class, one by one."],
            style=buttons(96),
        )
        self.classes.act(many, "value", self.show_all)
        self.classes.widget.layout.display = "none"
        left = [self.network_picker.widget, many, self.score_picker.widget, self.classes.widget]
        middle = [self.status.widget, *self.pictures.widgets]
        right = [self.more.widget, self.pictures.course, self.pictures.sample, self.controls.widget]
        return self.columns(left, middle, right)


class ClassSet(Bound):
    """The classes of which pictures are made together, as words that one can take away and add."""

    def __init__(self, session, usual):
        super().__init__(session)
        self._usual, self._network = usual, None
        self._tags = ipywidgets.TagsInput(allow_duplicates=False)
        words = ipywidgets.HTML("Type the name of a class to add it; × takes it away.")
        self.widget = ipywidgets.VBox([words, self._tags])
        self.follow(self._show, "network")
        self.act(self._tags, "value", lambda _: session.again())

    @property
    def targets(self):
        """The chosen classes."""
        network = self.session.network
        names = self._tags.value if network is self._network else self._usual(network)
        return tuple(network.target(name) for name in names)

    def _show(self):
        network = self.session.network
        if network is not None:
            self._network = network
            self._tags.allowed_tags = []  # nothing of the other network's is allowed by this one's
            self._tags.value = list(self._usual(network))
            self._tags.allowed_tags = list(dict.fromkeys(network.class_names))


class GoOn(Bound):
    """After Stop, on to the end; at the end, some steps more."""

    def __init__(self, session):
        super().__init__(session)
        self._button = ipywidgets.Button(
            description="Continue", layout=LONGER_BUTTON, tooltip="Go on from this picture."
        )
        self._steps = ipywidgets.BoundedIntText(
            128, min=1, max=10_000, layout=COUNT_FIELD, tooltip="How many more steps."
        )
        row = [self._button, self._steps, ipywidgets.Label("more steps")]
        self.widget = ipywidgets.HBox(row, layout=CENTRED_ROW)
        self.follow(self._show, "status")
        self.click(self._button, self._go_on)

    def _show(self):
        self._button.disabled = self.session.status not in ("done", "stopped")
        self._steps.disabled = self.session.status != "done"

    def _go_on(self):
        session = self.session
        if session.status == "stopped":
            session.again()
        else:
            session.method = replace(session.method, steps=session.method.steps + self._steps.value)
