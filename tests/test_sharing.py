"""Two sessions on one network, each with a worker of its own, and a thread that trains it meanwhile."""

import threading

import numpy as np
import pytest
from kinds import KINDS

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.lrp import LRP
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.methods.smooth_grad import SmoothGrad
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute
from cnnviz_widgets.runner import LatestWins
from cnnviz_widgets.session import Session

METHODS = (
    Gradient(),
    Gradient(relu="guided"),
    GradCAM(),
    Occlusion(3, 2),
    Occlusion(5, 3),
    SmoothGrad(samples=9),
    Activations(),
    LRP(),
)
LAYERS = ("conv1", "relu1", "conv2")
TARGETS = (Target(0), Target(3), Target(1) - Target(2))


def images(count=5):
    return [InputImage(pixels) for pixels in np.random.default_rng(2).uniform(0, 1, (count, 12, 12, 3))]


def choices(seed, count):
    """Settings drawn at random."""
    random, known = np.random.default_rng(seed), images()
    for _ in range(count):
        method = METHODS[random.integers(len(METHODS))]
        image, target = known[random.integers(len(known))], TARGETS[random.integers(len(TARGETS))]
        layer = LAYERS[random.integers(len(LAYERS))] if "layer" in method.uses else None
        if not isinstance(method, (GradCAM, Activations)):
            layer = None
        yield {"method": method, "image": image, "target": target, "layer": layer}


def settled(session):
    """Wait until the session has its result."""
    done = threading.Event()
    session.observe(lambda _: session.status in ("done", "failed") and done.set(), "status")
    if session.status in ("done", "failed"):
        done.set()
    assert done.wait(120), session.status
    assert session.status == "done", session.message


def quiet(model, chosen):
    """The same, asked of a network of its own by nobody else."""
    chosen = dict(chosen)
    method, image = chosen.pop("method"), chosen.pop("image")
    target = chosen["target"] if "target" in method.uses else None
    return compute(method, Network(model, value_range=(0, 1)), image, target=target, layer=chosen["layer"])


def together(*works):
    """Run these at the same time, each in its thread; what any of them raised is raised."""
    errors, ready = [], threading.Barrier(len(works))

    def run(work):
        try:
            ready.wait(60)
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.fixture
def network():
    made = Network(KINDS["functional"].build(), value_range=(0, 1))
    made.cache.limit = 200_000  # small: what is kept comes and goes
    return made


@pytest.mark.slow
def test_sessions_that_share_a_network_from_several_threads_get_what_each_would_get_alone(network):
    found = []

    def work(seed):
        session = Session(network, images()[0], runner=LatestWins(settle=0))
        for chosen in choices(seed, 25):
            session.update(**chosen)
            settled(session)
            found.append((chosen, session.result.array))
        session.close()

    together(*(lambda seed=seed: work(seed) for seed in range(4)))
    assert len(found) == 100
    known = {}
    for chosen, array in found:
        key = tuple(chosen.values())
        if key not in known:
            known[key] = quiet(network.model, chosen).array
        assert array == pytest.approx(known[key], abs=1e-5)


def test_bursts_of_changes_in_two_sessions_end_at_what_was_chosen_last(network):
    sessions = [Session(network, images()[0], runner=LatestWins(settle=0)) for _ in range(2)]

    def work(session, seed):
        for chosen in choices(seed, 40):
            session.update(**chosen)
        settled(session)

    together(*(lambda session=session, seed=seed: work(session, seed) for seed, session in enumerate(sessions)))
    for seed, session in enumerate(sessions):
        *_, last = choices(seed, 40)
        assert session.result.array == pytest.approx(quiet(network.model, last).array, abs=1e-5)
        session.close()


@pytest.mark.slow
def test_training_meanwhile_ends_no_session_and_leaves_nothing_old(network):
    scores, looking = network.model.get_layer("scores"), [0, 1]
    network.cache.limit = 10_000_000  # everything is kept

    def train():
        while looking:
            scores.kernel.assign(scores.kernel * -1)

    def look(seed):
        session = Session(network, images()[0], runner=LatestWins(settle=0))
        try:
            for chosen in (*choices(seed, 8), *choices(seed, 8)):
                session.update(**chosen)
                settled(session)
        finally:
            looking.remove(seed)
            session.close()

    network.layers  # noqa: B018  traced before
    together(train, *(lambda seed=seed: look(seed) for seed in range(2)))
    scores.kernel.assign(scores.kernel * 2)
    for chosen in choices(0, 8):
        target = chosen["target"] if "target" in chosen["method"].uses else None
        after = compute(chosen["method"], network, chosen["image"], target=target, layer=chosen["layer"]).array
        assert after == pytest.approx(quiet(network.model, chosen).array, rel=1e-4, abs=1e-5)
