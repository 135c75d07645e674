"""Pickers of the network, the image, the layer, and the class or channel."""

import ipywidgets

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import names, samples
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.gallery import Gallery
from cnnviz_widgets.widgets.front.pick_list import NOTHING, PickList
from cnnviz_widgets.widgets.front.upload import Upload
from cnnviz_widgets.widgets.look import CENTRED_ROW, COLUMN_WIDE, LABEL, NUMBER_FIELD, PATH, label

from .bound import Bound
from .contrast_picker import ContrastPicker, rather_than, readings_for, show_readings
from .text import paragraph, say


class NetworkPicker(Bound):
    """The bundled networks, and the one that the session was given."""

    def __init__(self, session: Session):
        super().__init__(session)
        self.dropdown = ipywidgets.Dropdown(
            description="Network", style=LABEL, layout=COLUMN_WIDE, tooltip="The network to look into."
        )
        self._own: dict[str, Network] = {}  # networks that are not bundled, by name
        self.widget = self.dropdown
        # Also when opening one fails: the dropdown then goes back to the one that is open.
        self.follow(self._show, "network", "status")
        self.act(self.dropdown, "value", lambda name: session.open(self._own.get(name, name)))

    def _show(self):
        session = self.session
        if session.network is not None and session.network.name not in names():
            self._own[session.network.name] = session.network
        options = (*names(), *self._own)
        if self.dropdown.options != options:
            self.dropdown.options = options
        shown = session.opening if session.status == "loading" or session.network is None else session.network.name
        self.dropdown.value = shown if shown in options else None


class ImagePicker(Bound):
    """Sample images as thumbnails, and the person's own pictures, by button, by drop or by paste."""

    def __init__(self, session: Session):
        super().__init__(session)
        self.gallery, self.upload = Gallery(), Upload()
        self._own: tuple[InputImage, ...] = ()  # the person's images, in the order in which they came
        self._images: tuple[InputImage, ...] = ()  # those in the gallery
        self.widget = ipywidgets.VBox([self.gallery, self.upload])
        self.follow(self._show, "network", "image")
        self.act(self.gallery, "selected", self._choose)
        self.act(self.upload, "count", lambda _: self._take())

    def _show(self):
        session = self.session
        name = session.network.name if session.network is not None else session.opening
        known = session.network.samples if session.network is not None else ()
        known = known or (samples(name) if name in names() else ())
        if session.image is not None and session.image not in (*known, *self._own):
            self._own = (*self._own, session.image)
        images = (*known, *self._own)
        if images != self._images:
            self._images = images
            pictures = [image.rgb(self._range(image)) for image in images]
            self.gallery.set_items(pictures, [_image_name(image) for image in images])
        self.gallery.selected = images.index(session.image) if session.image in images else -1

    def _range(self, image):
        return self.session.network.value_range if self.session.network and not image.is_photo else (0, 255)

    def _choose(self, index):
        if index >= 0:
            self.session.image = self._images[index]

    def _take(self):
        try:
            image = InputImage.open(self.upload.content, name=self.upload.name)
            if self.session.network is not None:
                self.session.network.fit(image)  # refuse what this network cannot take
        except (ValueError, OSError) as error:
            self.upload.error = str(error)
            return
        self.session.image = image


class LayerPicker(Bound):
    """The layers that the method can use, in order of execution; arrow keys walk from first to last."""

    def __init__(self, session: Session):
        super().__init__(session)
        self.list = PickList(label="Layer", placeholder="search layers", height=190)
        self._paths: tuple[str, ...] = ()
        self.widget = ipywidgets.VBox([self.list])
        self.follow(self._show, "network", "method", "layer", "result")
        self.act(self.list, "selected", self._choose)

    def _show(self):
        session, network = self.session, self.session.network
        wanted = network is not None and "layer" in session.method.uses
        self.widget.layout.display = None if wanted else "none"
        if network is None or not wanted:
            return
        layers = type(session.method).layers(network)
        paths = tuple(layer.path for layer in layers)
        if paths != self._paths:
            self._paths = paths
            self.list.set_items(paths, [layer.size for layer in layers], [_hint(layer) for layer in layers])
        shown = session.layer or (session.result and session.result.request.layer)
        self.list.selected = paths.index(shown) if shown in paths else NOTHING

    def _choose(self, index):
        if index >= 0:
            self.session.layer = self._paths[index]


class TargetPicker(Bound):
    """Classes by falling probability, with a search by name; a second class to set the first against; or a channel.

    For a regression network they are the quantities, in their order, with their values.
    """

    def __init__(self, session: Session):
        super().__init__(session)
        self.list = PickList(label="Class", placeholder="search classes", by_value=True, height=320)
        self.contrast = ContrastPicker(session, self._classes)
        self.channel = ipywidgets.BoundedIntText(
            description="or channel",
            min=0,
            max=0,
            style=label(72),
            layout=NUMBER_FIELD,
            tooltip="Explain one channel of this layer instead of a class.",
        )
        self._of_layer = paragraph(css=PATH)
        channel_row = ipywidgets.HBox([self.channel, self._of_layer], layout=CENTRED_ROW)
        self.widget = ipywidgets.VBox([self.list, self.contrast.widget, channel_row])
        self.follow(self._show_channels, "network", "target", "layer", "result")
        self.act(self.channel, "value", self._choose_channel)
        self.follow(self._show_classes, "network")
        self.follow(self._show_readings, "probabilities", "values")
        self.follow(self._show_target, "network", "target", "probabilities", "values")
        self.act(self.list, "selected", self._choose)

    def close(self) -> None:
        """Stop following the session."""
        self.contrast.close()
        super().close()

    def _show_classes(self):
        network = self.session.network
        if network is not None:
            self.list.placeholder = f"search {'outputs' if self._quantities else 'classes'}"
            self.list.none_name = self._none_name()
            self.list.set_items(network.class_names)

    def _show_readings(self):
        show_readings(self.list, self.session)

    def _show_target(self):
        session = self.session
        if session.network is None:
            return
        target = None if session.target is None else session.network.target(session.target)
        first, _ = self._classes()
        kind = "Output" if self._quantities else "Class"
        known = target is None or first is not None
        self.list.label = kind if target is None or known else f"{kind} · now: {session.network.describe(target)}"
        self.list.none_name = self._none_name()
        self.list.selected = NOTHING if not known else -1 if first is None else first

    def _none_name(self):
        if self._quantities:
            return f"First output: {self.list.names[0]}" if self.list.names else "First output"
        probabilities = readings_for(self.list, self.session)
        return "Top class" + ("" if probabilities is None else f": {self.list.names[int(probabilities.argmax())]}")

    @property
    def _quantities(self):
        network = self.session.network
        return network is not None and not network.classifies

    def _classes(self):
        """Return the numbers of (the class, the one that it is set against), each None where the target has none."""
        network, target = self.session.network, self.session.target
        if network is None or target is None:
            return None, None
        target = network.target(target)
        if [weight for weight, _ in target.parts] == [1, -1]:
            one, other = (network.class_of(part) for _, part in target.parts)
            return (None, None) if None in (one, other) else (one, other)
        return network.class_of(target), None

    def _choose(self, number):
        network, (_, other) = self.session.network, self._classes()
        if number != NOTHING and network is not None:
            self.session.target = None if number < 0 else rather_than(network, number, other)

    def _show_channels(self):
        """Offer the channels of the layer in view; for a method without layers, those of the last layer in view."""
        session = self.session
        target = session.target if isinstance(session.target, Target) else None
        of_target = target and target.layer
        request = session.result.request if session.result else None
        seen = request.layer if request and request.network is session.network else None
        paths = (of_target, session.layer, seen)
        network = session.network
        without = set() if network is None else {info.path for info in network.attentions}
        # Not for several layers, and not for attention, which has keys for channels.
        shown = next((path for path in paths if isinstance(path, str) and path not in without), None)
        self.channel.disabled = network is None or shown is None
        say(self._of_layer, "" if self.channel.disabled else f"of {shown}")
        if network is not None and shown is not None:
            self.channel.max = (network.layer(shown).channels or 1) - 1
            self._layer = shown
        if target is not None and target.layer and target.plain:
            self.channel.value = target.index

    def _choose_channel(self, index):
        self.session.target = Target(self._layer, index)


def _hint(layer):
    return f"{layer.kind}, output {layer.size}, {layer.parameters:,} parameters"


def _image_name(image):
    return image.name if image.label is None else f"{image.name} (true: {image.label})"
