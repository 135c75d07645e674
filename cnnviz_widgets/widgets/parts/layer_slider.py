"""A slider over the layers of a network, for walking from the first to the last."""

from collections.abc import Callable
from functools import partial

import ipywidgets

from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import BELOW_SLIDER, LONG_SLIDER, label

from .bound import Bound
from .text import paragraph, say


class LayerSlider(Bound):
    """A slider over the layers in order of execution; arrow keys walk, Home and End go to either end.

    `opening` is a function of a Network: the path of the layer that is shown while none has been chosen.
    """

    def __init__(self, session: Session, opening: Callable[[Network], str]):
        super().__init__(session)
        self._opening = opening
        self._paths = ()
        self.name = paragraph(css=BELOW_SLIDER)
        self.widget = ipywidgets.VBox()
        self.follow(self._show, "network", "layer")

    def _show(self):
        network = self.session.network
        if network is None:
            return
        paths = tuple(info.path for info in network.spatial_layers)
        path = self.session.layer or self._opening(network)
        if path not in paths:
            return
        if paths != self._paths:
            self._offer(paths)
        self.slider.value = paths.index(path)
        info = network.layer(path)
        say(self.name, f"{path} · {info.kind} · {info.size} · {paths.index(path) + 1} of {len(paths)}")

    def _offer(self, paths):
        """Make a new slider for these layers: if its end were moved, the browser's End key would keep the old one."""
        self._paths = paths
        self.slider = ipywidgets.IntSlider(
            min=0,
            max=len(paths) - 1,
            readout=False,
            description="Layer",
            style=label(44),
            layout=LONG_SLIDER,
            tooltip="From the first layer, fine but without meaning, to the last, coarse but full of it.",
        )
        self.act(self.slider, "value", partial(self._choose, paths))
        self.widget.children = (self.slider, self.name)

    def _choose(self, paths, index):
        if paths == self._paths:  # else the slider was moved at the moment when another network was opened
            self.session.layer = paths[index]
