"""`ComparisonExplorer`, the base of explorers that show several answers side by side."""

from cnnviz_widgets.core.failures import Refusal
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.request import Request
from cnnviz_widgets.settings import Settings
from cnnviz_widgets.widgets.look import BESIDE_PANELS, PANELS_COLUMN, PICTURES_FIRST
from cnnviz_widgets.widgets.parts.panels import Panels
from cnnviz_widgets.widgets.parts.pickers import ImagePicker, NetworkPicker, TargetPicker
from cnnviz_widgets.widgets.parts.status_line import StatusLine

from .session_explorer import Items, SessionExplorer, column, columns, option, part


class ComparisonExplorer(SessionExplorer):
    """Panels of variants. Subclasses choose the variants (`variants`) and name the panels (`name_of`).

    `scale` is "shared" or "own", see `Panels`; the panels `show` the map, the image, or both.
    """

    scale: str = option("shared")
    show: str = "both"
    panels: Panels = part(Panels, "name_of", "scale", "show")
    status: StatusLine = part(StatusLine)
    network_picker: NetworkPicker = part(NetworkPicker)
    image_picker: ImagePicker = part(ImagePicker)
    target_picker: TargetPicker = part(TargetPicker)

    @property
    def opening_method(self) -> Method:
        """The method with its defaults, which all panels have in common."""
        assert self.first_method is not None  # every comparison is of one
        return self.first_method()

    @property
    def results(self) -> tuple[Result | Refusal, ...]:
        """The answers in the panels: a Result each, or a Refusal."""
        return self.session.results

    def name_of(self, asked: Request | Settings) -> str:
        """Return the words above the panel of a Request, or of Settings that were refused."""
        return str(asked.method)


def comparing(pickers: Items, above: Items, below: Items = ()) -> Items:
    """Return the page of a comparison: `pickers` among those of all, items `above` and `below` the panels."""
    left = column("network_picker", "image_picker", *pickers, "target_picker", layout=BESIDE_PANELS)
    right = column("status", *above, "panels", "panels.notes", *below, layout=PANELS_COLUMN)
    return (columns(left, right, layout=PICTURES_FIRST),)
