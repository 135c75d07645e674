"""Explorers that share what is looked at, not how."""

import numpy as np
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.runner import Inline, LatestWins
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.occlusion_explorer import OcclusionExplorer
from cnnviz_widgets.widgets.parts.linked import Linked

from .conftest import small_network


def just_it(settings):
    return (settings,)


@pytest.fixture
def linked(session):
    session.update(method=GradCAM())
    return Linked(session, Activations(), just_it)


def test_it_begins_with_what_the_other_looks_at_and_with_its_own_method(session, linked):
    own = linked.own
    assert (own.network, own.image, own.target) == (session.network, session.image, session.target)
    assert isinstance(own.method, Activations)
    assert isinstance(session.method, GradCAM)
    assert own.result.request.image == session.result.request.image


@pytest.mark.parametrize(
    ("name", "value"), [("target", Target(2)), ("layer", "conv1"), ("target", Target("conv2", 1, (2, 3)))]
)
def test_what_is_chosen_in_either_is_chosen_in_both(session, linked, name, value):
    setattr(session, name, value)
    assert getattr(linked.own, name) == value
    setattr(session, name, None)
    setattr(linked.own, name, value)
    assert getattr(session, name) == value
    assert session.status == linked.own.status == "done"


def test_an_image_and_a_network_go_both_ways(session, linked):
    other = np.full((32, 32, 3), 7.0)
    linked.own.image = other
    assert session.image == linked.own.image
    network = small_network("second", seed=1)
    linked.own.open(network)
    assert session.network is network
    third = small_network("third", seed=2)
    session.open(third)
    assert linked.own.network is third
    assert linked.own.result.request.network is third


def test_beside_the_classes_of_another_network_stands_what_it_says_of_them(session):
    explorer = OcclusionExplorer(session=session)
    explorer.session.open(small_network("second", seed=1))
    shown = np.frombuffer(explorer.target_picker.list.values, "<f4")
    np.testing.assert_array_equal(shown, explorer.session.probabilities)


def test_methods_and_their_parameters_are_each_ones_own(session, linked):
    session.update(method=Gradient())
    assert isinstance(linked.own.method, Activations)
    linked.own.method = Activations(order="strongest first")
    assert session.method == Gradient()


def test_a_layer_that_the_own_method_cannot_use_is_left_and_not_taken_from_the_other(session, linked):
    session.update(method=Gradient(), layer="pooling")
    assert linked.own.layer is None
    assert session.layer == "pooling"
    linked.own.target = Target(1)
    assert session.layer == "pooling"


def test_going_back_in_one_goes_back_in_the_other(session, linked):
    session.target = 1
    session.target = 2
    linked.own.undo()
    assert session.target == Target(1)


def test_closing_it_ends_the_link_and_leaves_the_other(session, linked):
    linked.close()
    session.target = 2
    assert linked.own.target is None
    assert session.status == "done"


def test_both_work_at_once_on_threads_of_their_own_without_waiting_for_each_other(network, image):
    session = Session(network, image, method=Gradient(), runner=LatestWins())
    linked = Linked(session, Activations(), just_it)
    done = []
    try:
        for index in range(60):
            (session if index % 2 else linked.own).target = index % 3
        for one in (session, linked.own):
            _wait(one)
            done.append(one.target)
    finally:
        linked.close()
        session.close()
    assert done == [Target(59 % 3)] * 2


def _wait(session, seconds=60):
    import threading

    ready = threading.Event()
    session.observe(lambda change: ready.set() if change["new"] == "done" else None, "status")
    if session.status != "done":
        assert ready.wait(seconds)


def test_while_the_other_opens_a_network_it_says_so(image):
    session = Session(None, image, method=Gradient(), runner=Inline())
    linked = Linked(session, Activations(), just_it)
    assert linked.own.image == image
    session.opening = "digits"
    session.update_status("loading", "Loading digits …")
    assert (linked.own.status, linked.own.message, linked.own.opening) == ("loading", "Loading digits …", "digits")
    session.update_status("failed", "No such file.")
    assert (linked.own.status, linked.own.message) == ("failed", "No such file.")
