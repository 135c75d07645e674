"""Many images over a Dask cluster: each worker opens the network once; what a worker that dies had to do, others do.

The images and the network's bytes are part of the tasks, which the scheduler holds, not data scattered to workers: that
would be gone with a worker, where a task is only done again. An answer is taken once, by its place in the order of the
images, so that however often a task was done there is one.
"""

import hashlib
import pickle
import threading
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass, replace

from cnnviz_widgets.core.failures import sentence_of

from .work import answer

# Networks that a worker keeps open, the last ones used.
KEPT = 2
# Tasks that wait at each thread of the workers beside the one that runs, and answers after which workers are counted.
WAITING = 2
COUNTED_EVERY = 16

_open = OrderedDict()  # {digest: Network}, in a worker's process
_opening = threading.Lock()


@dataclass(frozen=True)
class Shipped:
    """A network on its way: its pickle, and that one's digest, by which a worker knows that it has it already."""

    digest: str
    data: bytes

    @classmethod
    def of(cls, network):
        """A Network, packed. Raises TypeError, in a sentence, where its model is no plain value."""
        import cloudpickle  # Dask brings it; a `preprocess` may be a function of a notebook

        data = cloudpickle.dumps(network)
        return cls(hashlib.blake2b(data, digest_size=16).hexdigest(), data)

    def network(self):
        """The Network, opened once in this process."""
        with _opening:
            if self.digest not in _open:
                _open[self.digest] = pickle.loads(self.data)  # from our own client, as is the code that runs here
                while len(_open) > KEPT:
                    _open.popitem(last=False)
            _open.move_to_end(self.digest)
            return _open[self.digest]


@dataclass(frozen=True)
class Unopened:
    """The `sentence` why a worker cannot open the network, which concerns all images."""

    sentence: str


def answers_of_cluster(question, network, items, client):
    """Yield (item, Answer or sentence) in the order of the items. Closing the generator lets go of the tasks, and so
    Dask drops those that are not done.

    Raises RuntimeError where the workers cannot open the network, or the scheduler is gone.
    """
    from dask import config

    _check_client(client)
    run, stamp = uuid.uuid4().hex, network.weights_version()
    with config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):  # the network is sent this once
        shipped = client.submit(Shipped, *vars(Shipped.of(network)).values(), key=f"cnnviz-network-{run}")
    waiting, room = deque(), 0
    for number, item in enumerate(items):
        if number % COUNTED_EVERY == 0:
            room = max(1, sum(client.nthreads().values())) * (1 + WAITING)
        task = None if item.image is None else _submitted(client, question, shipped, item, f"cnnviz-{run}-{number}")
        waiting.append((item, task))
        while len(waiting) > room:
            yield _finished(*waiting.popleft(), stamp)
    while waiting:
        yield _finished(*waiting.popleft(), stamp)


def _submitted(client, question, shipped, item, key):
    return client.submit(_answered, question, shipped, item.image, item.target, key=key)


def _answered(question, shipped, image, target):
    """In a worker: the Answer, the sentence why there is none, or that the network cannot be opened."""
    try:
        network = shipped.network()
        network.weights_version()  # traces it
    except Exception as error:
        return Unopened(sentence_of(error))
    return answer(question, network, image, target)


def _finished(item, task, stamp):
    from distributed import KilledWorker

    if task is None:
        return item, item.refusal()
    try:
        found = _result(task)
    except KilledWorker as error:  # this image may be why: the others go on
        return item, f"Each worker that tried this image died, the last one at {error.last_worker.address}."
    if isinstance(found, Unopened):
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
