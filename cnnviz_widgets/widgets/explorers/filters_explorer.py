"""`FilterExplorer`: the kernels that a convolution has learned, and all there is to know of one of them."""

import ipywidgets

from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.widgets.look import RULE
from cnnviz_widgets.widgets.parts.channel_tiles import FilterTiles
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.filter_detail import FilterDetail
from cnnviz_widgets.widgets.parts.layer_facts import LayerFacts
from cnnviz_widgets.widgets.parts.selectors import ImagePicker, LayerPicker, NetworkPicker
from cnnviz_widgets.widgets.parts.status import StatusLine

from .session_explorer import SessionExplorer


class FilterExplorer(SessionExplorer):
    """Which patterns does a convolution look for? Its filters as tiles, sorted, the dead ones marked; click one.

    Arguments as for `SessionExplorer`.
    """

    first_method = Filters

    def __init__(self, network=None, image=None, method=None, layer=None, target=None, session=None):
        super().__init__(network, image, method, layer, target, session)
        self.facts = self.add(LayerFacts(self.session))
        self.tiles = self.add(FilterTiles(self.session, self.facts))
        self.detail = self.add(FilterDetail(self.session, self.tiles, self.facts))
        self.status = self.add(StatusLine(self.session))
        self.controls = self.add(ParameterControls(self.session, hidden=("order",)))
        self.network_picker = self.add(NetworkPicker(self.session))
        self.image_picker = self.add(ImagePicker(self.session))
        self.layer_picker = self.add(LayerPicker(self.session))
        self.children = self._arranged()

    def _arranged(self):
        left = [self.network_picker.widget, self.image_picker.widget]
        right = [self.layer_picker.widget, self.controls.widget, self.tiles.order]
        middle = [self.status.widget, self.tiles.widget, self.tiles.dead, self.status.notes]
        line = ipywidgets.HTML(f'<hr style="{RULE}">')
        return self.columns(left, middle, right), line, self.detail.widget
