"""`Explorer`: every method, every picker, one picture."""

import ipywidgets

from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.widgets.charts.figures import ResultFigure
from cnnviz_widgets.widgets.look import TO_BOTH_ENDS, buttons
from cnnviz_widgets.widgets.parts.controls import MethodPicker, ParameterControls
from cnnviz_widgets.widgets.parts.live_view import LiveView
from cnnviz_widgets.widgets.parts.selectors import ImagePicker, LayerPicker, NetworkPicker, TargetPicker
from cnnviz_widgets.widgets.parts.status import StatusLine

from .session_explorer import SessionExplorer


class Explorer(SessionExplorer):
    """Everything: pick an image, a method, a layer and a class, drag the sliders, and the picture follows.

    Arguments as for `SessionExplorer`.
    """

    def __init__(self, network=None, image=None, method=None, layer=None, target=None, session=None):
        super().__init__(network, image, method, layer, target, session)
        self.live_view = self.add(LiveView(self.session))
        self.figure = self.add(ResultFigure(self.session, self.live_view.live_image))
        self.status = self.add(StatusLine(self.session))
        self.method_picker = self.add(MethodPicker(self.session, all_methods()))
        self.controls = self.add(ParameterControls(self.session))
        self.network_picker = self.add(NetworkPicker(self.session))
        self.image_picker = self.add(ImagePicker(self.session))
        self.layer_picker = self.add(LayerPicker(self.session))
        self.target_picker = self.add(TargetPicker(self.session))
        self.children = (self._arranged(),)

    def _arranged(self):
        view = ipywidgets.ToggleButtons(
            options=[("Live", False), ("Figure", True)],
            tooltips=["Drawn in the browser: fast.", "A matplotlib figure: axes, zoom, pan, save."],
            style=buttons(72),
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
        above = ipywidgets.HBox([view, self.live_view.choice], layout=TO_BOTH_ENDS)
        middle = [above, self.status.widget, self.live_view.widget, self.figure.widget, self.status.notes]
        return self.columns(left, middle, [self.target_picker.widget])

    def _switch(self, to_figure):
        self.live_view.widget.layout.display = "none" if to_figure else None
        self.live_view.choice.layout.visibility = "hidden" if to_figure else None
        self.figure.widget.layout.display = None if to_figure else "none"
        self.figure.show(to_figure)
