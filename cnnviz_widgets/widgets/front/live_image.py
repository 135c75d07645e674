"""The live view: an image and the map that explains it, blended in the browser.

Python sends raw numbers once. Opacity, colours, limits, zoom and the value under the pointer are the browser's work
(``live_image.js``), so they answer within a frame while the kernel computes something else.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets
from ipywidgets import widget_serialization
from traitlets import Bool, CBytes, CFloat, Dict, Enum, Instance, Int, List, TraitError, Unicode

from cnnviz_widgets.core.colours import COLORMAPS, family_of, lookup_table

from .browser_state import BrowserState
from .esm import joined

HERE = Path(__file__).parent
# Okabe and Ito's colours, told apart with any kind of colour vision; the first is grey: "nothing unusual here".
CATEGORY_COLORS = (
    "#9a9a9a",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)
MAX_SIDE = 4096  # px of the base image
MAX_VALUES = 16_000_000  # numbers in one map or grid of tiles: 64 MB on the wire

BOUNDS = {"opacity": (0.0, 1.0), "saturation": (0.01, 100.0), "zoom": (1.0, 32.0)}


@functools.cache
def lookup_tables() -> bytes:
    """Return all colour maps of ``COLORMAPS`` in order, each `LUT_ENTRIES` x RGB uint8, from low to high."""
    return b"".join(lookup_table(name).tobytes() for family in COLORMAPS.values() for name in family)


class LiveImage(BrowserState, anywidget.AnyWidget):
    """An image with a map, a grid of tiles, or a class map over it.

    The ``show_*`` methods replace what is shown in one message, so that the browser never draws half of an update.
    They check everything before they change anything.
    """

    _esm = joined("live_image.js")
    _css = "".join((HERE / name).read_text("utf-8") for name in ("live_image.css", "live_controls.css"))

    browser_may_write = frozenset(
        (
            "opacity",
            "colormap",
            "show",
            "smooth",
            "fade",
            "saturation",
            "zoom",
            "center",
            "selected",
            "tile_scale",
            "clicked",
            "hovered",
        )
    )

    # The picture. Sent by Python, never taken from a browser.
    image = CBytes(help="RGB uint8, rows from the top.").tag(sync=True)
    image_shape = List(Int(), help="[height, width], or [] without an image.").tag(sync=True)
    values = CBytes(help="Little-endian float32 in the order of values_shape.").tag(sync=True)
    values_shape = List(
        Int(),
        help="[rows, columns], [tiles, rows, columns], [tiles, rows, columns, 3], or [] without a map.",
    ).tag(sync=True)
    on_image = Bool(True, help="The values cover the image's extent and are laid over it.").tag(sync=True)
    names = List(Unicode(), help="One name a tile, or [].").tag(sync=True)
    struck = List(Int(), help="The tiles that are struck through.").tag(sync=True)
    categories = List(Dict(), help="{'name', 'color'} each; the values are then indices.").tag(sync=True)
    signed = Bool(False, help="Diverges about zero; otherwise runs from the lower limit.").tag(sync=True)
    unit = Unicode().tag(sync=True)
    limits = List(CFloat(), [0.0, 1.0], help="[low, high] of the colours at saturation 1.").tag(sync=True)
    title = Unicode().tag(sync=True)
    alt = Unicode(help="What a screen reader says of the picture; '' takes the title.").tag(sync=True)
    dimmed = Bool(False, help="The picture is of an earlier request: the last one failed.").tag(sync=True)
    busy = Bool(False, help="A newer picture is on its way.").tag(sync=True)
    behind = Bool(False, help="The picture is of earlier settings than the controls show.").tag(sync=True)
    box = List(CFloat(), help="[top, left, bottom, right] in px of the image, drawn over it, or [].").tag(sync=True)
    compact = Bool(False, help="Without controls: one of several pictures side by side.").tag(sync=True)
    has_scale = Bool(True, help="The colour bar stands below; otherwise another picture's says what colours mean.").tag(
        sync=True
    )
    enlarges = Bool(True, help="A selected tile stands enlarged beside the others.").tag(sync=True)
    leader = Instance("cnnviz_widgets.widgets.front.live_image.LiveImage", allow_none=True).tag(
        sync=True, **widget_serialization
    )  # given when it is made: opacity, colours, zoom and the like are then the leader's, for pictures side by side
    tells_hover = Bool(False, help="The browser writes `hovered`; each move is then a message.").tag(sync=True)
    luts = CBytes(help="The colour tables, in the order of `families`.").tag(sync=True)
    families = Dict(help="Names of the colour maps: {'sequential': [...], 'diverging': [...]}.").tag(sync=True)

    # The way of looking at it. The browser's controls write these.
    opacity = CFloat(0.6, help="Of the map over the image, 0..1.").tag(sync=True)
    colormap = Unicode("viridis", help="One of the family that fits `signed`.").tag(sync=True)
    show = Enum(("both", "image", "map"), "both").tag(sync=True)
    smooth = Bool(False, help="Bilinear between cell centres; otherwise the true cells.").tag(sync=True)
    fade = Bool(False, help="Small values are transparent.").tag(sync=True)
    saturation = CFloat(1.0, help="Factor on the limits.").tag(sync=True)
    zoom = CFloat(1.0).tag(sync=True)
    center = List(CFloat(), [0.5, 0.5], help="[x, y] of the middle of the view, 0..1 of the image.").tag(sync=True)
    selected = Int(-1, help="The enlarged tile; -1 is none.").tag(sync=True)
    tile_scale = Enum(("shared", "own"), "shared", help="One scale for all tiles, or each to its own largest.").tag(
        sync=True
    )
    clicked = List(Int(), help="[tile, row, column] of the cell last clicked, or [].").tag(sync=True)
    hovered = List(Int(), help="The same of the cell under the pointer, [] when it leaves.").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._chosen_colormap = {family: names[0] for family, names in COLORMAPS.items()}
        super().__init__(**{"luts": lookup_tables(), "families": COLORMAPS, **traits})

    def show_image(self, rgb: np.ndarray) -> None:
        """Replace the base image: (height, width, 3) uint8 RGB, or grey as (height, width[, 1]). The map stays."""
        pixels = _rgb_pixels(rgb)
        with self.hold_sync():
            self.image_shape = list(pixels.shape[:2])
            self.image = pixels.tobytes()
            self.dimmed = self.busy = False

    def show_map(
        self,
        values: npt.ArrayLike,
        signed: bool = False,
        unit: str = "",
        limits: tuple[float, float] | None = None,
        title: str | None = None,
        alt: str | None = None,
    ) -> None:
        """Lay a map over the image: (rows, columns), its grid covering the image's whole extent.

        (rows, columns, 3) is shown as colours: each channel through the same limits. ``limits=None`` takes the range
        of the finite values, symmetric when signed and from zero when not. ``title`` and ``alt`` None stay as they are.
        """
        values = np.asarray(values)
        if values.ndim == 3 and values.shape[2] == 3:
            values = values[np.newaxis]
        elif values.ndim != 2:
            raise ValueError(f"A map has the shape (rows, columns) or (rows, columns, 3). Received: {values.shape}.")
        self._show(values, signed, unit, limits, title, alt)

    def show_tiles(
        self,
        values: npt.ArrayLike,
        names: Iterable[object] | None = None,
        signed: bool = False,
        unit: str = "",
        limits: tuple[float, float] | None = None,
        title: str | None = None,
        alt: str | None = None,
        on_image: bool = False,
        selected: int | None = None,
        struck: Iterable[int] = (),
    ) -> None:
        """Show a grid of tiles: (tiles, rows, columns), or (tiles, rows, columns, 3) for colour kernels.

        All tiles share the limits. ``on_image`` lays the enlarged tile over the image: right for activations, wrong
        for kernels. ``selected=None`` keeps a tile open while the names are the same and closes it otherwise.
        The tiles ``struck`` are struck through.
        """
        values = np.asarray(values)
        names = [str(name) for name in names] if names is not None else []
        if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[3] != 3):
            raise ValueError(
                f"Tiles have the shape (tiles, rows, columns) or (tiles, rows, columns, 3). Received: {values.shape}."
            )
        if names and len(names) != len(values):
            raise ValueError(f"Names and tiles must be equally many ({len(values)}). Received: {len(names)} names.")
        if selected is None:
            selected = self.selected if names == self.names else -1
        self._show(
            values,
            signed,
            unit,
            limits,
            title,
            alt,
            names=names,
            on_image=on_image,
            selected=selected,
            struck=struck,
        )

    def show_categories(
        self,
        indices: npt.ArrayLike,
        names: Sequence[str],
        colors: Iterable[str] | None = None,
        title: str | None = None,
        alt: str | None = None,
    ) -> None:
        """Lay a map of named categories over the image: (rows, columns) indices into ``names``.

        An index outside of ``names`` means "none" and is hatched. ``colors`` are CSS hex colours, ``#rrggbb``.
        """
        indices = np.asarray(indices)
        if indices.ndim != 2 or not len(names):
            raise ValueError(
                "Categories need indices of the shape (rows, columns) and at least one name. "
                f"Received: shape {indices.shape}, {len(names)} names."
            )
        colors = [_category_color(k) for k in range(len(names))] if colors is None else list(colors)
        if len(colors) != len(names):
            raise ValueError(f"Colours and names must be equally many ({len(names)}). Received: {len(colors)}.")
        categories = [{"name": str(n), "color": str(c)} for n, c in zip(names, colors, strict=True)]
        self._show(indices, False, "", (0, len(names)), title, alt, categories=categories)

    def clear(self) -> None:
        """Take the map away; the image stays."""
        with self.hold_sync():
            self.values, self.values_shape, self.names, self.categories = b"", [], [], []
            self.selected, self.title, self.alt = -1, "", ""
            self.dimmed = self.busy = False

    def _show(
        self,
        values,
        signed,
        unit,
        limits,
        title,
        alt,
        names=(),
        categories=(),
        on_image=True,
        selected=-1,
        struck=(),
    ):
        if not 0 < values.size <= MAX_VALUES:
            raise ValueError(f"A view holds 1 to {MAX_VALUES} values. Received: shape {values.shape}.")
        low, high = _limits(values, signed) if limits is None else map(float, limits)
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ValueError(f"Limits are two finite numbers, low <= high. Received: {(low, high)}.")
        with np.errstate(over="ignore"):  # beyond float32 is infinite, which the browser hatches and counts
            numbers = np.ascontiguousarray(values, dtype="<f4")
        with self.hold_sync():
            self.values_shape, self.values = list(numbers.shape), numbers.tobytes()
            self.names, self.categories, self.on_image = (
                list(names),
                list(categories),
                bool(on_image),
            )
            self.signed, self.unit, self.limits = bool(signed), str(unit), [low, high]
            self.title = self.title if title is None else str(title)
            self.alt = self.alt if alt is None else str(alt)
            self.selected, self.struck = int(selected), [int(tile) for tile in struck]
            self.dimmed = self.busy = False

    @traitlets.validate("opacity", "saturation", "zoom")
    def _within_bounds(self, proposal):
        return _clamp(proposal["value"], *BOUNDS[proposal["trait"].name])

    @traitlets.validate("center")
    def _within_image(self, proposal):
        if len(proposal["value"]) != 2:
            raise TraitError(f"center is [x, y]. Received: {len(proposal['value'])} numbers.")
        return [_clamp(value, 0.0, 1.0) for value in proposal["value"]]

    @traitlets.validate("clicked", "hovered")
    def _existing_cell(self, proposal):
        """[tile, row, column]: a cell of the map (tile 0) or of a tile; without a map px of the image, tile -1."""
        cell, shape = proposal["value"], self.values_shape or self.image_shape
        tiles = range(shape[0]) if len(shape) > 2 else [0 if self.values_shape else -1]
        rows, columns = shape[1:3] if len(shape) > 2 else shape or (0, 0)
        if not cell or (len(cell) == 3 and cell[0] in tiles and 0 <= cell[1] < rows and 0 <= cell[2] < columns):
            return cell
        raise TraitError(f"A cell is [tile, row, column] of {rows}×{columns}, or []. Received: {cell}.")

    @traitlets.observe("values_shape", "image_shape", "names")
    def _forget_cells(self, _):
        self.clicked = self.hovered = []  # what they pointed at is gone

    @traitlets.validate("box")
    def _whole_box(self, proposal):
        if len(proposal["value"]) not in (0, 4) or not all(map(math.isfinite, proposal["value"])):
            raise TraitError(f"box is [top, left, bottom, right] or []. Received: {proposal['value']}.")
        return proposal["value"]

    @traitlets.validate("selected")
    def _existing_tile(self, proposal):
        tiles = self.values_shape[0] if len(self.values_shape) > 2 else 0
        return proposal["value"] if 0 <= proposal["value"] < tiles else -1

    @traitlets.validate("colormap")
    def _fitting_colormap(self, proposal):
        fitting = COLORMAPS[family_of(self.signed)]
        if proposal["value"] not in fitting:
            raise TraitError(f"Colour maps that fit: {', '.join(fitting)}. Received: {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.observe("colormap")
    def _remember_colormap(self, change):
        family = "diverging" if change["new"] in COLORMAPS["diverging"] else "sequential"
        self._chosen_colormap[family] = change["new"]

    @traitlets.observe("signed")
    def _change_family(self, change):
        self.colormap = self._chosen_colormap[family_of(change["new"])]


def _clamp(value: float, low: float, high: float) -> float:
    if math.isnan(value):
        raise TraitError(f"A number from {low} to {high} is needed. Received: {value}.")
    return min(max(value, low), high)


def _rgb_pixels(rgb: np.ndarray) -> np.ndarray:
    pixels = np.asarray(rgb)
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or not pixels.size:
        raise ValueError(
            "A base image is uint8 of the shape (height, width, 3), (height, width, 1) or (height, width). "
            f"Received: {pixels.dtype} {np.shape(rgb)}."
        )
    if max(pixels.shape[:2]) > MAX_SIDE:
        raise ValueError(f"A base image has at most {MAX_SIDE} px a side. Received: {np.shape(rgb)}.")
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _limits(values: np.ndarray, signed: bool) -> tuple[float, float]:
    """Return the range of the finite values, with zero in it; symmetric when signed."""
    finite = values[np.isfinite(values)]
    low, high = (float(min(finite.min(), 0)), float(max(finite.max(), 0))) if finite.size else (0.0, 0.0)
    return (-max(-low, high), max(-low, high)) if signed else (low, high)


def _category_color(index: int) -> str:
    """Return a colour for the n-th category: the fixed palette first, then hues a golden angle apart."""
    if index < len(CATEGORY_COLORS):
        return CATEGORY_COLORS[index]
    import colorsys

    channels = colorsys.hsv_to_rgb(index * 0.61803 % 1, 0.55, 0.85)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
