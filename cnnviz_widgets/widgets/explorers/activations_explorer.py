"""`ActivationExplorer`: what each channel of a layer makes of an image, down to the arithmetic of one number."""

import ipywidgets

from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.widgets.look import SIDE_COLUMN, TILES_COLUMN, WRAPPING_ROW
from cnnviz_widgets.widgets.parts.channel_tiles import ChannelTiles
from cnnviz_widgets.widgets.parts.layer_facts import LayerFacts
from cnnviz_widgets.widgets.parts.selectors import ImagePicker, LayerPicker, NetworkPicker
from cnnviz_widgets.widgets.parts.status import StatusLine
from cnnviz_widgets.widgets.parts.unit_detail import UnitDetail

from .session_explorer import SessionExplorer


class ActivationExplorer(SessionExplorer):
    """What does a layer see in this image? Its feature maps as tiles; click one, then a cell of it.

    Arguments as for `SessionExplorer`.
    """

    first_method = Activations

    def __init__(self, network=None, image=None, method=None, layer=None, target=None, session=None):
        super().__init__(network, image, method, layer, target, session)
        self.facts = self.add(LayerFacts(self.session, arithmetic=True))
        self.tiles = self.add(ChannelTiles(self.session, self.facts))
        self.detail = self.add(UnitDetail(self.session, self.tiles, self.facts))
        self.status = self.add(StatusLine(self.session))
        self.network_picker = self.add(NetworkPicker(self.session))
        self.image_picker = self.add(ImagePicker(self.session))
        self.layer_picker = self.add(LayerPicker(self.session))
        self.children = (self._arranged(),)

    def _arranged(self):
        left = [self.network_picker.widget, self.image_picker.widget, self.layer_picker.widget, self.tiles.order]
        right = [self.status.widget, self.tiles.widget, self.tiles.dead, self.detail.widget, self.status.notes]
        columns = [ipywidgets.VBox(left, layout=SIDE_COLUMN), ipywidgets.VBox(right, layout=TILES_COLUMN)]
        return ipywidgets.Box(columns, layout=WRAPPING_ROW)
