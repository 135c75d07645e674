"""`SanityExplorer`: is a map about the network, and does the network need what the map points at?"""

from dataclasses import replace

import ipywidgets

from cnnviz_widgets.core.method import FAMILIES
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.widgets.charts.faithfulness_curves import FaithfulnessCurves
from cnnviz_widgets.widgets.charts.similarity_curves import SimilarityCurves
from cnnviz_widgets.widgets.look import (
    DIGITS,
    LABEL,
    LONG_DROPDOWN,
    LONG_SLIDER,
    LOOSE_ROW,
    SEED_FIELD,
    WHOLE_LABEL,
    buttons,
    label,
)
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.controls import MethodPicker, ParameterControls
from cnnviz_widgets.widgets.parts.selectors import LayerPicker
from cnnviz_widgets.widgets.parts.text import paragraph, say

from .comparison_explorer import Comparison

QUESTIONS = {
    "similarity": (
        "Destroyed weights",
        "How much does the map change when layers lose what they have learned?",
    ),
    "faithfulness": ("Deletion and insertion", "Does the score depend on the pixels at which the map points?"),
}


class SanityExplorer(Comparison):
    """A method's map of the network as it is, and of the network after its weights were shuffled, from the top down.

    Below, how similar the two are for every number of layers, a line a method; or the curves of deletion and insertion
    beside those of random orders. Arguments as for `SessionExplorer`; `count` is how many layers are shuffled at first.
    """

    first_method = Gradient

    def __init__(self, network=None, image=None, method=None, layer=None, target=None, session=None, count=1):
        self._choice = (count, 0, False)  # first of all: the session may ask for variants at once
        super().__init__(network, image, method, layer, target, session, scale="own")
        self.method_picker = self.add(MethodPicker(self.session, maps_of_an_image()))
        self.controls = self.add(ParameterControls(self.session))
        self.layer_picker = self.add(LayerPicker(self.session))
        self.destruction = self.add(Destruction(self.session, lambda: self._choice, self.destroy))
        looks = {}  # a method looks the same in all charts
        self.similarity = self.add(SimilarityCurves(self.session, lambda: self._choice, looks))
        self.faithfulness = self.add(FaithfulnessCurves(self.session, looks))
        self.question = ipywidgets.ToggleButtons(
            options=[(title, name) for name, (title, _) in QUESTIONS.items()],
            tooltips=[sentence for _, sentence in QUESTIONS.values()],
            style=buttons(172),
        )
        self.similarity.act(self.question, "value", self._ask)
        with self.session.runner.lock:  # the worker may be showing something already
            self._ask(self.question.value)
        left = [self.method_picker.widget, self.controls.widget, self.layer_picker.widget]
        below = [self.question, self.similarity.widget, self.faithfulness.widget]
        self.arrange(left, [self.destruction.widget, self.panels.scale], below)

    def variants(self, settings):
        """The network as it is, and with destroyed weights; both explain the same class."""
        network, (count, seed, alone) = settings.network, self._choice
        target = network.target(settings.target, settings.image)
        destroyed = network.randomised(min(count, len(network.weighted_layers)), seed, alone)
        return replace(settings, target=target), replace(settings, target=target, network=destroyed)

    def name_of(self, asked):
        """What has been done to the network."""
        network = self.session.network
        return "as trained" if asked.network is network else asked.network.name.removeprefix(f"{network.name}, ")

    def destroy(self, count, seed=0, alone=False):
        """Shuffle the weights of the last `count` layers, or only of the last of these; see `Network.randomised`."""
        with self.session.runner.lock:  # what is shown meanwhile is of the choice before
            self._choice = (count, seed, alone)
            self.session.again()

    def _ask(self, name):
        for each in QUESTIONS:
            part = getattr(self, each)
            part.widget.layout.display = None if each == name else "none"
            part.show(each == name)


class Destruction(Bound):
    """How the weights are destroyed: how many layers from the top, all of them or only the last one, and the seed."""

    def __init__(self, session, choice, destroy):
        super().__init__(session)
        self._choice, self._destroy = choice, destroy
        self._slider, self._paths = None, ()
        self._words = paragraph(css=DIGITS)
        self._alone = ipywidgets.Dropdown(
            options=[("all layers down to this one", False), ("this layer alone", True)],
            value=choice()[2],
            description="shuffle",
            style=LABEL,
            layout=LONG_DROPDOWN,
            tooltip="The paper calls these cascading and independent randomisation.",
        )
        self._seed = ipywidgets.BoundedIntText(
            value=choice()[1],
            min=0,
            max=10**6,
            description="seed",
            style=label(36),
            layout=SEED_FIELD,
            tooltip="Another seed is another shuffle.",
        )
        self._row = ipywidgets.VBox()
        options = ipywidgets.HBox([self._alone, self._seed], layout=LOOSE_ROW)
        self.widget = ipywidgets.VBox([self._row, options])
        self.follow(self._offer, "network")
        self.follow(self._show, "network", "results")
        self.act(self._alone, "value", lambda _: self._tell())
        self.act(self._seed, "value", lambda _: self._tell())

    def _show(self):
        if self._slider is None:
            return
        paths = self._paths
        self._slider.value = count = min(self._choice()[0], len(paths))
        where = f"down to {paths[count - 1]}" if not self._alone.value else f"only {paths[count - 1]}"
        say(self._words, f"{count} of {len(paths)} · {where if count else 'the network as it is'}")

    def _offer(self):
        """A new slider for these layers: where its end is moved, the browser's End key still goes to the old one."""
        if self.session.network is None:
            return
        self._paths = self.session.network.weighted_layers
        count = len(self._paths)
        self._slider = ipywidgets.IntSlider(
            min=0,
            max=count,
            value=min(self._choice()[0], count),
            readout=False,
            description="Randomise weights from the top",
            style=WHOLE_LABEL,
            layout=LONG_SLIDER,
            tooltip="How many layers, from the output back to the image, lose what they have learned.",
        )
        self.act(self._slider, "value", lambda _: self._tell())
        self._row.children = (self._slider, self._words)

    def _tell(self):
        if self._slider is not None:
            self._destroy(self._slider.value, self._seed.value, self._alone.value)
            with self.following():
                self._show()


def maps_of_an_image():
    """The methods that explain an image by a map; not those that make pictures, or show what the network holds."""
    return tuple(method for method in all_methods() if "image" in method.uses and method.family != FAMILIES[-1])
