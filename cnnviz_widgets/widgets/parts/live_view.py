"""The live view of a session: its result over its image, blended in the browser; and clicks on tiles."""

import re

import ipywidgets
import numpy as np

from cnnviz_widgets.core.display import limits
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.result import COLOUR_MAP, MAP, PICTURE, PICTURES, TILES, Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import FIELDS
from cnnviz_widgets.widgets.front.live_image import LiveImage
from cnnviz_widgets.widgets.look import buttons
from cnnviz_widgets.words import percent

from .bound import Bound

# Classes in the legend of a class map; the rest are "another class".
IN_LEGEND = 7


class LiveView(Bound):
    """The session's results as they come; a failed request leaves the last good picture, dimmed.

    A picture of earlier settings than the present ones says so, until its successor is there.

    `choice` is a control to stand beside the view: heat map or class map, where a result has both.
    """

    def __init__(self, session: Session):
        super().__init__(session)
        self.live_image = LiveImage()
        self.choice = ipywidgets.ToggleButtons(
            options=[("Heat map", "map"), ("Class map", "classes")],
            tooltips=[
                "The drop of the score at each place.",
                "The class that wins while the window stands at each place.",
            ],
            style=buttons(96),
        )
        self.widget = self.live_image
        self._image = None
        self.follow(self._show_image_alone, "network", "image")
        self.follow(self._show_result, "result")
        self.follow(self._show_status, "status", *FIELDS)
        self.act(self.choice, "value", lambda _: self._show_result())
        self.act(self.live_image, "selected", self._explain_tile)

    def _show_image_alone(self):
        """Show the image while there is no result yet."""
        image = self.session.fitted
        if self.session.result is None and image is not None:
            self._send_image(image, self.session.network)

    def _show_result(self):
        result = self.session.result
        has_classes = result is not None and result.class_map is not None
        self.choice.layout.display = None if has_classes else "none"
        if result is None:
            return
        with self.live_image.hold_sync():
            if result.request.image is not None:
                self._send_image(result.request.image, result.request.network)
            if has_classes and self.choice.value == "classes":
                self._send_classes(result)
            else:
                self._send_values(result)
            self._show_status()

    def _show_status(self):
        # Not while computing: an answer that is kept would be drawn twice. The status line shows that.
        self.live_image.busy = self.session.status == "loading"
        self.live_image.dimmed = self.session.status == "failed" and self.session.result is not None
        self.live_image.behind = self.session.is_behind and not self.live_image.dimmed

    def _send_image(self, image, network):
        if image != self._image:
            self._image = image
            self.live_image.show_image(image.rgb(network.value_range if network else (0, 255)))

    def _send_values(self, result):
        caption = result.caption
        shared = {"signed": result.signed, "unit": result.unit, "title": caption, "alt": alt_text(result)}
        if result.axes == MAP:
            self.live_image.show_map(result.array, limits=limits(result.array, result.signed), **shared)
        elif result.axes == PICTURE:
            self._send_picture(result)
        elif result.axes == PICTURES:
            pixels = [InputImage(picture).rgb(result.request.network.value_range) for picture in result.array]
            self.live_image.show_tiles(pixels, result.names, limits=(0, 255), title=caption, alt=caption)
        elif result.axes == COLOUR_MAP:
            planes = np.moveaxis(result.array, -1, 0)
            names = [f"input channel {index}" for index in range(len(planes))]
            self.live_image.show_tiles(planes, names, limits=limits(planes, result.signed), on_image=True, **shared)
        else:
            over_image = result.axes == TILES and result.request.image is not None
            self.live_image.show_tiles(
                result.array, result.names, limits=limits(result.array, result.signed), on_image=over_image, **shared
            )

    def _send_picture(self, result):
        """Show a picture that a method has made, in the image's place."""
        self._image = None
        self.live_image.clear()
        self.live_image.show_image(InputImage(result.array).rgb(result.request.network.value_range))
        self.live_image.title = self.live_image.alt = result.caption

    def _send_classes(self, result):
        names = result.request.network.class_names
        found, counts = np.unique(result.class_map, return_counts=True)
        shown = found[np.argsort(-counts, kind="stable")][:IN_LEGEND]
        indices = np.full(result.class_map.shape, len(shown))
        for position, index in enumerate(shown):
            indices[result.class_map == index] = position
        legend = [names[index] for index in shown] + (["another class"] if len(found) > len(shown) else [])
        title = f"{result.caption} · the class that wins when this place is covered"
        self.live_image.show_categories(indices, legend, title=title)

    def _explain_tile(self, tile):
        """Make the picked channel the target of the other methods: the person wants to know about it."""
        result = self.session.result
        layer = None if result is None else result.request.layer
        if tile < 0 or result is None or not isinstance(layer, str) or not result.names:
            return
        if result.request.network is not self.session.network:  # the tiles of a network that has been replaced
            return
        channel = re.search(r"\d+", result.names[tile])
        if channel:
            self.session.target = Target(layer, int(channel[0]))


def alt_text(result: Result) -> str:
    """Return a screen reader's words for a result: its caption, and the place where a map is highest."""
    caption = result.caption
    if result.axes != MAP or not np.isfinite(result.array).any():
        return caption
    row, column = np.unravel_index(np.nanargmax(result.array), result.array.shape)
    down, across = (row + 0.5) / result.array.shape[0], (column + 0.5) / result.array.shape[1]
    return f"{caption}. Highest {percent(down, 0)} from the top and {percent(across, 0)} from the left."
