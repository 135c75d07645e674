"""The anatomy of a network as a table and as a diagram, and the facts of the layer that is picked there."""

from functools import partial

import ipywidgets

from cnnviz_widgets.anatomy.anatomy import Anatomy, anatomy
from cnnviz_widgets.anatomy.keras_plot import can_plot, plotted
from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.charts.diagram_scene import without_steps
from cnnviz_widgets.widgets.front.diagram import Diagram
from cnnviz_widgets.widgets.front.layer_table import LayerTable
from cnnviz_widgets.widgets.look import HEADING, LAYER_FACTS, WHOLE_DRAWING

from .bound import Bound
from .layer_words import sentences
from .text import paragraph, say

PICK_ONE = "Pick a layer in the table or in the diagram to read about it."


class AnatomyView(Bound):
    """The table and the diagram of the session's network, and the facts of the layer that is picked."""

    def __init__(self, session: Session):
        super().__init__(session)
        self.table, self.diagram = LayerTable(), Diagram()
        self.status, self.title = paragraph(), paragraph(css=HEADING)
        self.facts = paragraph(css=LAYER_FACTS)
        self.plot = ipywidgets.VBox()  # the picture that Keras makes, once it is asked for
        self.plot_button = ipywidgets.Button(
            description="Plot by Keras",
            tooltip="The picture that keras.utils.plot_model makes, by graphviz.",
            disabled=True,
            layout={"display": None if can_plot() else "none"},
        )
        self._reader = session.runner.beside()
        self._network: Network | None = None
        self._anatomy: Anatomy | None = None
        self.follow(self._show_network, "network")
        self.follow(self._show_status, "status", "message")
        self.follow(self._show_layer, "network", "layer", "result")
        for widget in (self.table, self.diagram):
            self.act(widget, "selected", self._choose)
        self.click(self.plot_button, self._plot)

    def close(self) -> None:
        """Stop following the session, and end the reading."""
        super().close()
        self._reader.close()

    def _show_network(self):
        network = self.session.network
        if network is not None:
            self._network, self._anatomy = network, None
            self._offer(network)
            self._show_status()
            self._read(lambda: without_steps(anatomy(network)), partial(self._take, network))

    def _show_status(self):
        session = self.session
        network, known = self._network, self._anatomy
        words = f"Reading {network.name} …" if network is not None and known is None else ""
        say(self.status, session.message if session.status in ("loading", "failed") else words)

    def _read(self, find_out, show):
        """Run `find_out` in the background, then show what it returns; a failure becomes a sentence."""

        def job():
            found = find_out()
            yield lambda: show(found)

        self.submit(self._reader, job)

    def _take(self, network, found):
        self._anatomy = found
        self._offer(network)
        self._show_status()
        self._show_layer()

    def _offer(self, network):
        size = "×".join("?" if n is None else str(n) for n in network.input_shape)
        self.table.show_anatomy(self._anatomy)
        self.diagram.show_anatomy(self._anatomy, name=network.name, image_size=size)
        self.plot_button.disabled, self.plot.children = self._anatomy is None, ()

    def _plot(self):
        network = self._network
        if network is not None:
            self._read(lambda: plotted(network.model), self._show_plot)

    def _show_plot(self, svg):
        # In an img element, where the links and scripts of a drawing do nothing.
        self.plot.children = (ipywidgets.Image(value=svg, format="svg+xml", layout=WHOLE_DRAWING),)

    def _show_layer(self):
        session, known = self.session, self._anatomy
        if known is None or session.network is not self._network:
            say(self.title, "")
            say(self.facts, "")
            return
        request = session.result.request if session.result else None
        seen = request.layer if request and request.network is session.network else None
        path = session.layer or seen or ""
        path = path if isinstance(path, str) else ""  # several layers, fused into one map
        self.table.selected = self.diagram.selected = path
        facts = next((one for one in (*known.layers, *known.containers) if one.path == path), None)
        say(self.title, "" if facts is None else f"{facts.path} · {facts.info.kind}")
        say(self.facts, PICK_ONE if facts is None else "\n".join(sentences(facts, known)))

    def _choose(self, path):
        if path:
            self.session.layer = path
