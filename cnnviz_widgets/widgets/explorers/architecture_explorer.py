"""`ArchitectureExplorer`: the layers of a network as a table and as a diagram; a layer picked is the session's."""

from cnnviz_widgets.settings import Settings
from cnnviz_widgets.widgets.look import (
    DIAGRAM_COLUMN,
    LAYER_COLUMN,
    NETWORK_COLUMN,
    PICKER_ABOVE,
    TABLE_COLUMN,
    WIDEST_PAGE,
)
from cnnviz_widgets.widgets.parts.anatomy_view import AnatomyView
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.pickers import NetworkPicker

from .session_explorer import SessionExplorer, column, columns, part


class ArchitectureExplorer(SessionExplorer):
    """The layers of a network as a table and as a diagram of what feeds what.

    Picking a layer makes it the session's layer, in every explorer on that session. The explorer's own session, when
    none is given, computes nothing; to look at a layer beside it, give this explorer the session of the other one.
    Arguments as for `SessionExplorer`.
    """

    page_layout: dict[str, str] = WIDEST_PAGE
    view: AnatomyView = part(AnatomyView)
    network_picker: NetworkPicker = part(NetworkPicker)
    page = (
        column(
            columns(
                column("network_picker", "view.status", layout=NETWORK_COLUMN),
                column("view.title", "view.facts", layout=LAYER_COLUMN),
            ),
            columns(
                column("view.table", layout=TABLE_COLUMN),
                column("view.diagram", "view.plot_button", "view.plot", layout=DIAGRAM_COLUMN),
            ),
        ),
    )

    def variants(self, settings: Settings) -> tuple[Settings, ...]:
        """Return no question: the layers of a network need no picture."""
        return ()

    def connect(self, bound: Bound) -> None:
        """Let the picker stand above the table, where there is more room than in a column of pickers."""
        self.network_picker.widget.layout = PICKER_ABOVE
