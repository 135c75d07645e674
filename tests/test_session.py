"""Session: settings in, result and status out. `Inline` where time does not matter, `LatestWins` where it does."""

import re
import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
from kinds import KINDS

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.parameters import slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.hires_cam import HiResCAM
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute
from cnnviz_widgets.runner import Inline, LatestWins
from cnnviz_widgets.session import Pace, Session
from cnnviz_widgets.settings import FIELDS, Settings

LONG = 60  # seconds: only a failing test waits for it


@pytest.fixture
def session(network, picture):
    return Session(network, picture, method=Gradient(), runner=Inline())


def changes(session, name):
    """The values that trait `name` takes from now on."""
    seen = []
    session.observe(lambda change: seen.append(change.new), name)
    return seen


# ---- Settings to results


def test_a_session_shows_a_result_at_once(session, network, picture):
    assert session.status == "done"
    assert session.result.request.method == Gradient()
    assert session.progress == 1
    assert np.array_equal(session.result.array, compute(Gradient(), network, picture).array)


@pytest.mark.parametrize(
    ("setting", "value", "request_value"),
    [
        ("method", Gradient(reduce="sum"), Gradient(reduce="sum")),
        ("target", 3, Target(3)),
        ("target", Target("conv1", 2), Target("conv1", 2)),
        ("target", "bee", Target(2)),
        ("image", InputImage(np.full((12, 12, 3), 0.25)), InputImage(np.full((12, 12, 3), 0.25))),
    ],
)
def test_each_setting_leads_to_its_result(setting, value, request_value, session):
    before = session.result
    setattr(session, setting, value)
    assert session.status == "done"
    assert session.result is not before
    assert getattr(session.result.request, setting) == request_value


def test_the_layer_leads_to_its_result(session):
    session.update(method=GradCAM(), layer="relu1")
    assert session.result.request.layer == "relu1"
    session.layer = "conv1"
    assert session.result.request.layer == "conv1"
    session.layer = None
    assert session.result.request.layer == "conv2"


def test_an_array_is_taken_as_an_image(network):
    session = Session(network, np.full((12, 12, 3), 0.5), method=Gradient(), runner=Inline())
    assert isinstance(session.image, InputImage)
    assert session.status == "done"


def test_several_settings_together_ask_once(session):
    results = changes(session, "result")
    session.update(method=GradCAM(), layer="relu1", target=2)
    assert len(results) == 1
    assert results[0].request.target == Target(2)


def test_setting_what_is_set_asks_nothing(session):
    session.target = 1
    results = changes(session, "result")
    session.target = 1
    session.update(target=Target(1), method=Gradient())
    assert results == []


def test_two_observers_see_the_same_results(session):
    one, other = changes(session, "result"), changes(session, "result")
    session.target = 2
    session.target = 3
    assert one == other
    assert len(one) == 2


def test_the_result_that_an_observer_of_the_status_reads_is_the_new_one(session):
    seen = []
    session.observe(lambda change: seen.append(session.result.request.target), "status")
    session.target = 4
    assert session.status == "done"
    assert seen[-1] == Target(4)


def test_without_an_image_a_person_is_asked_for_one_unless_the_method_needs_none(network):
    session = Session(network, method=Gradient(), runner=Inline())
    assert (session.status, session.message) == ("empty", "Choose an image to begin.")
    session.method = Filters()
    assert session.status == "done"


def test_a_difference_is_shown_with_both_signs_until_a_person_says_otherwise(session):
    session.update(method=GradCAM(), target=0)
    session.target = Target(0) - Target(1)
    assert session.result.signed
    assert session.result.request.method == GradCAM(final_relu=False)
    assert session.result.caption.startswith("Grad-CAM · ")  # nobody has changed a setting
    session.target = 1
    assert session.result.request.method == GradCAM()
    session.choose_method(HiResCAM)
    session.target = Target(0) - Target(1)
    assert not session.method.final_relu
    session.method = HiResCAM(final_relu=True)
    assert "final_relu=True" in session.result.caption
    session.target = Target(0) - Target(2)
    assert session.method.final_relu


def test_time_left_is_told_from_the_steps_after_the_first():
    pace = Pace()
    assert pace.seconds_left(0.1, 100) is None  # what took so long may have been compiling
    assert pace.seconds_left(0.1, 130) is None
    assert pace.seconds_left(0.6, 130) == pytest.approx(30 * 0.4 / 0.5)
    assert pace.seconds_left(1.0, 140) == 0


def test_an_unfinished_picture_says_so_in_its_caption(session):
    results = changes(session, "result")
    session.method = Occlusion(window=3, stride=1)
    assert len(results) > 1
    assert all(re.search(r" · \S.* % so far$", result.caption) for result in results[:-1])
    assert results[-1].caption == results[-1].request.caption


def test_without_an_image_whose_top_class_is_meant_a_person_is_asked_for_a_class(network):
    session = Session(network, None, method=replace(MaximalActivation.suited_to(12), steps=1), runner=Inline())
    assert (session.status, session.message[:15]) == ("failed", "Choose a class ")
    session.target = 1
    assert session.status == "done"


def test_choosing_a_method_takes_its_defaults_for_this_size_of_image(session):
    session.choose_method(Occlusion)
    assert session.method == Occlusion.suited_to(12)
    assert session.status == "done"


def test_choosing_a_method_keeps_the_layer_only_where_it_can_be_used(session):
    session.update(method=GradCAM(), layer="relu1")
    session.choose_method(Filters)
    assert session.layer is None
    session.layer = "conv2"
    session.choose_method(GradCAM)
    assert session.layer == "conv2"


# ---- Errors


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("target", 9, "Class must be between 0 and 4. Received: 9."),
        ("target", "bug", "No class named 'bug'"),
        ("layer", "conv3", "No layer named 'conv3'"),
        ("image", InputImage(np.zeros((5, 5, 3))), "The image does not have the shape"),
        ("method", Occlusion(window=30), "window must fit in the image (12 px). Received: window=30."),
    ],
)
def test_an_error_is_one_sentence_and_the_last_picture_stays(setting, value, sentence, session):
    session.method = GradCAM()
    before = session.result
    setattr(session, setting, value)
    assert session.status == "failed"
    assert session.message.startswith(sentence)
    assert "\n" not in session.message
    assert session.result is before
    assert getattr(session, setting) is not None


def test_after_an_error_the_next_setting_works(session):
    session.target = 9
    session.target = 1
    assert (session.status, session.message) == ("done", "")
    assert session.result.request.target == Target(1)


@dataclass(frozen=True)
class Broken(Method):
    title = "Broken"
    family = "gradient"
    summary = "For tests."
    paper = "none"

    def run(self, network, image, target):
        yield Result(np.zeros((2, 2), np.float32), signed=False, unit="", progress=0.5)
        raise KeyError("what nobody should read")


def test_a_bug_is_told_without_its_details_which_go_to_the_log(session, caplog):
    session.method = Broken()
    assert session.status == "failed"
    assert "KeyError" in session.message
    assert "nobody should read" not in session.message
    assert "nobody should read" in caplog.text


@pytest.mark.parametrize("settings", [{"target": 1.5}, {"image": "cat.jpg"}, {"image": np.zeros((2, 2, 2, 2))}])
def test_a_setting_of_a_wrong_kind_is_refused_and_leaves_the_others(settings, session):
    before, results = session.settings, changes(session, "result")
    with pytest.raises((TypeError, ValueError, FileNotFoundError)):
        session.update(method=GradCAM(), **settings)
    assert session.settings == before
    assert results == []


# ---- Going back


def three_rules(settings):
    """Settings to a variant for each of three ways to reduce the channels."""
    return tuple(replace(settings, method=replace(settings.method, reduce=way)) for way in ("max_abs", "sum", "none"))


def test_variants_are_answered_in_order_and_the_first_is_the_result(network, picture):
    session = Session(network, picture, method=Gradient(), runner=Inline(), variants=three_rules)
    assert [result.request.method.reduce for result in session.results] == ["max_abs", "sum", "none"]
    assert session.result is session.results[0]
    assert session.status == "done"


def test_while_variants_are_computed_the_results_grow_and_so_does_the_progress(network, picture):
    session = Session(None, picture, method=Gradient(), runner=Inline(), variants=three_rules)
    counts, progress, statuses = changes(session, "results"), changes(session, "progress"), changes(session, "status")
    session.open(network)
    assert [len(results) for results in counts] == [1, 2, 3]
    assert progress == pytest.approx([1 / 3, 2 / 3, 1])
    assert statuses[-2:] == ["running", "done"]


@pytest.mark.parametrize("name", FIELDS)
def test_every_variant_is_answered_with_its_own(name, network, picture):
    other = {
        "network": lambda: Network(KINDS["relu_activation"].build(), value_range=(0, 1)),
        "image": lambda: InputImage(np.full((12, 12, 3), 0.25)),
        "method": lambda: Gradient(reduce="sum"),
        "target": lambda: Target(3),
        "layer": lambda: "conv1",
    }[name]()
    asked = Settings(network, picture, GradCAM(), Target(1))
    both = (asked, replace(asked, **{name: other}))
    session = Session(network, picture, method=GradCAM(), runner=Inline(), variants=lambda settings: both)
    for result, each in zip(session.results, both, strict=True):
        layer = each.layer if "layer" in each.method.uses else None
        alone = compute(each.method, each.network, each.image, target=each.target, layer=layer)
        assert np.array_equal(result.array, alone.array)
    assert not np.array_equal(session.results[0].array, session.results[1].array)


def test_the_probabilities_are_of_the_sessions_own_image(network, picture):
    def elsewhere(settings):
        return (replace(settings, image=InputImage(np.zeros((12, 12, 3)))),)

    session = Session(network, picture, method=Gradient(), runner=Inline(), variants=elsewhere)
    assert session.result.request.image == InputImage(np.zeros((12, 12, 3)))
    assert np.array_equal(session.probabilities, network.probabilities(picture))


def test_going_back_goes_back_for_all_variants(network, picture):
    session = Session(network, picture, method=Gradient(), target=1, runner=Inline(), variants=three_rules)
    first = session.results
    session.target = 2
    assert all(result.request.target == Target(2) for result in session.results)
    session.undo()
    assert session.results == first


def classes(*targets):
    """Settings to a variant for each of several targets."""
    return lambda settings: tuple(replace(settings, target=target) for target in targets)


def test_a_variant_that_cannot_be_answered_is_a_refusal_in_its_place(network, picture):
    session = Session(network, picture, method=Gradient(), runner=Inline(), variants=classes(99, 1, "nobody", 2))
    first, second, third, fourth = session.results
    assert (first.asked.target, third.asked.target) == (Target(99), "nobody")
    assert "99" in first.sentence
    assert "nobody" in third.sentence
    assert [second.request.target, fourth.request.target] == [Target(1), Target(2)]
    assert session.result is second
    assert (session.status, session.progress) == ("done", 1)


def test_where_every_variant_is_refused_the_job_has_failed_and_the_last_results_stay(network, picture):
    wanted = [1, 2]
    session = Session(network, picture, method=Gradient(), runner=Inline(), variants=lambda s: classes(*wanted)(s))
    before = session.results
    wanted[:] = [98, 99]
    session.method = Gradient(reduce="sum")
    assert session.status == "failed"
    assert "98" in session.message
    assert session.results is before


def test_undo_goes_back_through_the_complete_pictures(session):
    session.target = 1
    session.method = Gradient(reduce="sum")
    session.target = 9  # fails: no picture
    assert session.undo()
    assert (session.target, session.method) == (Target(1), Gradient(reduce="sum"))
    assert session.undo()
    assert (session.target, session.method) == (Target(1), Gradient())
    assert session.undo()
    assert session.target is None
    assert session.status == "done"
    assert not session.undo()


# ---- Networks


def test_opening_a_keras_model_opens_a_network(picture):
    session = Session(runner=Inline())
    assert session.status == "empty"
    model = KINDS["functional"].build()
    session.image = picture
    session.open(model)
    assert session.network.model is model
    assert session.status == "done"


def test_opening_another_network_drops_what_named_parts_of_the_first(session):
    session.update(method=GradCAM(), layer="relu1", target=3)
    results = changes(session, "result")
    other = Network(KINDS["relu_activation"].build(), value_range=(0, 1))
    session.open(other)
    assert (session.network, session.target, session.layer) == (other, None, None)
    assert session.status == "done"
    assert len(results) == 1


def test_opening_the_same_network_again_shows_its_result_again(session, network):
    session.open(network)
    assert session.status == "done"


def test_a_photograph_is_fitted_anew_to_another_network(tmp_path):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    photo = InputImage.open(tmp_path / "photo.png")
    session = Session(
        Network(KINDS["functional"].build(), value_range=(0, 1)), photo, method=Gradient(), runner=Inline()
    )
    assert session.result.array.shape == (12, 12)
    session.open(Network(KINDS["not_square"].build(), value_range=(0, 1)))
    assert session.image is photo
    assert session.fitted.shape == (10, 16, 3)
    assert session.result.array.shape == (10, 16)


def test_an_array_that_another_network_cannot_take_stays_and_a_sentence_says_why(session):
    before = session.image
    session.open(Network(KINDS["not_square"].build(), value_range=(0, 1)))
    assert session.image == before
    assert session.status == "failed"
    assert "does not have the shape" in session.message


def test_the_parameters_suit_the_first_image_unless_they_were_given(network, picture):
    session = Session(network, picture, method=Occlusion(window=5, stride=5), runner=Inline())
    assert session.method == Occlusion(window=5, stride=5)
    session.open(Network(KINDS["relu_activation"].build(), value_range=(0, 1)))
    assert session.method == Occlusion.suited_to(12)


def test_what_cannot_be_opened_leaves_the_network_and_the_picture(session, network):
    before = session.result
    session.open("/no/such/model.keras")
    assert session.status == "failed"
    assert "model.keras" in session.message
    assert (session.network, session.result) == (network, before)


# ---- Live


@dataclass(frozen=True)
class Gated(Method):
    """Waits at a gate before each of its two steps, and counts how often it was begun."""

    title = "Gated"
    family = "gradient"
    summary = "For tests."
    paper = "none"

    number: int = slider(0, 0, 100)

    def run(self, network, image, target):
        GATE["begun"].append(self.number)
        GATE["inside"].set()
        for step in (1, 2):
            assert GATE["open"].wait(LONG)
            yield Result(np.full((2, 2), self.number, np.float32), signed=True, unit="", progress=step / 2)


GATE = {}


@pytest.fixture
def live(network, picture):
    """A session with a worker thread, on the method with a gate; the gate is shut."""
    GATE.update(begun=[], inside=threading.Event(), open=threading.Event())
    session = Session(network, picture, method=Gradient(), runner=LatestWins(settle=0))
    wait_for(session, lambda: session.status == "done")
    yield session
    GATE["open"].set()
    session.close()
    session.runner._worker.join(LONG)


def wait_for(session, condition):
    """Wait until the condition holds; it is looked at whenever something of the session changes."""
    changed = threading.Event()
    session.observe(lambda change: changed.set())
    while not condition():
        assert changed.wait(LONG), f"status {session.status!r}: {session.message}"
        changed.clear()
    session.unobserve_all()


def test_fifty_quick_changes_begin_two_computations_and_show_the_last(live):
    live.method = Gated(number=1)
    assert GATE["inside"].wait(LONG)
    for number in range(2, 51):
        live.method = replace(live.method, number=number)
    GATE["open"].set()
    wait_for(live, lambda: live.status == "done" and live.result.request.method == Gated(number=50))
    assert GATE["begun"] == [1, 50]
    assert (live.result.array == 50).all()


def test_while_it_works_the_old_picture_stays_and_the_status_says_so(live):
    before = live.result
    live.method = Gated(number=1)
    assert GATE["inside"].wait(LONG)
    assert (live.status, live.result) == ("running", before)


def test_stop_keeps_what_was_shown_so_far(live):
    live.method = Gated(number=1)
    assert GATE["inside"].wait(LONG)
    before = live.result
    live.stop()
    GATE["open"].set()
    assert (live.status, live.result) == ("stopped", before)
    live.method = Gated(number=2)
    wait_for(live, lambda: live.status == "done")
    assert live.result.request.method == Gated(number=2)


def test_stop_after_the_end_changes_nothing(live):
    live.stop()
    assert live.status == "done"


@dataclass(frozen=True)
class ByTickets(Gated):
    """Takes a ticket for each of its steps: so slow is it."""

    def run(self, network, image, target):
        GATE["inside"].set()
        for step in (1, 2, 3):
            assert GATE["tickets"].acquire(timeout=LONG)
            yield Result(np.full((2, 2), self.number, np.float32), signed=True, unit="", progress=step / 3)


@pytest.fixture
def slow(live):
    """The live session, with no tickets yet for the method that takes one for each step."""
    GATE["tickets"] = threading.Semaphore(0)
    yield live
    GATE["tickets"].release(100)


def test_pictures_follow_the_hand_that_drags_a_slow_methods_slider(slow):
    before, pictures, behind = slow.result, changes(slow, "result"), []
    slow.observe(lambda _: behind.append((slow.is_behind, slow.status)), "result")
    for number in range(1, 21):
        slow.method = ByTickets(number=number)
        assert GATE["inside"].wait(LONG)
        if number % 4 == 0:  # so far has the hand come until one step is done
            shown = threading.Event()
            slow.observe(lambda _, shown=shown: shown.set(), "result")
            GATE["inside"].clear()
            GATE["tickets"].release()
            assert shown.wait(LONG)
    numbers = [picture.request.method.number for picture in pictures]
    assert len(numbers) == 5 > 3
    assert numbers == sorted(set(numbers))
    assert behind == [(True, "running")] * 5
    assert (slow.progress, slow.result.progress) == (0, pytest.approx(1 / 3))
    GATE["tickets"].release(100)
    wait_for(slow, lambda: slow.status == "done")
    assert slow.result.request.method == ByTickets(number=20)
    assert not slow.is_behind
    slow.undo()
    wait_for(slow, lambda: slow.status == "done")
    assert slow.result is before  # what a hand passed by is no picture to go back to


@pytest.mark.parametrize(
    "other",
    [{"image": InputImage(np.full((12, 12, 3), 0.25))}, {"method": Gradient(reduce="sum")}],
    ids=["image", "method"],
)
def test_the_first_picture_of_another_image_or_method_comes_too_late(other, slow):
    slow.method = ByTickets(number=1)
    assert GATE["inside"].wait(LONG)
    pictures = changes(slow, "result")
    slow.update(**other)
    GATE["tickets"].release(100)
    wait_for(slow, lambda: slow.status == "done")
    assert all(getattr(picture.request, name) == value for picture in pictures for name, value in other.items())


def test_stop_during_a_drag_ends_the_picture_before_its_first_step(slow):
    for number in range(1, 4):
        slow.method = ByTickets(number=number)
        assert GATE["inside"].wait(LONG)
    slow.stop()
    GATE["tickets"].release(100)
    assert slow.is_behind
    pictures = changes(slow, "result")
    slow.method = Gradient(reduce="sum")
    wait_for(slow, lambda: slow.status == "done")
    assert [picture.request.method for picture in pictures] == [Gradient(reduce="sum")]


class JustTooLate(Inline):
    """A runner whose job answers at the worst moment: when the next one is about to take its place."""

    waiting = None

    def submit(self, job, patient=False):
        self.run()
        self.waiting = job

    def run(self):
        job, self.waiting = self.waiting or tuple, None
        for make_known in job():
            make_known()

    def stop(self):
        self.waiting = None


def test_an_earlier_answer_does_not_say_done_of_settings_that_have_changed(network, picture):
    session = Session(network, picture, method=Gradient(), runner=JustTooLate())
    session.target = 2
    assert session.status == "running"
    session.runner.run()
    assert session.status == "done"
    assert session.result.request.target == Target(2)


def test_one_says_what_the_output_of_a_network_is_as_it_is_opened(network, picture):
    session = Session(image=picture, runner=Inline())
    session.open(network, output_is="logits")
    output = network.probabilities(picture)  # of a softmax: taken for logits, it goes through another one
    assert session.probabilities == pytest.approx(np.exp(output) / np.exp(output).sum(), abs=1e-6)


def test_an_earlier_answer_does_not_end_the_loading_of_a_network(network, picture):
    session = Session(network, picture, method=Gradient(), runner=JustTooLate())
    session.open(network.model)
    assert session.status == "loading"


def test_loading_a_network_is_not_superseded_by_a_change_of_settings(live, monkeypatch):
    loading, may_load = threading.Event(), threading.Event()
    other = Network(KINDS["relu_activation"].build(), value_range=(0, 1))

    def slow_load(source, output_is=None):
        loading.set()
        assert may_load.wait(LONG)
        return other

    monkeypatch.setattr("cnnviz_widgets.session.load", slow_load)
    live.open("some network")
    assert loading.wait(LONG)
    assert live.status == "loading"
    live.method = Gradient(reduce="sum")
    live.target = 2
    assert live.status == "loading"
    may_load.set()
    wait_for(live, lambda: live.status == "done")
    assert live.network is other
    assert live.result.request.network is other
    assert live.method.reduce in ("sum", "max_abs")


def test_a_broken_view_does_not_leave_the_session_running(live):
    def broken(change):
        raise ValueError("broken view")

    live.observe(broken, "result")
    live.method = Gated(number=1)
    GATE["open"].set()
    wait_for(live, lambda: live.status == "done")
    assert live.result.request.method == Gated(number=1)


def test_two_sessions_do_not_share_anything(network, picture):
    one, other = (Session(network, picture, method=Gradient(), runner=Inline()) for _ in range(2))
    before = other.result
    one.target = 3
    assert other.target is None
    assert other.result is before


def test_linked_settings_are_one_object_that_changes_in_one_step(session):
    settings = changes(session, "settings")
    session.update(method=GradCAM(), layer="relu1", target=2)
    assert len(settings) == 1
    assert (settings[0].method, settings[0].layer, settings[0].target) == (GradCAM(), "relu1", Target(2))
