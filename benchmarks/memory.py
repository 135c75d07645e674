"""The rise of the peak of resident memory by each method: ours, and the peers' in their own processes."""

from .bare import opened
from .fresh import CASES, report, title
from .measure import Fact, Row
from .peers.exchange import exchange, started
from .peers.places import missing, present
from .peers.scripts.peak import can_measure

# Tasks for which peers are started as well, each in a fresh process.
WITH_PEERS = ("gradient", "integrated_gradients", "grad_cam", "occlusion")


def rows():
    """Yield a Row for each method."""
    if not can_measure():
        yield Fact("Not measured: this system does not tell the peak of a process since a moment.")
        return
    if without := missing():
        yield Fact(without)
    network, image, _ = opened()
    able = {}
    with exchange(network, image) as folder:
        for name in CASES:
            peers = dict(_peers(name, folder, able)) if name in WITH_PEERS else {}
            yield Row(title(name), (report(name)["megabytes"],), peers=peers, unit="MB")


def _peers(task, folder, able):
    """Yield (name, megabytes) of each peer that has the task, and fill `able`, {name: tasks}."""
    for place in present():
        if task not in able.get(place.name, (task,)):
            continue
        with started(place, folder) as peer:
            able[place.name] = peer.tasks
            if task in peer.tasks:
                peer.ask("logits")
                yield peer.name, (peer.megabytes(task),)
