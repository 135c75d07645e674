"""What all explorers have in common: a session, parts that follow it, three columns."""

import ipywidgets

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.look import PAGE, PICTURE_COLUMN, SIDE_COLUMN, WRAPPING_ROW
from cnnviz_widgets.widgets.parts.linked import Linked


class SessionExplorer(ipywidgets.VBox):
    """A session on the page. Subclasses add their parts and say where these stand.

    `network` is whatever `cnnviz.load` takes (the bundled ImageNet network if nothing is given), `image` an
    InputImage, an array, a path, or nothing for a sample. `method` is a method or a method class, `target` a class
    index, a class name or a Target, `layer` a path. Give `session` instead to join one that exists: explorers on one
    session are linked. One that asks a question of its own then shares network, image, target and layer with it.
    """

    first_method = None  # the method class of an explorer that asks one question; None shows any

    def __init__(self, network=None, image=None, method=None, layer=None, target=None, session=None):
        super().__init__(layout=PAGE)
        self._parts = []
        method = method or self.first_method
        if session is None:
            self.session = self._new_session(network, image, method, layer, target)
        elif self.first_method is None:
            self.session = session
        else:
            self.session = self.add(Linked(session, method, self.variants)).own

    def variants(self, settings):
        """What is computed for what was chosen, see `Session`; several questions for explorers that compare."""
        return (settings,)

    @property
    def result(self):
        """The result that is shown."""
        return self.session.result

    def add(self, part):
        """Keep a part, so that it is closed with the explorer; returns it."""
        self._parts.append(part)
        return part

    def close(self):
        """Take the explorer from the page and end what it follows; a session given from outside goes on."""
        for part in self._parts:
            part.close()
        super().close()

    def columns(self, *columns):
        """Lists of widgets as columns that wrap on a narrow page; the second one is the picture."""
        layouts = [SIDE_COLUMN, PICTURE_COLUMN, SIDE_COLUMN]
        boxes = [ipywidgets.VBox(list(column), layout=layout) for column, layout in zip(columns, layouts, strict=False)]
        return ipywidgets.Box(boxes, layout=WRAPPING_ROW)

    def _new_session(self, network, image, method, layer, target):
        if isinstance(image, (str, bytes)) or hasattr(image, "__fspath__"):
            image = InputImage.open(image)
        return Session(network or "efficientnet_lite0", image, method, target, layer, variants=self.variants)
