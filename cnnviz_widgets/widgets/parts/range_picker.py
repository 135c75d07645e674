"""A picker of what a network takes for pixels, where nobody has said it."""

from functools import partial

import ipywidgets

from cnnviz_widgets.core.pixel_conventions import PIXEL_CONVENTIONS, PixelConvention
from cnnviz_widgets.core.suited import takes
from cnnviz_widgets.network import Network
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.pick_list import NOTHING, PickList
from cnnviz_widgets.widgets.look import ASIDE

from .bound import Bound
from .text import paragraph, say

QUESTION = "What does the network take for pixels? Nobody said it, so 0 to 255 is assumed for photographs. Choose one:"
TITLE = "Pixels of the network, as chosen here:"


class RangePicker(Bound):
    """The usual conventions, each with the network's answer for the present image; choosing one opens the model so.

    It is shown where the network's range is assumed for a photograph, and where it was chosen here.
    """

    def __init__(self, session: Session):
        super().__init__(session)
        # {network: (the network whose range is assumed, the convention that was chosen for it)}
        self._made: dict[Network, tuple[Network, PixelConvention]] = {}
        self._offered: tuple[PixelConvention, ...] = ()
        self._answers: dict[PixelConvention, str] = {}
        self._asked = None  # the network and the image of the answers
        self._opener, self._reader = session.runner.beside(), session.runner.beside()
        self.question, self.code = paragraph(css=ASIDE), paragraph(css=ASIDE)
        self.list = PickList(label="Pixels", placeholder="search conventions", height=140)
        self.widget = ipywidgets.VBox([self.question, self.list, self.code])
        self.follow(self._show, "network", "image")
        self.follow(self._read, "network", "image", "result")
        self.act(self.list, "selected", self._choose)

    def close(self) -> None:
        """Stop following the session, and end what is being read and opened."""
        super().close()
        self._opener.close()
        self._reader.close()

    def _now(self):
        """(the network whose range is assumed, the convention chosen for it); None for each that there is not."""
        network, image = self.session.network, self.session.image
        if network is None or network in self._made:
            return (None, None) if network is None else self._made[network]
        from_photo = image is not None and image.from_photo
        return (network if from_photo and network.range_is_assumed else None), None

    def _show(self):
        assumed, chosen = self._now()
        self.widget.layout.display = "none" if assumed is None else None
        if assumed is None:
            return
        say(self.question, QUESTION if chosen is None else TITLE)
        say(self.code, "" if chosen is None else f"In Python: Network(model, {_in_python(chosen)}).")
        self._offered = tuple(each for each in PIXEL_CONVENTIONS if each.fits(assumed.input_shape[2]))
        answers = self._answers if self._asked == (assumed, self.session.image) else {}
        self.list.set_items(
            [each.name for each in self._offered],
            [answers.get(each, "") for each in self._offered],
            [f"Pixels {each.words}" for each in self._offered],
            NOTHING if chosen is None else self._offered.index(chosen),
        )

    def _read(self):
        """Ask for the answers by each convention; a picture's note has mostly asked before, then they are kept."""
        assumed, _ = self._now()
        if assumed is not None and self.session.image is not None:
            self.submit(self._reader, partial(self._reading, assumed, self.session.image))

    def _reading(self, assumed, image):
        if image.from_photo and takes(assumed, image):
            found = assumed.readings_by_convention(image)
            answers = {each: assumed.output.in_words(readings) for each, readings in found.items()}
            yield partial(self._tell, (assumed, image), answers)

    def _tell(self, asked, answers):
        if (asked, answers) != (self._asked, self._answers):
            self._asked, self._answers = asked, answers
            self._show()

    def _choose(self, index):
        assumed, chosen = self._now()
        if assumed is not None and index >= 0 and self._offered[index] != chosen:
            self.submit(self._opener, partial(self._opening, assumed, self._offered[index]))

    def _opening(self, assumed, convention):
        """Open the model by a convention, as a job: yield the function that puts it into the session."""
        known = {of: network for network, of in self._made.items()}
        network = known.get((assumed, convention))
        if network is None:
            said = {"value_range": convention.value_range, "preprocess": convention.preprocess}
            network = Network.of_options(assumed.model, assumed.options.replaced(**said))
            network.layers  # noqa: B018  tracing it is part of opening it
        yield partial(self._use, assumed, convention, network)

    def _use(self, assumed, convention, network):
        if self._now()[0] is assumed:  # else another network was opened meanwhile
            self._made[network] = (assumed, convention)
            self.session.update(network=network)


def _in_python(convention):
    """The arguments of a Network of a convention."""
    if convention.preprocess is not None:
        return f'preprocess="{convention.preprocess}"'
    return "value_range=({:g}, {:g})".format(*convention.value_range)
