"""`FilterExplorer`: the kernels that a convolution has learned, and one of them in detail."""

import ipywidgets

from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.widgets.look import PICTURE_COLUMN, RULE, SIDE_COLUMN
from cnnviz_widgets.widgets.parts.channel_tiles import FilterTiles
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.filter_detail import FilterDetail
from cnnviz_widgets.widgets.parts.layer_facts_reader import LayerFactsReader
from cnnviz_widgets.widgets.parts.pickers import ImagePicker, LayerPicker, NetworkPicker
from cnnviz_widgets.widgets.parts.status_line import StatusLine

from .session_explorer import SessionExplorer, column, columns, own, part


class FilterExplorer(SessionExplorer):
    """Filters of a convolution as tiles, sorted, silent ones marked; click one for its weights, map and patches.

    Arguments as for `SessionExplorer`.
    """

    first_method = Filters
    rule: ipywidgets.HTML = own(ipywidgets.HTML, f'<hr style="{RULE}">')
    facts: LayerFactsReader = part(LayerFactsReader)
    tiles: FilterTiles = part(FilterTiles, "facts")
    detail: FilterDetail = part(FilterDetail, "tiles", "facts")
    status: StatusLine = part(StatusLine)
    controls: ParameterControls = part(ParameterControls, hidden=("order",))
    network_picker: NetworkPicker = part(NetworkPicker)
    image_picker: ImagePicker = part(ImagePicker)
    layer_picker: LayerPicker = part(LayerPicker)
    page = (
        columns(
            column("network_picker", "image_picker", layout=SIDE_COLUMN),
            column("status", "tiles", "tiles.silent", "status.notes", layout=PICTURE_COLUMN),
            column("layer_picker", "controls", "tiles.order", layout=SIDE_COLUMN),
        ),
        "rule",
        "detail",
    )
