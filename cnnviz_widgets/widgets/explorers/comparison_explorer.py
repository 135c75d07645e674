"""`ComparisonExplorer`, the base of those that compare: several answers at once, beside what else is on the page."""

from cnnviz_widgets.widgets.look import BESIDE_PANELS, PANELS_COLUMN, PICTURES_FIRST
from cnnviz_widgets.widgets.parts.panels import Panels
from cnnviz_widgets.widgets.parts.pickers import ImagePicker, NetworkPicker, TargetPicker
from cnnviz_widgets.widgets.parts.status_line import StatusLine

from .session_explorer import SessionExplorer, column, columns, option, part


class ComparisonExplorer(SessionExplorer):
    """Panels of variants. Subclasses say which variants (`variants`), and what a panel is called (`name_of`).

    `scale` is "shared" or "own", see `Panels`; the panels `show` the map, the image, or both.
    """

    scale = option("shared")
    show = "both"
    panels = part(Panels, "name_of", "scale", "show")
    status = part(StatusLine)
    network_picker = part(NetworkPicker)
    image_picker = part(ImagePicker)
    target_picker = part(TargetPicker)

    @property
    def opening_method(self):
        """A method, not its class: the defaults, which panels have in common, are meant."""
        return self.first_method()

    @property
    def results(self):
        """The answers that the panels show: a Result each, or a Refusal."""
        return self.session.results

    def name_of(self, asked):
        """The words above the panel of a Request, or of Settings that were refused."""
        return str(asked.method)


def comparing(pickers, above, below=()):
    """The page of a comparison: `pickers` among those of all comparisons; panels, `above` and `below`."""
    left = column("network_picker", "image_picker", *pickers, "target_picker", layout=BESIDE_PANELS)
    right = column("status", *above, "panels", "panels.notes", *below, layout=PANELS_COLUMN)
    return (columns(left, right, layout=PICTURES_FIRST),)
