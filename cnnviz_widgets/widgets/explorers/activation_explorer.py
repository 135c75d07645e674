"""`ActivationExplorer`: the feature maps of a layer, down to the arithmetic of one number."""

from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.widgets.look import SIDE_COLUMN, TILES_COLUMN
from cnnviz_widgets.widgets.parts.channel_tiles import ChannelTiles
from cnnviz_widgets.widgets.parts.layer_facts_reader import LayerFactsReader
from cnnviz_widgets.widgets.parts.pickers import ImagePicker, LayerPicker, NetworkPicker
from cnnviz_widgets.widgets.parts.status_line import StatusLine
from cnnviz_widgets.widgets.parts.unit_detail import UnitDetail

from .session_explorer import SessionExplorer, column, columns, part


class ActivationExplorer(SessionExplorer):
    """Feature maps of a layer as tiles: click one, then a cell of it to see which patch and weights made its number.

    Arguments as for `SessionExplorer`.
    """

    first_method = Activations
    facts: LayerFactsReader = part(LayerFactsReader, arithmetic=True)
    tiles: ChannelTiles = part(ChannelTiles, "facts")
    detail: UnitDetail = part(UnitDetail, "tiles", "facts")
    status: StatusLine = part(StatusLine)
    network_picker: NetworkPicker = part(NetworkPicker)
    image_picker: ImagePicker = part(ImagePicker)
    layer_picker: LayerPicker = part(LayerPicker)
    page = (
        columns(
            column("network_picker", "image_picker", "layer_picker", "tiles.order", layout=SIDE_COLUMN),
            column("status", "tiles", "tiles.silent", "detail", "status.notes", layout=TILES_COLUMN),
        ),
    )
