"""`Explorer`: every method, every picker, one picture."""

import ipywidgets

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.methods import all_methods
from cnnviz_widgets.widgets.charts.result_figure import ResultFigure
from cnnviz_widgets.widgets.look import PICTURE_COLUMN, SIDE_COLUMN, TO_BOTH_ENDS, buttons
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.controls import MethodPicker, ParameterControls
from cnnviz_widgets.widgets.parts.live_view import LiveView
from cnnviz_widgets.widgets.parts.pickers import ImagePicker, LayerPicker, NetworkPicker, TargetPicker
from cnnviz_widgets.widgets.parts.range_picker import RangePicker
from cnnviz_widgets.widgets.parts.status_line import StatusLine

from .session_explorer import SessionExplorer, column, columns, own, part, row


class Explorer(SessionExplorer):
    """Everything: pick an image, a method, a layer and a class, drag the sliders, and the picture follows.

    Arguments as for `SessionExplorer`.
    """

    view: ipywidgets.ToggleButtons = own(
        ipywidgets.ToggleButtons,
        options=[("Live", False), ("Figure", True)],
        tooltips=["Drawn in the browser: fast.", "A matplotlib figure: axes, zoom, pan, save."],
        style=buttons(72),
    )
    live_view: LiveView = part(LiveView)
    figure: ResultFigure = part(ResultFigure, "live_view.live_image")
    status: StatusLine = part(StatusLine)
    method_picker: MethodPicker = part(MethodPicker, "methods")
    controls: ParameterControls = part(ParameterControls)
    network_picker: NetworkPicker = part(NetworkPicker)
    range_picker: RangePicker = part(RangePicker)
    image_picker: ImagePicker = part(ImagePicker)
    layer_picker: LayerPicker = part(LayerPicker)
    target_picker: TargetPicker = part(TargetPicker)
    page = (
        columns(
            column(
                *("network_picker", "range_picker", "image_picker", "method_picker", "controls", "layer_picker"),
                layout=SIDE_COLUMN,
            ),
            column(
                row("view", "live_view.choice", layout=TO_BOTH_ENDS),
                *("status", "live_view", "figure", "status.notes"),
                layout=PICTURE_COLUMN,
            ),
            column("target_picker", layout=SIDE_COLUMN),
        ),
    )

    @property
    def methods(self) -> tuple[type[Method], ...]:
        """The method classes to choose from, also those of the person's own."""
        return all_methods()

    def connect(self, bound: Bound) -> None:
        """Show the live view or the figure."""
        self.figure.widget.layout.display = "none"
        bound.act(self.view, "value", self._switch)

    def _switch(self, to_figure):
        self.live_view.widget.layout.display = "none" if to_figure else None
        self.live_view.choice.layout.visibility = "hidden" if to_figure else None
        self.figure.widget.layout.display = None if to_figure else "none"
        self.figure.show(to_figure)
