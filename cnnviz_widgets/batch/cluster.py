"""Many images over a Dask cluster: each worker opens the network once, and others do the work of a worker that dies.

The images and the network's bytes are parts of the tasks, which the scheduler holds, and not data scattered to workers:
such data is lost with a worker, whereas a task is done again. An answer is taken once, by its place in the order of the
images, however often its task was done.
"""

import hashlib
import pickle
import threading
import uuid
from collections import OrderedDict, deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cnnviz_widgets.core.failures import sentence_of
from cnnviz_widgets.network import Network

from .work import Answer, BatchItem, Question, answer

if TYPE_CHECKING:
    from distributed import Client

# Networks that a worker keeps open: the last ones used.
KEPT = 2
# Tasks that wait at each thread of the workers, beside the one that runs.
WAITING = 2
# Images after which the workers are counted again.
COUNTED_EVERY = 16

_open = OrderedDict()  # {digest: Network}, in a worker's process
_opening = threading.Lock()


@dataclass(frozen=True)
class PackedNetwork:
    """A network on its way: its pickle, and the digest by which a worker recognises a network that it has opened."""

    digest: str
    data: bytes

    @classmethod
    def of(cls, network: Network) -> "PackedNetwork":
        """Pack a Network. Raises TypeError, with a sentence, for a model that cannot be pickled."""
        import cloudpickle  # Dask brings it; a `preprocess` may be a function of a notebook

        data = cloudpickle.dumps(network)
        return cls(hashlib.blake2b(data, digest_size=16).hexdigest(), data)

    def network(self) -> Network:
        """Return the Network, opened once in this process."""
        with _opening:
            if self.digest not in _open:
                _open[self.digest] = pickle.loads(self.data)  # from our own client, as is the code that runs here
                while len(_open) > KEPT:
                    _open.popitem(last=False)
            _open.move_to_end(self.digest)
            return _open[self.digest]


@dataclass(frozen=True)
class OpeningFailure:
    """A `sentence` that says why a worker cannot open the network, which concerns all images."""

    sentence: str


def answers_of_cluster(
    question: Question, network: Network, items: Iterable[BatchItem], client: "Client"
) -> Generator[tuple[BatchItem, Answer | str], None, None]:
    """Yield (item, Answer or sentence) in the order of the items.

    Closing the generator releases the tasks, so that Dask drops those that are not done. Raises RuntimeError where the
    workers cannot open the network, or the scheduler is gone.
    """
    from dask import config

    _check_client(client)
    run, stamp = uuid.uuid4().hex, network.weights_version()
    with config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):  # the network is sent this once
        packed = client.submit(PackedNetwork, *vars(PackedNetwork.of(network)).values(), key=f"cnnviz-network-{run}")
    waiting: deque[tuple[BatchItem, Any]] = deque()
    room = 0
    for number, item in enumerate(items):
        if number % COUNTED_EVERY == 0:
            threads: Any = client.nthreads()
            room = max(1, sum(threads.values())) * (1 + WAITING)
        task = None if item.image is None else _submitted(client, question, packed, item, f"cnnviz-{run}-{number}")
        waiting.append((item, task))
        while len(waiting) > room:
            yield _finished(*waiting.popleft(), stamp)
    while waiting:
        yield _finished(*waiting.popleft(), stamp)


def _submitted(client, question, packed, item, key):
    return client.submit(_answered, question, packed, item.image, item.target, key=key)


def _answered(question, packed, image, target):
    """Return, in a worker, the Answer, the sentence that says why there is none, or OpeningFailure."""
    try:
        network = packed.network()
        network.weights_version()  # traces it
    except Exception as error:
        return OpeningFailure(sentence_of(error))
    return answer(question, network, image, target)


def _finished(item, task, stamp):
    from distributed import KilledWorker

    if task is None:
        return item, item.refusal()
    try:
        found = _result(task)
    except KilledWorker as error:  # this image may be why: the others go on
        return item, f"Each worker that tried this image died, the last one at {error.last_worker.address}."
    if isinstance(found, OpeningFailure):
        raise RuntimeError(found.sentence)
    return item, found if isinstance(found, str) else replace(found, weights=stamp)


def _result(task):
    from concurrent.futures import CancelledError

    try:
        return task.result()
    except CancelledError as error:
        raise RuntimeError(
            "The Dask scheduler must run until the last image is done. Received: a connection to it that has ended."
        ) from error
    except ImportError as error:
        raise RuntimeError(
            f"Each Dask worker must have cnnviz_widgets installed, with TensorFlow. Received: {error}."
        ) from error


def _check_client(client):
    from distributed import Client

    if not isinstance(client, Client) or client.asynchronous:
        raise TypeError(f"client must be a distributed.Client that is not asynchronous. Received: {client!r:.80}.")
