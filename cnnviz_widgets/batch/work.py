"""What is asked of each of many images, and the answer: plain values, for a thread, a device or a cluster."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from cnnviz_widgets.core.failures import sentence_of
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.request import Request, check_kinds, layers_of


@dataclass(frozen=True)
class Question:
    """What is the same for all images. `beside(request)` is a plain value to know beside each result."""

    method: Method
    layer: str | tuple | None = None
    beside: Callable | None = None

    @classmethod
    def of(cls, method, network, layer=None, targets=None, beside=None):
        """The question, or a refusal of what would go wrong with every image."""
        check_kinds(method, network)
        if "image" not in method.uses:
            raise ValueError(
                "A method for many images must look at an image; cnnviz.compute gives the one answer of one that does "
                f"not. Received: {method.title}."
            )
        target = None if targets is None or several(targets) else network.target(targets)
        if "layer" in method.uses:
            layers_of(method, network, layer, target)
        return cls(method, tuple(layer) if isinstance(layer, list) else layer, beside)


@dataclass(frozen=True)
class Item:
    """One of the images: as it was `given`, and fitted to the network or, where it cannot be, the `sentence` why.

    `failure` is what reading them raised in the place of a next one.
    """

    given: object
    target: object
    image: InputImage | None = None
    sentence: str = ""
    failure: Exception | None = None

    def refusal(self):
        """The sentence; raises the failure."""
        if self.failure is not None:
            raise self.failure
        return self.sentence


@dataclass(frozen=True)
class Answer:
    """A result without its request, which would take the network along, and what the request had found out."""

    result: Result
    target: Target | None
    layer: str | tuple | None
    weights: object
    beside: object = None

    def result_for(self, question, item, network):
        """The Result with its request, as `compute` gives it."""
        found = {"target": self.target, "layer": self.layer, "weights": self.weights}
        return replace(self.result, request=Request(question.method, network, item.image, **found))


def answer(question, network, image, target, stopped=lambda: False):
    """The Answer for one image, or the sentence why there is none; None once it is `stopped`."""
    own = network.replica()  # ten thousand images would drive all else out of the network's store
    try:
        request = Request.of(question.method, own, image, target, question.layer)
        for step in request.steps():
            if stopped():
                return None
            result = step
        beside = question.beside and question.beside(request)
    except Exception as error:  # one image must not end the work on all others
        return sentence_of(error)
    return Answer(replace(result, request=None), request.target, request.layer, request.weights, beside)


def several(targets):
    """Whether these are targets for one image each, not one for all."""
    return isinstance(targets, Iterable) and not isinstance(targets, str)
