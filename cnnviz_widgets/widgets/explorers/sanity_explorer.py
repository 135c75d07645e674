"""`SanityExplorer`: tests of a map, by shuffled weights and by deleting the pixels that it points at."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.request import Request
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import Settings
from cnnviz_widgets.widgets.charts.faithfulness_curves import FaithfulnessCurves
from cnnviz_widgets.widgets.charts.similarity_curves import SimilarityCurves
from cnnviz_widgets.widgets.look import buttons
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.controls import MethodPicker, ParameterControls
from cnnviz_widgets.widgets.parts.pickers import LayerPicker
from cnnviz_widgets.widgets.parts.weight_randomization_controls import WeightRandomizationControls

from .comparison_explorer import ComparisonExplorer, comparing
from .session_explorer import option, own, part

QUESTIONS = {
    "similarity": (
        "Destroyed weights",
        "How much does the map change when layers lose what they have learned?",
    ),
    "faithfulness": ("Deletion and insertion", "Does the score depend on the pixels at which the map points?"),
}


class SanityExplorer(ComparisonExplorer):
    """A method's map of the network as it is, and of the network after its weights were shuffled, from the top down.

    Below, how similar the two are for every number of layers, a line a method; or the curves of deletion and insertion
    beside those of random orders. Arguments as for `SessionExplorer`; `count` is how many layers are shuffled at first.
    """

    first_method = Gradient
    scale: str = option("own")
    count: int = option(1)
    looks: dict[Any, Any] = own(dict)  # of the lines: a method looks the same in all charts
    question: ipywidgets.ToggleButtons = own(
        ipywidgets.ToggleButtons,
        options=[(title, name) for name, (title, _) in QUESTIONS.items()],
        tooltips=[sentence for _, sentence in QUESTIONS.values()],
        style=buttons(172),
    )
    method_picker: MethodPicker = part(MethodPicker, "methods")
    controls: ParameterControls = part(ParameterControls)
    layer_picker: LayerPicker = part(LayerPicker)
    randomization: WeightRandomizationControls = part(WeightRandomizationControls, "choice", "randomise")
    similarity: SimilarityCurves = part(SimilarityCurves, "choice", "looks")
    faithfulness: FaithfulnessCurves = part(FaithfulnessCurves, "looks")
    page = comparing(
        pickers=("method_picker", "controls", "layer_picker"),
        above=("randomization", "panels.scale"),
        below=("question", "similarity", "faithfulness"),
    )
    _choice: tuple[int, int, bool] | None = None

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
            scale: str = "own",
            count: int = 1,
        ) -> None: ...

    def connect(self, bound: Bound) -> None:
        """Show the charts of one question at a time."""
        bound.act(self.question, "value", self._ask)
        with self.session.runner.lock:  # the worker may be showing something already
            self._ask(self.question.value)

    @property
    def methods(self) -> tuple[type[Method], ...]:
        """The method classes to choose from."""
        return maps_of_an_image()

    def choice(self) -> tuple[int, int, bool]:
        """Return (count, seed, alone) of `Network.randomised`, as they are now."""
        return self._choice or (self.count, 0, False)

    def variants(self, settings: Settings) -> tuple[Settings, ...]:
        """Return the network as it is, and with randomised weights; both explain the same class."""
        network, (count, seed, alone) = settings.network, self.choice()
        assert network is not None  # without one nothing is asked
        target = network.target(settings.target, settings.image)
        randomised = network.randomised(min(count, len(network.weighted_layers)), seed, alone)
        return replace(settings, target=target), replace(settings, target=target, network=randomised)

    def name_of(self, asked: Request | Settings) -> str:
        """Return the words for the network as trained, or for the shuffling of its weights."""
        network = self.session.network
        assert network is not None
        assert asked.network is not None  # without one nothing is asked
        return "as trained" if asked.network is network else asked.network.name.removeprefix(f"{network.name}, ")

    def randomise(self, count: int, seed: int = 0, alone: bool = False) -> None:
        """Shuffle the weights of the last `count` layers, or only of the last of these; see `Network.randomised`."""
        with self.session.runner.lock:  # what is shown meanwhile is of the choice before
            self._choice = (count, seed, alone)
            self.session.again()

    def _ask(self, name):
        for each in QUESTIONS:
            part = getattr(self, each)
            part.widget.layout.display = None if each == name else "none"
            part.show(each == name)


def maps_of_an_image() -> tuple[type[Method], ...]:
    """Return the methods that explain an image by a map, unlike those that make tiles or pictures."""
    return tuple(method for method in all_methods() if method.makes_map)
