"""LatestWins and Inline. Jobs wait for events, so that every test knows how far the worker has come."""

import contextvars
import gc
import logging
import threading
from functools import partial

import pytest

from cnnviz_widgets.runner import Inline, LatestWins

LONG = 60  # seconds: only a failing test waits for it


@pytest.fixture
def runner():
    runner = LatestWins(settle=0)
    yield runner
    runner.close()


class Job:
    """A job of three steps, which waits for `go` before each. It tells when it began, and when it was left.

    Every step calls `deliver` with the job's name and the step's number.
    """

    def __init__(self, name, deliver, open_gate=False):
        self.name, self.deliver = name, deliver
        self.begun, self.go, self.left = threading.Event(), threading.Event(), threading.Event()
        if open_gate:
            self.go.set()

    def __call__(self):
        self.begun.set()
        try:
            for step in range(3):
                assert self.go.wait(LONG)
                yield partial(self.deliver, (self.name, step))
        finally:
            self.left.set()


class Delivered(list):
    """What was delivered, and an event for the last step of a job."""

    def __init__(self):
        super().__init__()
        self.ended = threading.Event()

    def __call__(self, item):
        self.append(item)
        if item[1] == 2:
            self.ended.set()


def test_a_job_is_delivered_step_by_step_on_one_other_thread(runner):
    threads, delivered = [], Delivered()

    def deliver(item):
        threads.append(threading.current_thread())
        delivered(item)

    runner.submit(Job("a", deliver, open_gate=True))
    assert delivered.ended.wait(LONG)
    assert delivered == [("a", 0), ("a", 1), ("a", 2)]
    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()


def test_of_eleven_quick_submissions_over_a_slow_job_two_begin_and_the_last_is_delivered(runner):
    delivered = Delivered()
    jobs = [Job(n, delivered) for n in range(11)]
    runner.submit(jobs[0])
    assert jobs[0].begun.wait(LONG)
    for job in jobs[1:]:
        runner.submit(job)
    for job in jobs:
        job.go.set()
    assert delivered.ended.wait(LONG)
    assert delivered == [(10, 0), (10, 1), (10, 2)]
    assert runner.started == 2
    assert not any(job.begun.is_set() for job in jobs[1:10])


def test_while_the_hand_still_moves_nothing_new_begins():
    runner = LatestWins(settle=3600)
    delivered = Delivered()
    jobs = [Job(n, delivered, open_gate=n > 0) for n in range(5)]
    runner.submit(jobs[0])
    assert jobs[0].begun.wait(LONG)
    runner.submit(jobs[1])
    jobs[0].go.set()
    assert jobs[0].left.wait(LONG)  # cut short: from here on the worker waits for the hand to rest
    for job in jobs[2:]:
        runner.submit(job)
    assert runner.started == 1
    runner.settle = 0
    runner.submit(jobs[4])
    assert delivered.ended.wait(LONG)
    assert {name for name, _ in delivered} == {4}
    assert runner.started == 2
    runner.close()


def test_a_job_that_was_cut_short_is_left_at_its_next_step(runner):
    delivered = Delivered()
    first, second = Job("first", delivered), Job("second", delivered, open_gate=True)
    runner.submit(first)
    assert first.begun.wait(LONG)
    runner.submit(second)
    first.go.set()
    assert first.left.wait(LONG)
    assert delivered.ended.wait(LONG)
    assert {name for name, _ in delivered} == {"second"}


def test_a_job_that_is_followed_patiently_makes_its_first_step_known_and_no_other(runner):
    delivered = Delivered()
    jobs = [Job(n, delivered, open_gate=n > 0) for n in range(5)]
    runner.submit(jobs[0])
    assert jobs[0].begun.wait(LONG)
    for job in jobs[1:]:
        runner.submit(job, patient=True)
    jobs[0].go.set()
    assert delivered.ended.wait(LONG)
    assert delivered == [(0, 0), (4, 0), (4, 1), (4, 2)]
    assert not any(job.begun.is_set() for job in jobs[1:4])


@pytest.mark.parametrize("end", ["stop", "close", "submit"])
def test_patience_ends_with_whatever_drops_the_running_job(end, runner):
    delivered = Delivered()
    first, patient = Job("first", delivered), Job("patient", delivered, open_gate=True)
    runner.submit(first)
    assert first.begun.wait(LONG)
    runner.submit(patient, patient=True)
    getattr(runner, end)(*([Job("last", delivered, open_gate=True)] if end == "submit" else []))
    first.go.set()
    assert first.left.wait(LONG)
    if end == "submit":
        assert delivered.ended.wait(LONG)
    assert {name for name, _ in delivered} == ({"last"} if end == "submit" else set())
    assert not patient.begun.is_set()


def test_after_a_first_step_that_was_waited_for_the_next_job_begins_while_the_hand_moves():
    runner, delivered = LatestWins(settle=3600), Delivered()
    first = Job("first", delivered)
    runner.submit(first)
    assert first.begun.wait(LONG)
    runner.submit(Job("second", delivered, open_gate=True), patient=True)
    first.go.set()
    assert delivered.ended.wait(LONG)
    assert delivered[:2] == [("first", 0), ("second", 0)]
    runner.close()


def test_after_stop_returns_nothing_is_delivered_any_more(runner):
    delivered = Delivered()
    job = Job("a", delivered)
    runner.submit(job)
    assert job.begun.wait(LONG)
    runner.stop()
    job.go.set()
    assert job.left.wait(LONG)
    assert delivered == []


def test_stop_waits_for_a_delivery_that_is_under_way(runner):
    inside, finish, order = threading.Event(), threading.Event(), []

    def deliver():
        inside.set()
        assert finish.wait(LONG)
        order.append("delivered")

    runner.submit(lambda: iter([deliver]))
    assert inside.wait(LONG)
    stopping = threading.Thread(target=lambda: (runner.stop(), order.append("stopped")))
    stopping.start()
    finish.set()
    stopping.join(LONG)
    assert order == ["delivered", "stopped"]


def test_stop_drops_the_job_that_waits(runner):
    delivered = Delivered()
    running, waiting = Job("running", delivered), Job("waiting", delivered, open_gate=True)
    runner.submit(running)
    assert running.begun.wait(LONG)
    runner.submit(waiting)
    runner.stop()
    running.go.set()
    last = Job("last", delivered, open_gate=True)
    runner.submit(last)
    assert delivered.ended.wait(LONG)
    assert not waiting.begun.is_set()
    assert {name for name, _ in delivered} == {"last"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit()], ids=["exception", "exit"])
def test_a_job_that_fails_leaves_a_worker_for_the_next(error, runner, caplog):
    failed = threading.Event()

    def failing():
        yield lambda: None
        failed.set()
        raise error

    caplog.set_level(logging.CRITICAL)  # the log is not what this test is about
    runner.submit(failing)
    assert failed.wait(LONG)
    if isinstance(error, SystemExit):
        runner._worker.join(LONG)
    delivered = Delivered()
    runner.submit(Job("next", delivered, open_gate=True))
    assert delivered.ended.wait(LONG)


def test_a_failure_is_in_the_log(runner):
    def failing():
        raise ValueError("a bug")
        yield

    logged, records, handler = threading.Event(), [], logging.Handler()
    handler.emit = lambda record: (records.append(record), logged.set())
    log = logging.getLogger("cnnviz_widgets.runner")
    log.addHandler(handler)
    runner.submit(failing)
    assert logged.wait(LONG)
    log.removeHandler(handler)
    assert str(records[0].exc_info[1]) == "a bug"


def test_a_view_that_fails_does_not_end_the_work(runner, caplog):
    delivered = Delivered()

    def deliver(item):
        delivered(item)
        if item[1] == 0:
            raise ValueError("broken view")

    runner.submit(Job("a", deliver, open_gate=True))
    assert delivered.ended.wait(LONG)
    assert delivered == [("a", 0), ("a", 1), ("a", 2)]
    assert "broken view" in caplog.text


def test_a_delivery_may_submit_the_next_job(runner):
    delivered = Delivered()

    def deliver(item):
        if item == ("first", 0):
            runner.submit(Job("second", delivered, open_gate=True))
        else:
            delivered(item)

    runner.submit(Job("first", deliver, open_gate=True))
    assert delivered.ended.wait(LONG)
    assert delivered == [("second", 0), ("second", 1), ("second", 2)]


def test_close_ends_the_thread_and_takes_no_more_jobs(runner):
    delivered = Delivered()
    runner.submit(Job("a", delivered, open_gate=True))
    assert delivered.ended.wait(LONG)
    worker = runner._worker
    runner.close()
    worker.join(LONG)
    assert not worker.is_alive()
    job = Job("late", delivered, open_gate=True)
    runner.submit(job)
    assert not job.begun.is_set()


@pytest.mark.slow
def test_a_runner_that_nobody_holds_ends_its_thread():
    runner = LatestWins(settle=0)
    delivered = Delivered()
    runner.submit(Job("a", delivered, open_gate=True))
    assert delivered.ended.wait(LONG)
    worker, changed = runner._worker, runner._changed
    del runner
    for _ in range(6000):  # it looks up every few seconds; we wake it
        gc.collect()
        with changed:
            changed.notify_all()
        worker.join(0.01)
        if not worker.is_alive():
            return
    raise AssertionError("The thread of a forgotten runner goes on")


def test_a_runner_that_never_worked_has_no_thread():
    before = threading.active_count()
    LatestWins().close()
    assert threading.active_count() == before


def test_inline_runs_a_job_to_its_end_at_once():
    delivered = []
    Inline().submit(lambda: (partial(delivered.append, number) for number in (1, 2, 3)))
    assert delivered == [1, 2, 3]


def test_inline_lets_failures_through():
    with pytest.raises(ZeroDivisionError):
        Inline().submit(lambda: iter([1 // 0]))


def test_the_worker_speaks_in_the_name_of_whoever_made_the_runner():
    name = contextvars.ContextVar("name", default="nobody")
    token = name.set("the cell that made it")
    runner, heard, told = LatestWins(), [], threading.Event()
    name.reset(token)

    def hear():
        heard.append(name.get())
        told.set()

    runner.submit(lambda: iter([hear]))
    assert told.wait(10)
    runner.close()
    assert heard == ["the cell that made it"]
