"""What the explorers that compare have in common: several answers at once, beside what else is on the page."""

import ipywidgets

from cnnviz_widgets.widgets.look import BESIDE_PANELS, PANELS_COLUMN, PICTURES_FIRST
from cnnviz_widgets.widgets.parts.panels import Panels
from cnnviz_widgets.widgets.parts.selectors import ImagePicker, NetworkPicker, TargetPicker
from cnnviz_widgets.widgets.parts.status import StatusLine

from .session_explorer import SessionExplorer


class Comparison(SessionExplorer):
    """Panels of variants. Subclasses say which variants (`variants`), and what a panel is called (`name_of`)."""

    def __init__(self, network=None, image=None, method=None, layer=None, target=None, session=None, **panels):
        # A method, not its class: the defaults, which panels have in common, are meant.
        super().__init__(network, image, method or self.first_method(), layer, target, session)
        self.panels = self.add(Panels(self.session, self.name_of, **panels))
        self.status = self.add(StatusLine(self.session))
        self.network_picker = self.add(NetworkPicker(self.session))
        self.image_picker = self.add(ImagePicker(self.session))
        self.target_picker = self.add(TargetPicker(self.session))

    @property
    def results(self):
        """What the panels show: a Result each, or a Refusal."""
        return self.session.results

    def name_of(self, asked):
        """What stands above the panel of a Request, or of Settings that were refused."""
        return str(asked.method)

    def arrange(self, left, above, below=()):
        """Two columns that wrap on a narrow page: pickers with `left` among them; panels, `above` and `below`."""
        pickers = [self.network_picker.widget, self.image_picker.widget, *left, self.target_picker.widget]
        shown = [self.status.widget, *above, self.panels.widget, self.panels.notes, *below]
        columns = [ipywidgets.VBox(pickers, layout=BESIDE_PANELS), ipywidgets.VBox(shown, layout=PANELS_COLUMN)]
        self.children = (ipywidgets.Box(columns, layout=PICTURES_FIRST),)
