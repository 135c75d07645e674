"""The widgets that a person displays: pickers, view and status line, all bound to one session."""

import ipywidgets

from ..methods import all_methods
from ..session import Session
from .controls import MethodPicker, ParameterControls
from .figures import ResultFigure
from .live_view import LiveView
from .selectors import ImagePicker, LayerPicker, NetworkPicker, TargetPicker
from .status import StatusLine

SIDE = ipywidgets.Layout(flex="1 1 240px", min_width="220px", max_width="320px", padding="0 8px 0 0")
MIDDLE = ipywidgets.Layout(flex="2 1 400px", min_width="320px", max_width="540px", padding="0 8px")
WRAPPING = ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="flex-start", width="100%")


class Explorer(ipywidgets.VBox):
    """Everything: pick an image, a method, a layer and a class, drag the sliders, and the picture follows.

    `network` is whatever `cnnviz.load` takes (the bundled ImageNet network if nothing is given), `image` an
    InputImage, an array, a path, or nothing for a sample. `method` is a method or a method class, `target` a class
    index, a class name or a Target, `layer` a path. Give `session` instead to show one that exists: two explorers
    on one session are linked.
    """

    def __init__(self, network=None, image=None, method=None, layer=None, target=None, session=None):
        super().__init__(layout=ipywidgets.Layout(width="100%", max_width="1180px"))
        self.session = session or _session(network, image, method, layer, target)
        self.live_view = LiveView(self.session)
        self.figure = ResultFigure(self.session, self.live_view.live_image)
        self.status = StatusLine(self.session)
        self.method_picker = MethodPicker(self.session, all_methods())
        self.controls = ParameterControls(self.session)
        self.network_picker = NetworkPicker(self.session)
        self.image_picker = ImagePicker(self.session)
        self.layer_picker = LayerPicker(self.session)
        self.target_picker = TargetPicker(self.session)
        self.children = self._arranged()

    @property
    def result(self):
        """The result that is shown."""
        return self.session.result

    def close(self):
        """Take the explorer from the page and end what it follows; a session given from outside goes on."""
        for part in self._parts():
            part.close()
        super().close()

    def _parts(self):
        return (
            self.live_view,
            self.figure,
            self.status,
            self.method_picker,
            self.controls,
            self.network_picker,
            self.image_picker,
            self.layer_picker,
            self.target_picker,
        )

    def _arranged(self):
        view = ipywidgets.ToggleButtons(
            options=[("Live", False), ("Figure", True)],
            tooltips=["Drawn in the browser: fast.", "A matplotlib figure: axes, zoom, pan, save."],
            style={"button_width": "72px"},
        )
        view.observe(lambda change: self._switch(change["new"]), "value")
        self.figure.widget.layout.display = "none"
        left = [
            self.network_picker.widget,
            self.image_picker.widget,
            self.method_picker.widget,
            self.controls.widget,
            self.layer_picker.widget,
        ]
        above = ipywidgets.HBox(
            [view, self.live_view.choice], layout=ipywidgets.Layout(justify_content="space-between")
        )
        middle = [above, self.status.widget, self.live_view.widget, self.figure.widget, self.status.notes]
        columns = [
            ipywidgets.VBox(left, layout=SIDE),
            ipywidgets.VBox(middle, layout=MIDDLE),
            ipywidgets.VBox([self.target_picker.widget], layout=SIDE),
        ]
        return (ipywidgets.Box(columns, layout=WRAPPING),)

    def _switch(self, to_figure):
        self.live_view.widget.layout.display = "none" if to_figure else None
        self.live_view.choice.layout.visibility = "hidden" if to_figure else None
        self.figure.widget.layout.display = None if to_figure else "none"
        self.figure.show(to_figure)


def _session(network, image, method, layer, target):
    from ..core.image import InputImage

    if isinstance(image, (str, bytes)) or hasattr(image, "__fspath__"):
        image = InputImage.open(image)
    method = method() if isinstance(method, type) else method
    return Session(network or "efficientnet_lite0", image, method, target, layer)
