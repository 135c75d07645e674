"""The facts about the layer in view that a session's result does not hold, read on a thread of their own."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cnnviz_widgets.anatomy.convolution import Convolution
from cnnviz_widgets.anatomy.receptive_field.receptive_field import ReceptiveField, receptive_fields
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.maps.channels import Activity, activity
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import Request, compute
from cnnviz_widgets.session import Session

from .bound import Bound

if TYPE_CHECKING:
    from .channel_tiles import Selection


@dataclass(frozen=True, eq=False)
class Facts:
    """The facts known so far about a layer and an image; None stands for unknown yet, or for no such thing."""

    network: Network
    layer: LayerInfo
    image: InputImage | None  # as the network takes it
    stamp: Hashable  # of the network's weights
    maps: np.ndarray | None = None  # (channel, rows, columns)
    field: ReceptiveField | None = None
    convolution: Convolution | None = None
    inputs: np.ndarray | None = None  # (rows, columns, input channels) of the convolution
    refusal: str = ""  # why there is no arithmetic
    activity: Activity | None = None
    complete: bool = False

    def are_of(self, about: "Request | Selection") -> bool:
        """Return True where a Request or Selection has their network and layer, and their image if it has any."""
        image = getattr(about, "image", None)
        same_layer = about.network is self.network and about.layer == self.layer.path
        return same_layer and image in (None, self.image)

    @property
    def silent(self) -> frozenset[int]:
        """The numbers of the channels that are known to be silent."""
        return frozenset() if self.activity is None else frozenset(np.flatnonzero(self.activity.silent).tolist())


class LayerFactsReader(Bound):
    """A reader that keeps `facts` of the session's network, image and layer, and calls the listeners added by `tell`.

    With `arithmetic` it also takes the convolution apart; without, the `Facts` leave that out.
    """

    def __init__(self, session: Session, arithmetic: bool = False):
        super().__init__(session)
        self.facts: Facts | None = None
        self._arithmetic = arithmetic
        self._listeners = []
        self._key = None
        self._reader = session.runner.beside()
        self.follow(self._ask, "network", "image", "layer", "result")

    def tell(self, listener: Callable[[], object]) -> None:
        """Call `listener()` whenever more is known."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Stop following the session, and end the reading."""
        super().close()
        self._reader.close()

    def _ask(self):
        session = self.session
        request = session.result.request if session.result else None
        seen = request.layer if request and request.network is session.network else None
        path = session.layer or seen
        if session.network is None or path not in {info.path for info in session.network.layers}:
            return  # the session itself reports an unknown layer
        key = (session.network, session.fitted, path, session.network.weights_version())
        if key != self._key:
            self._key = key
            facts = Facts(session.network, session.network.layer(path), session.fitted, key[-1])
            self.submit(self._reader, partial(self._reading, facts))

    def _reading(self, facts):
        """Read the facts, as a job: yield for each new one the function that makes it known."""
        yield partial(self._tell, facts)
        for known in self._found_out(facts):
            yield partial(self._tell, known)

    def _found_out(self, facts):
        network, layer, image = facts.network, facts.layer, facts.image
        if image is None or not layer.spatial:
            return
        facts = replace(facts, maps=compute(Activations(), network, image, layer=layer.path).array)
        yield facts
        facts = replace(facts, field=receptive_fields(network, image.shape[:2]).get(layer.path))
        yield facts
        if self._arithmetic:
            facts = _taken_apart(facts)
            yield facts
        others = [sample for sample in network.samples if network.fit(sample) != image]
        told = facts
        for seen in activity(network, layer.path, [image, *others]):
            facts = replace(told, activity=seen)
            yield told  # nothing new: a place to stop at
        yield replace(facts, complete=True)

    def _tell(self, facts):
        if facts is not self.facts:
            self.facts = facts
            for listener in self._listeners:
                listener()


def _taken_apart(facts):
    try:
        convolution = Convolution.of(facts.network, facts.layer.path)
    except ValueError as error:
        return replace(facts, refusal=str(error))
    return replace(facts, convolution=convolution, inputs=convolution.inputs(facts.network, facts.image))
