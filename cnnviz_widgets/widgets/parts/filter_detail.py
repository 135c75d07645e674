"""The details of one filter side by side: its weights, its map, the patches that excite it, an image made for it."""

from collections.abc import Sequence

import ipywidgets
import numpy as np

from cnnviz_widgets.maps.channels import without_weights
from cnnviz_widgets.maps.patches import ExcitedCell, cut_out, strongest_cells
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.live_image import LiveImage
from cnnviz_widgets.widgets.front.number_grids import NumberGrids, grid
from cnnviz_widgets.widgets.look import CAPTION, CARD, FITTED, HEADING, TITLE, TITLE_ROW, WRAPPING_ROW
from cnnviz_widgets.words import number

from .bound import Bound
from .channel_tiles import ChannelTiles
from .filter_maximal_activation import FilterMaximalActivation
from .layer_facts_reader import LayerFactsReader
from .text import paragraph, say

PATCHES = 9
# Kernels up to this side are shown as numbers.
READABLE = 7
# The number of weights of a 1×1 kernel that are shown, as many as fit in a line.
LARGEST = 5


class FilterDetail(Bound):
    """Cards about the channel that is picked in `FilterTiles`, with the facts of a reader of the same session."""

    def __init__(self, session: Session, tiles: ChannelTiles, facts: LayerFactsReader):
        super().__init__(session)
        self._tiles, self._facts = tiles, facts
        self.title = paragraph(css=TITLE)
        self.target = ipywidgets.Button(
            description="Use as target",
            tooltip="Explain this channel instead of a class, in every explorer on this session.",
            layout=FITTED,
        )
        self.numbers, self.colours = NumberGrids(), LiveImage(compact=True)
        self.map, self.patches = LiveImage(compact=True), LiveImage(compact=True, enlarges=False)
        self.about_weights, self.about_map, self.about_patches = (paragraph(css=CAPTION) for _ in range(3))
        self.maximal_activation = FilterMaximalActivation(session)
        self._places: Sequence[ExcitedCell] = ()
        self._shown = None
        self.widget = ipywidgets.VBox([self._headed(), self._cards()])
        self.click(self.target, self._use_as_target)
        self.act(self.patches, "selected", self._show_place)
        tiles.tell(self._show)
        facts.tell(self._show)
        self.follow(self._show, "result")

    def close(self) -> None:
        """Stop following the session, and end the image that is being made."""
        super().close()
        self.maximal_activation.close()

    def _headed(self):
        return ipywidgets.HBox([self.title, self.target], layout=TITLE_ROW)

    def _cards(self):
        cards = [
            ("Its weights", self.colours, self.numbers, self.about_weights),
            ("Its map of this image", self.map, self.about_map),
            ("The parts of this image that excite it most", self.patches, self.about_patches),
            ("An image made to excite it", self.maximal_activation.widget),
        ]
        boxes = [ipywidgets.VBox([paragraph(name, HEADING), *parts], layout=CARD) for name, *parts in cards]
        return ipywidgets.Box(boxes, layout=WRAPPING_ROW)

    # ---- What is shown

    def _show(self):
        result, selection, facts = self.session.result, self._tiles.selection, self._facts.facts
        fits = selection is not None and selection.is_of(result)
        self.widget.layout.display = None if fits else "none"
        if selection is None or not fits or facts is None or not facts.are_of(selection):
            return
        channel = selection.channel
        shown = (selection, result, facts.maps is None, facts.field is None, facts.image, facts.complete)
        if shown == self._shown:
            return
        self._shown = shown
        with self.following():
            self._show_weights(facts, result, channel)
            self._show_map(facts, channel)
            self._show_patches(facts, channel)
            own = self._has_map(facts)
            self.maximal_activation.aim(facts.network, selection.target() if own else None)
            self.target.disabled = not own

    def _has_map(self, facts):
        """Return True where the filter has a channel of its own in the layer's output."""
        return facts.layer.kernel_shape[-1] == facts.layer.channels

    def _show_weights(self, facts, result, channel):
        kernels = np.moveaxis(facts.layer.kernels(), -1, 0)
        kernel, norm = kernels[channel], float(np.linalg.norm(kernels[channel]))
        empty = bool(without_weights(kernels)[channel])
        state = " · zero weights" if empty else " · silent" if self._is_silent(facts, channel) else ""
        say(self.title, f"{facts.layer.path} · filter {channel}{state}")
        height, width, inputs = kernel.shape
        colours = inputs == 3 and result.array.ndim == 4
        self.colours.layout.display = None if colours or max(height, width) > READABLE else "none"
        most = float(np.abs(kernels).max()) or 1.0
        if colours or max(height, width) > READABLE:
            tile = kernel if colours else self._slice(result, channel)
            self.colours.show_tiles(tile[None], signed=result.signed, unit="weight", limits=(-most, most), selected=0)
        self.numbers.lines = self._lines(result, channel, kernel, colours, most)
        inputs_named = f"{inputs} input channel{'s' if inputs > 1 else ''}"
        said = [f"{height}×{width} weights for each of {inputs_named}, norm {number(norm)}."]
        if empty:
            said.append("Its weights are zero, or almost zero compared with the layer's largest.")
        say(self.about_weights, " ".join(said))

    def _lines(self, result, channel, kernel, colours, most):
        height, width, inputs = kernel.shape
        if max(height, width) > READABLE:
            return []
        if colours:
            return [
                [grid(kernel[..., index], name, most, digits=2) for index, name in enumerate(("red", "green", "blue"))]
            ]
        if (height, width) == (1, 1) and inputs > 1:
            weights = kernel[0, 0]
            largest = np.argsort(-np.abs(weights), kind="stable")[:LARGEST]
            names = [f"in {index}" for index in largest]
            return [[grid(weights[None, largest], "the largest weights", most, names=names)]]
        return [[grid(self._slice(result, channel), self._slice_name(result, inputs))]]

    def _slice(self, result, channel):
        return result.array[next(k for k, name in enumerate(result.names) if name.split()[1] == str(channel))]

    def _slice_name(self, result, inputs):
        method = result.request.method
        if inputs == 1:
            return "its weights"
        slices = {"norm": "norm over", "one": f"input channel {method.input_channel} of"}
        return f"{slices.get(method.slices, 'mean over')} {inputs} input channels"

    def _is_silent(self, facts, channel):
        return self._has_map(facts) and channel in facts.silent

    def _show_map(self, facts, channel):
        maps = facts.maps if self._has_map(facts) else None
        self.map.layout.display = "none" if maps is None else None
        if maps is None:
            say(self.about_map, self._no_map(facts))
            return
        values = maps[channel]
        signed = bool(maps.min() < 0)
        self.map.box = []
        self.map.show_image(facts.image.rgb(facts.network.value_range))
        self.map.show_map(values, signed=signed, unit="activation", title="", alt=f"map of filter {channel}")
        said = f"From {number(values.min())} to {number(values.max())}."
        if channel in facts.silent:
            said += f" Silent: {facts.activity.meaning}."
        say(self.about_map, said)

    def _no_map(self, facts):
        if facts.image is None:
            return "Choose an image to see what this filter makes of it."
        if not self._has_map(facts):
            return (
                f"A {facts.layer.kind} mixes its {facts.layer.kernel_shape[-1]} kernels into "
                f"{facts.layer.channels} channels: this kernel has no map of its own."
            )
        return "computing …"

    def _show_patches(self, facts, channel):
        self._places = ()
        maps, field = (facts.maps, facts.field) if self._has_map(facts) else (None, None)
        known = maps is not None and field is not None
        if maps is not None and field is not None:
            self._places = strongest_cells(maps[channel], field, *facts.image.shape[:2], count=PATCHES)
        self.patches.layout.display = None if self._places else "none"
        if not self._places:
            nothing = "No part of this image brings it above zero." if known else ""
            unknown = "The part of the image that its units see is not known." if facts.complete and not known else ""
            say(self.about_patches, nothing or unknown)
            return
        pixels = cut_out(facts.image.rgb(facts.network.value_range), [place.box for place in self._places])
        names = [number(place.value) for place in self._places]
        self.patches.show_tiles(
            pixels, names, limits=(0, 255), selected=0, title="", alt="the patches, strongest first"
        )
        self.map.box = [float(side) for side in self._places[0].box]
        say(self.about_patches, self._about(facts))

    def _about(self, facts):
        size, image = facts.field.size, facts.image.shape[:2]
        if all(one is None or one >= 2 * whole for one, whole in zip(size, image, strict=True)):
            return "Each of its units can see the whole image."
        height, width = ("all" if one is None else one for one in size)
        return f"A unit sees {height}×{width} px, less at the image's border. Click a patch to see where it is."

    # ---- Hands

    def _show_place(self, tile):
        self.map.box = list(self._places[tile].box) if 0 <= tile < len(self._places) else []

    def _use_as_target(self):
        selection = self._tiles.selection
        if selection is not None and selection.network is self.session.network:
            self.session.target = selection.target()
