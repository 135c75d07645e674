"""By how much methods raise the peak of resident memory: ours, and the peers' in their own processes."""

from .bare import opened
from .fresh import CASES, report, title
from .measure import Fact, Row
from .peers.exchange import exchange, started
from .peers.places import missing, present
from .peers.process import PeerError
from .peers.scripts.peak import can_measure

# Tasks for which peers are started as well: a fresh process each.
WITH_PEERS = ("gradient", "integrated_gradients", "grad_cam", "occlusion")


def rows():
    """Yield a Row for each method."""
    if not can_measure():
        yield Fact("Not measured: this system does not tell the peak of a process since a moment.")
        return
    if without := missing():
        yield Fact(without)
    network, image, _ = opened()
    with exchange(network, image) as folder:
        for name in CASES:
            peers = dict(_peers(name, folder)) if name in WITH_PEERS else {}
            yield Row(title(name), (report(name)["megabytes"],), peers=peers, unit="MB")


def _peers(task, folder):
    for place in present():
        with started(place, folder) as peer:
            if task not in peer.tasks:
                continue
            peer.ask("logits")
            try:
                yield peer.name, (peer.megabytes(task),)
            except PeerError:
                continue
