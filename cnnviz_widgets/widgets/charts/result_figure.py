"""The same result as a matplotlib figure: zoom, pan, axes in pixels, a colour bar, save.

The canvas is made by hand and kept; only its artists change. pyplot is left out: it would own the figure, and
keep every one that was ever made.
"""

from typing import TYPE_CHECKING

import ipywidgets
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cnnviz_widgets.core.display import limits, tile
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.result import COLOUR_TILES, MAP, PICTURE, PICTURES, Result
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.live_image import LiveImage
from cnnviz_widgets.widgets.parts.bound import Bound

if TYPE_CHECKING:
    from ipympl.backend_nbagg import Canvas


def canvas_of(figure: Figure) -> "Canvas":
    """Return an ipympl canvas around a figure, ready to be displayed in a box."""
    asked = getattr(matplotlib.rcParams, "_get_backend_or_none", None)
    chosen = None if asked is None else asked()
    from ipympl.backend_nbagg import Canvas, FigureManager

    if chosen is not None:
        matplotlib.use(chosen)  # importing ipympl changes the user's backend
    canvas = Canvas(figure)
    FigureManager(canvas, 0)  # without a manager nothing is shown, and no error raised
    canvas.header_visible = canvas.footer_visible = False
    canvas.resizable = False
    return canvas


class ResultFigure(Bound):
    """The session's result on ipympl, drawn only while it is `shown`. It takes its colours from the live view."""

    def __init__(self, session: Session, live_image: LiveImage):
        super().__init__(session)
        self.widget = ipywidgets.VBox()
        self.figure: Figure | None = None
        self._live_image = live_image
        self._shown = False
        self.follow(self._draw, "result")
        live_image.observe(lambda _: self._draw(), ["colormap", "opacity", "show", "smooth"])

    def show(self, shown: bool) -> None:
        """Start or stop drawing."""
        self._shown = shown
        if shown and self.figure is None:
            self.figure = Figure(figsize=(5.2, 4.6), layout="constrained")
            self.widget.children = (canvas_of(self.figure),)
        self._draw()

    def _draw(self):
        if self._shown and self.figure is not None and self.session.result is not None:
            draw_result(self.figure, self.session.result, self._live_image)
            self.figure.canvas.draw_idle()


def draw_result(figure: Figure, result: Result, look: LiveImage) -> None:
    """Draw a result afresh; `look` has `colormap`, `opacity`, `show` and `smooth`."""
    figure.clear()
    axes = figure.add_subplot()
    axes.set_title(result.caption, fontsize=10)
    if result.axes in (PICTURE, PICTURES):
        axes.imshow(_pixels(result))
        axes.set_axis_off()
        return
    low, high = limits(result.array, result.signed)
    style = {"cmap": look.colormap, "vmin": low, "vmax": high}
    if result.axes == MAP:
        drawn = _draw_map(axes, result, look, style)
        axes.set_xlabel("column (px)")
        axes.set_ylabel("row (px)")
    else:
        values = result.array if result.axes[0] == "tile" else np.moveaxis(result.array, -1, 0)
        mosaic = tile(values)
        if result.axes == COLOUR_TILES:
            axes.imshow((mosaic - low) / (high - low))
            axes.set_axis_off()
            return
        drawn = axes.imshow(mosaic, interpolation="nearest", **style)
        axes.set_axis_off()
    figure.colorbar(drawn, ax=axes, label=result.unit)


def _pixels(result):
    """Return the picture, or the mosaic of pictures, that a method has made, (height, width, 3) uint8."""
    pictures = result.array if result.axes == PICTURES else result.array[np.newaxis]
    return tile(np.stack([InputImage(picture).rgb(result.request.network.value_range) for picture in pictures]))


def _draw_map(axes, result, look, style):
    height, width = result.request.image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    network = result.request.network
    if look.show != "map":
        axes.imshow(result.request.image.rgb(network.value_range), extent=extent)
    alpha = {"map": 1.0, "image": 0.0}.get(look.show, look.opacity)
    values = result.on_image() if look.smooth else result.array  # on_image smooths, matplotlib must not do it again
    return axes.imshow(values, alpha=alpha, extent=extent, interpolation="nearest", **style)
