"""The answers to several questions as they grow: a generator that knows no session, no thread and no clock."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import cast

from cnnviz_widgets.core.failures import Refusal, sentence_of
from cnnviz_widgets.core.result import Result

from .network import Network
from .request import Request
from .settings import Settings

# Exceptions of a question that cannot be answered.
REFUSALS = (ValueError, TypeError, MemoryError)


def answers_to(
    variants: Sequence[Settings], weights: Mapping[Network, Hashable] | None = None
) -> Iterator[tuple[tuple[Result | Refusal, ...], float]]:
    """Yield (results, progress) for Settings in their order, every time that an answer grows.

    `results` has for each of the variants that have been begun a Result or, where this one of several cannot be
    answered, a Refusal; nothing is yielded before there is a Result. `progress` runs to 1. `weights` are versions that
    have just been read, {network: version}: variants that share a network explain the same weights. Raises ValueError,
    in the sentence of the first Refusal, where all are refused.
    """
    known, complete = dict(weights or {}), ()
    for variant in variants:
        for answer in _answer(variant, known):
            results = (*complete, answer)
            if results_among(results):
                yield results, (len(complete) + getattr(answer, "progress", 1)) / len(variants)
        complete = results
    if complete and isinstance(first := complete[0], Refusal) and not results_among(complete):
        raise ValueError(first.sentence)


def results_among(answers: Iterable[Result | Refusal]) -> list[Result]:
    """Return the answers that are no refusals."""
    return [answer for answer in answers if isinstance(answer, Result)]


def _answer(variant: Settings, weights: dict[Network, Hashable]) -> Iterator[Result | Refusal]:
    """Yield the results of one variant, or a Refusal in its place."""
    try:
        yield from _request(variant, weights).steps()
    except REFUSALS as error:
        yield Refusal(variant, sentence_of(error))


def _request(variant: Settings, weights: dict[Network, Hashable]) -> Request:
    """Return a variant's request about the `weights` of its network, which are added where they were not known."""
    with ExitStack() as steady:
        for network, version in weights.items():
            steady.enter_context(network.frozen_weights(version))
        network = cast(Network, variant.network)  # a Request says what is wrong with None
        request = Request.of(variant.method, network, variant.image, target=variant.target, layer=variant.layer)
    weights.setdefault(request.network, request.weights)
    return request
