"""The same maps made by other libraries, in turns with ours; only maps that agree with ours are timed."""

import itertools
import time
from dataclasses import dataclass, field, replace

import cnnviz_widgets as cnnviz
from cnnviz_widgets.core.method import Method

from .bare import CAT, LAST, STRIDE, WINDOW, opened
from .measure import Fact, Row, alternate
from .peers.agreement import agreements, check_logits
from .peers.exchange import ASCENT, NOISE, SAMPLES, STEPS, all_started, exchange
from .peers.places import missing

IDLE = 1.0  # seconds for which peers are watched while nobody asks them


@dataclass(frozen=True)
class Case:
    """A task of the peers', and our method that does the same."""

    title: str
    task: str
    method: Method
    rounds: int
    layer: str | None = None
    wanted: dict = field(default_factory=dict)
    remark: str = ""


CASES = (
    Case("gradient", "gradient", cnnviz.Gradient(), 15),
    Case(f"SmoothGrad, {SAMPLES} samples", "smooth_grad", cnnviz.SmoothGrad(samples=SAMPLES, noise=NOISE), 5),
    Case(f"integrated gradients, {STEPS} steps", "integrated_gradients", cnnviz.IntegratedGradients(steps=STEPS), 5),
    Case(
        "Grad-CAM",
        "grad_cam",
        cnnviz.GradCAM(),
        11,
        layer=LAST,
        remark="a new image; another class of the same: see above",
    ),
    Case(
        f"occlusion, {WINDOW}/{STRIDE}",
        "occlusion",
        cnnviz.Occlusion(WINDOW, STRIDE),
        5,
        wanted={"xplique": 2.5, "captum": 4.0},
    ),
    Case(
        f"maximal activation, {ASCENT} steps",
        "maximal_activation",
        replace(cnnviz.MaximalActivation(), steps=ASCENT),
        3,
        remark="the peer at its defaults; ours is 256 px before the network sees it, and shows pictures on the way",
    ),
)


def rows():
    """Yield sentences about the peers and their agreement, then a Row for each task."""
    if without := missing():
        yield Fact(without)
    network, image, _ = opened()
    with exchange(network, image) as folder, all_started(folder) as peers:
        for peer in peers.values():
            listed = ", ".join(f"{name} {version}" for name, version in peer.versions.items())
            off = check_logits(peer, network, image)
            yield Fact(f"{peer.name}: {listed}; its logits differ from ours by {off:.1e} of the largest.")
        for sentence in agreements(peers, network, image):
            yield Fact(sentence)
        if peers:
            yield Fact(idle(peers))
        for case in CASES:
            yield _row(case, network, image, peers)


def _row(case, network, image, peers):
    able = [peer for peer in peers.values() if case.task in peer.tasks]
    seeds = itertools.count()

    def ours():
        if "image" in case.method.uses:
            return cnnviz.compute(case.method, network, image, target=CAT, layer=case.layer)
        return cnnviz.compute(replace(case.method, seed=next(seeds)), network, target=CAT)

    times = alternate(
        ours,
        *(lambda peer=peer: peer.seconds(case.task) for peer in able),
        rounds=case.rounds,
        warm_up=1,
        before=network.cache.clear,
    )
    found = dict(zip([peer.name for peer in able], times[1:], strict=True))
    return Row(case.title, times[0], peers=found, wanted=case.wanted, remark=case.remark)


def idle(peers):
    """Return the load of the peers while they are idle, which would slow others down."""
    before = {name: peer.busy() for name, peer in peers.items()}
    time.sleep(IDLE)
    shares = {name: (peer.busy() - before[name]) / IDLE for name, peer in peers.items()}
    return "Idle they keep a processor busy for " + ", ".join(f"{share:.0%} ({name})" for name, share in shares.items())
