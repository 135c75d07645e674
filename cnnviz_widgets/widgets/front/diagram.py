"""The graph of a network as a diagram in the browser: boxes that are picked, groups that open and close."""

from pathlib import Path

import anywidget
from traitlets import Dict, List, Unicode, validate

from cnnviz_widgets.anatomy.anatomy import Anatomy
from cnnviz_widgets.widgets.charts.diagram_scene import groups_around, scene

from .browser_state import BrowserState
from .esm import joined

HERE = Path(__file__).parent
AT_FIRST = 40  # boxes; a whole level of groups is open at first if no more than so many are seen then


class Diagram(BrowserState, anywidget.AnyWidget):
    """Shows an anatomy; `selected` is the path of the layer that is picked, `opened` those of the open groups.

    Picking a layer opens the groups around it, and closes those again that it opened for the one before.
    """

    _esm = joined("diagram.js")
    _css = HERE / "diagram.css"

    browser_may_write = frozenset({"selected", "opened"})

    scene = Dict(help="Boxes and lines with places in px, see `diagram_scene.scene`.").tag(sync=True)
    around = Dict(help="path -> paths of the groups around it, the outermost first.").tag(sync=True)
    opened = List(Unicode()).tag(sync=True)
    selected = Unicode().tag(sync=True)

    def __init__(self) -> None:
        self._anatomy, self._words, self._revealed = None, {}, frozenset()
        super().__init__(scene=_nothing(), layout={"width": "100%"})
        self.observe(lambda _: self._draw(), "opened")
        self.observe(lambda change: self._reveal(change["new"]), "selected")

    def show_anatomy(self, anatomy: Anatomy | None, name: str = "", image_size: str = "") -> None:
        """Show another network; None for none."""
        self._anatomy, self._words = None, {"name": name, "image_size": image_size}
        self._revealed = frozenset()
        with self.hold_sync():
            self.selected, self.opened = "", []
            self._anatomy = anatomy
            self.around = {} if anatomy is None else groups_around(anatomy)
            self.opened = [] if anatomy is None else open_at_first(anatomy)
            self._draw()

    def _draw(self):
        self.scene = _nothing() if self._anatomy is None else scene(self._anatomy, self.opened, **self._words)

    def _reveal(self, path):
        needed = frozenset(self.around.get(path, ()))
        opened = frozenset(self.opened)
        self._revealed, before = needed - (opened - self._revealed), self._revealed
        if (wanted := opened - before | needed) != opened:
            self.opened = sorted(wanted)

    @validate("selected")
    def _existing(self, proposal):
        return proposal["value"] if proposal["value"] in self.around else ""

    @validate("opened")
    def _groups_only(self, proposal):
        groups = {group for around in self.around.values() for group in around}
        return [path for path in dict.fromkeys(proposal["value"]) if path in groups]


def open_at_first(anatomy: Anatomy) -> list[str]:
    """Return the paths of the groups to open: level by level from the outermost, while few boxes are seen."""
    opened, level = [], list(anatomy.groups)
    seen = len(anatomy.members)
    while level and seen + (inside := sum(len(group.members) - 1 for group in level)) <= AT_FIRST:
        seen += inside
        opened += [group.path for group in level]
        level = [member for group in level for member in group.members if not isinstance(member, str)]
    return opened


def _nothing():
    return {"name": "", "width": 0, "height": 0, "nodes": [], "boxes": [], "edges": []}
