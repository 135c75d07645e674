"""`MaximalActivationExplorer`: what image would excite this class, this channel, this unit most?"""

from dataclasses import replace

import ipywidgets

from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.networks import favourites
from cnnviz_widgets.widgets.look import PICTURE_COLUMN, SIDE_COLUMN, buttons
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
    classes = option(None)
    many = own(
        ipywidgets.ToggleButtons,
        options=[("One", False), ("All classes", True)],
        tooltips=["A picture for one class, channel or unit.", "A picture for every chosen class, one by one."],
        style=buttons(96),
    )
    pictures = part(MaximalActivationGallery)
    status = part(StatusLine)
    controls = part(ParameterControls)
    network_picker = part(NetworkPicker)
    score_picker = part(ScorePicker, "usual_target")
    class_set = part(ClassSet, "usual_classes")
    more = part(ContinueControls)
    page = (
        columns(
            column("network_picker", "many", "score_picker", "class_set", layout=SIDE_COLUMN),
            column("status", "pictures.live_image", "pictures.notes", "pictures.grid", layout=PICTURE_COLUMN),
            column("more", "pictures.course", "pictures.sample", "controls", layout=SIDE_COLUMN),
        ),
    )

    def connect(self, bound):
        """Begin with one picture; ask anew where many are wanted."""
        self.class_set.widget.layout.display = "none"
        bound.act(self.many, "value", self._show_many)

    @property
    def result(self):
        """The picture that is shown large."""
        return self.pictures.shown

    def variants(self, settings):
        """The target, or every class of the chosen ones."""
        if self.many.value:
            return tuple(replace(settings, target=target) for target in self.class_set.targets)
        return (replace(settings, target=settings.target or self.usual_target(settings.network)),)

    def usual_classes(self, network):
        """The names of the classes with which the grid begins."""
        names = network.class_names
        if self.classes is not None:
            return tuple(network.describe(network.target(name)) for name in self.classes)
        known = tuple(name for name in favourites() if name in names)
        return known if known and len(names) > ALL_OF else names[:ALL_OF]

    def usual_target(self, network):
        """The class that is shown where none has been chosen."""
        return network.target(self.usual_classes(network)[0])

    def show_all(self, many):
        """Make pictures of all chosen classes, or of the one target."""
        self.many.value = many

    def _show_many(self, many):
        self.score_picker.widget.layout.display = "none" if many else None
        self.class_set.widget.layout.display = None if many else "none"
        self.pictures.many = many
        self.session.again()
