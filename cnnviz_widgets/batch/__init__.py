"""The results of `compute` for many images, on every device of this machine or over a Dask cluster."""

from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cnnviz_widgets.core.failures import Refusal
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.network import Network

from .devices import answers_of_devices
from .feeding import opened_items, paired
from .work import Answer, BatchItem, Question

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["answered_items", "compute_many"]


def compute_many(
    method: Method,
    network: Network,
    images: Iterable[Any],
    *,
    targets: Any = None,
    layer: str | Sequence[str] | None = None,
    client: "Client | None" = None,
) -> Generator[Result | Refusal, None, None]:
    """Yield a Result for each of many images, in their order, with the numbers that `compute` gives.

    `images` is any iterable of paths, InputImages or arrays. It is read only a few images ahead, so that files are
    opened while others are computed. `targets` is one target for all images, as for `compute` (None: each image's own
    top class), or an iterable with one for each image. `client` is a `distributed.Client`: the workers of its Dask
    cluster then compute the images, and each of them opens the network once.

    An image that cannot be opened or answered gives a Refusal instead, whose `asked` is the image as it was given and
    whose `sentence` says why: one bad file among ten thousand does not lose the others.

    Mistakes that concern all images raise TypeError or ValueError at once: a method that looks at no image, an unknown
    layer or target, a number of targets that is not the number of images. Problems of a cluster are raised with the
    first result: TypeError for a network that cannot be pickled, RuntimeError for workers that cannot open it or a
    scheduler that is gone. Training the network before the last image is done raises RuntimeError too.
    """
    question = Question.of(method, network, layer, targets)
    pairs = paired(images, targets)

    def results():
        for item, answer in answered_items(question, network, pairs, client):
            yield Refusal(item.given, answer) if isinstance(answer, str) else answer.result_for(question, item, network)

    return results()


def answered_items(
    question: Question, network: Network, pairs: Iterable[tuple[Any, Any]], client: "Client | None" = None
) -> Generator[tuple[BatchItem, Answer | str], None, None]:
    """Yield (item, Answer or the sentence that says why there is none) for (image, target) pairs, in their order."""
    items = opened_items(pairs, network)
    if client is None:
        yield from answers_of_devices(question, network, items)
        return
    from .cluster import answers_of_cluster

    yield from answers_of_cluster(question, network, items, client)
