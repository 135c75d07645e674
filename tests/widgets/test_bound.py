import threading
from dataclasses import replace

import ipywidgets
import numpy as np
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.runner import Inline, LatestWins
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import FIELDS
from cnnviz_widgets.widgets.explorers.cam_explorer import CAMExplorer
from cnnviz_widgets.widgets.explorers.explorer import Explorer
from cnnviz_widgets.widgets.explorers.occlusion_explorer import OcclusionExplorer
from cnnviz_widgets.widgets.explorers.saliency_explorer import SaliencyExplorer
from cnnviz_widgets.widgets.explorers.sanity_explorer import SanityExplorer
from cnnviz_widgets.widgets.parts.bound import Bound

from .conftest import small_network


def test_what_following_does_to_a_widget_is_not_the_persons_doing(session):
    bound, slider, done = Bound(session), ipywidgets.IntSlider(), []
    bound.act(slider, "value", done.append)
    with bound.following():
        slider.value = 3
    assert done == []
    slider.value = 4
    assert done == [4]


def test_a_person_is_heard_while_another_thread_follows(session):
    bound, slider, done = Bound(session), ipywidgets.IntSlider(), []
    bound.act(slider, "value", done.append)
    following, acted = threading.Event(), threading.Event()

    def follow():
        with bound.following():
            following.set()
            acted.wait(10)

    thread = threading.Thread(target=follow)
    thread.start()
    following.wait(10)
    slider.value = 5
    acted.set()
    thread.join(10)
    assert done == [5]


def test_an_exception_in_a_callback_is_a_sentence_in_the_session(session):
    bound, button = Bound(session), ipywidgets.Button()

    def fail():
        raise ZeroDivisionError("secret path /somewhere")

    bound.click(button, fail)
    button.click()
    assert session.status == "failed"
    assert "ZeroDivisionError" in session.message
    assert "secret" not in session.message


OTHERS = {
    "network": lambda: small_network("other", seed=7),
    "image": lambda: np.full((32, 32, 3), 7.0),
    "method": lambda: GradCAM(),
    "target": lambda: Target(2),
    "layer": lambda: "conv1",
}


@pytest.mark.parametrize("changed", FIELDS)
def test_a_follower_is_called_for_the_fields_that_it_names_and_for_no_others(changed, session):
    session.update(method=GradCAM())
    bound, calls = Bound(session), []
    for name in FIELDS:
        bound.follow(lambda name=name: calls.append(name), name)
    assert calls == list(FIELDS)  # now
    calls.clear()
    if changed == "method":
        session.method = GradCAM(relu="guided")
    else:
        setattr(session, changed, OTHERS[changed]()) if changed != "network" else session.open(OTHERS[changed]())
    assert calls == [changed]


def test_a_follower_of_several_fields_is_called_once_for_one_change(session):
    bound, calls = Bound(session), []
    bound.follow(lambda: calls.append((session.target, session.layer)), "target", "layer")
    session.update(target=1, layer="conv1", method=GradCAM())
    assert calls == [(None, None), (Target(1), "conv1")]


def test_a_follower_names_fields_and_traits_together(session):
    bound, calls = Bound(session), []
    bound.follow(lambda: calls.append(session.status), "image", "message")
    session.message = "Something to read."
    session.image = np.full((32, 32, 3), 7.0)
    session.target = 1
    assert len(calls) == 4  # now, the message, the image, and the message that goes with it


def test_of_a_change_within_a_change_each_follower_hears_once_and_in_order(session):
    bound, seen = Bound(session), []
    bound.follow(lambda: session.target == Target(1) and session.update(layer="conv1"), "target")
    bound.follow(lambda: seen.append(session.target), "target")
    bound.follow(lambda: seen.append(session.layer), "layer")
    session.update(method=GradCAM(), target=1)
    assert seen == [None, None, Target(1), "conv1"]


def test_whoever_is_closed_follows_no_more(session):
    bound, calls = Bound(session), []
    bound.follow(lambda: calls.append(0), "target", "status")
    bound.close()
    session.target = 1
    assert calls == [0]


SLIDERS = {
    Explorer: ("stride", 4),
    OcclusionExplorer: ("stride", 4),
    SanityExplorer: ("stride", 4),
    CAMExplorer: ("relu", "guided"),
    SaliencyExplorer: ("reduce", "sum"),
}


@pytest.mark.parametrize("explorer_class", SLIDERS)
def test_moving_a_methods_slider_calls_no_follower_of_network_image_layer_or_target(
    explorer_class, network, image, monkeypatch
):
    calls, follow = [], Bound.follow

    def counting(bound, show, *names):
        def counted():
            calls.append(names)
            show()

        follow(bound, counted, *names)

    monkeypatch.setattr(Bound, "follow", counting)
    name, value = SLIDERS[explorer_class]
    method = {"method": Occlusion(window=8, stride=8)} if name == "stride" else {}
    explorer = explorer_class(session=Session(network, image, runner=Inline(), **method), **method)
    calls.clear()
    explorer.session.method = replace(explorer.session.method, **{name: value})
    assert explorer.session.status == "done"
    assert any("method" in names for names in calls)
    assert [names for names in calls if set(names) <= set(FIELDS) - {"method"}] == []
    explorer.close()


def test_what_a_job_makes_known_is_not_the_persons_doing(session):
    bound, slider, done = Bound(session), ipywidgets.IntSlider(), []
    bound.act(slider, "value", done.append)

    def job():
        yield lambda: setattr(slider, "value", 3)

    bound.submit(session.runner, job)
    assert (slider.value, done) == (3, [])


def test_a_job_that_fails_is_a_sentence_in_the_session_after_what_it_had_made_known(session):
    seen = []

    def job():
        yield lambda: seen.append("first")
        raise ValueError("A job must not fail. Received: this one.")

    Bound(session).submit(session.runner, job)
    assert seen == ["first"]
    assert (session.status, session.message) == ("failed", "A job must not fail. Received: this one.")


def test_a_job_that_is_superseded_says_nothing_of_being_left(session):
    runner, begun, go, left, ended = (LatestWins(settle=0), *(threading.Event() for _ in range(4)))

    def long():
        try:
            begun.set()
            assert go.wait(60)
            yield lambda: None
        finally:
            left.set()

    def short():
        yield ended.set

    bound = Bound(session)
    bound.submit(runner, long)
    assert begun.wait(60)
    bound.submit(runner, short)
    go.set()
    assert left.wait(60)
    assert ended.wait(60)
    runner.close()
    assert session.status == "done", session.message
