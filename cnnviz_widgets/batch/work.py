"""The question put to each of many images, and the answer: plain values, for a thread, a device or a cluster."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnviz_widgets.core.failures import sentence_of
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import Request, check_kinds, layers_of


@dataclass(frozen=True)
class Question:
    """The part of a request that all images share. `beside(request)` gives a plain value to record with each result."""

    method: Method
    layer: str | Sequence[str] | None = None
    beside: Callable[[Request], Any] | None = None

    @classmethod
    def of(
        cls,
        method: Method,
        network: Network,
        layer: str | Sequence[str] | None = None,
        targets: Any = None,
        beside: Callable[[Request], Any] | None = None,
    ) -> "Question":
        """Return the question. Raises TypeError or ValueError for mistakes that would fail with every image."""
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
class BatchItem:
    """One of the images: as it was `given`, and fitted to the network, or else a `sentence` that says why it is not.

    `failure` is the exception that the iterable of images raised where it should have given the next one.
    """

    given: Any
    target: Any
    image: InputImage | None = None
    sentence: str = ""
    failure: Exception | None = None

    def refusal(self) -> str:
        """Return the sentence, or raise the failure."""
        if self.failure is not None:
            raise self.failure
        return self.sentence


@dataclass(frozen=True)
class Answer:
    """A result without its request, which would carry the network along, and the facts that the request had settled."""

    result: Result
    target: Target | None
    layer: str | tuple[str, ...] | None
    weights: Any
    beside: Any = None

    def result_for(self, question: Question, item: BatchItem, network: Network) -> Result:
        """Return the Result with its request, as `compute` gives it."""
        found = {"target": self.target, "layer": self.layer, "weights": self.weights}
        return replace(self.result, request=Request(question.method, network, item.image, **found))


def answer(
    question: Question, network: Network, image: InputImage, target: Any, stopped: Callable[[], bool] = lambda: False
) -> Answer | str | None:
    """Return the Answer for one image, or the sentence that says why there is none; None once `stopped()` is true."""
    own = network.replica()  # ten thousand images would drive everything else out of the network's cache
    try:
        request = Request.of(question.method, own, image, target=target, layer=question.layer)
        for step in request.steps():
            if stopped():
                return None
            result = step
        beside = question.beside and question.beside(request)
    except Exception as error:  # one image must not end the work on all others
        return sentence_of(error)
    return Answer(replace(result, request=None), request.target, request.layer, request.weights, beside)


def several(targets: Any) -> bool:
    """Return true for an iterable of targets, one for each image, and false for one target for all."""
    return isinstance(targets, Iterable) and not isinstance(targets, str)
