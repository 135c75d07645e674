"""Controls for the randomisation of a network's weights, from the top down or one layer alone."""

from collections.abc import Callable

import ipywidgets

from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import (
    DIGITS,
    LABEL,
    LONG_DROPDOWN,
    LONG_SLIDER,
    LOOSE_ROW,
    SEED_FIELD,
    WHOLE_LABEL,
    label,
)

from .bound import Bound
from .text import paragraph, say


class WeightRandomizationControls(Bound):
    """A slider for the number of layers from the top, a choice of all of them or only the last one, and a seed.

    `choice()` returns (count, seed, alone) of `Network.randomised`; `randomise(*choice)` takes a person's choice.
    """

    def __init__(
        self,
        session: Session,
        choice: Callable[[], tuple[int, int, bool]],
        randomise: Callable[[int, int, bool], object],
    ):
        super().__init__(session)
        self._choice, self._randomise = choice, randomise
        self.slider: ipywidgets.IntSlider | None = None
        self._paths: tuple[str, ...] = ()
        self.words = paragraph(css=DIGITS)
        self.alone = ipywidgets.Dropdown(
            options=[("all layers down to this one", False), ("this layer alone", True)],
            value=choice()[2],
            description="shuffle",
            style=LABEL,
            layout=LONG_DROPDOWN,
            tooltip="The paper calls these cascading and independent randomisation.",
        )
        self.seed = ipywidgets.BoundedIntText(
            value=choice()[1],
            min=0,
            max=10**6,
            description="seed",
            style=label(36),
            layout=SEED_FIELD,
            tooltip="Another seed is another shuffle.",
        )
        self._row = ipywidgets.VBox()
        options = ipywidgets.HBox([self.alone, self.seed], layout=LOOSE_ROW)
        self.widget = ipywidgets.VBox([self._row, options])
        self.follow(self._offer, "network")
        self.follow(self._show, "network", "results")
        self.act(self.alone, "value", lambda _: self._tell())
        self.act(self.seed, "value", lambda _: self._tell())

    def _show(self):
        if self.slider is None:
            return
        paths = self._paths
        self.slider.value = count = min(self._choice()[0], len(paths))
        where = f"down to {paths[count - 1]}" if not self.alone.value else f"only {paths[count - 1]}"
        say(self.words, f"{count} of {len(paths)} · {where if count else 'the network as it is'}")

    def _offer(self):
        """Make a new slider for these layers: if its end were moved, the browser's End key would keep the old one."""
        if self.session.network is None:
            return
        self._paths = self.session.network.weighted_layers
        count = len(self._paths)
        self.slider = ipywidgets.IntSlider(
            min=0,
            max=count,
            value=min(self._choice()[0], count),
            readout=False,
            description="Randomise weights from the top",
            style=WHOLE_LABEL,
            layout=LONG_SLIDER,
            tooltip="The number of layers, from the output back to the image, that lose what they have learned.",
        )
        self.act(self.slider, "value", lambda _: self._tell())
        self._row.children = (self.slider, self.words)

    def _tell(self):
        if self.slider is not None:
            self._randomise(self.slider.value, self.seed.value, bool(self.alone.value))
            with self.following():
                self._show()
