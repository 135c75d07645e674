"""Runners: they do the work, and cancel it when nobody wants its answer any more. Standard library only.

A job is a function that returns an iterator: every item is a step's outcome, a function that makes it known, which the
runner calls under its lock. Dropping the iterator cancels the job. So nothing that computes needs to know about
threads, and a job is cancelled between two steps, never inside one. A job that is followed patiently makes its first
step known before it goes: while somebody drags, pictures come at the pace of first steps.
"""

import contextvars
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

log: logging.Logger = logging.getLogger(__name__)

# A job that was cut short before it made anything known means that somebody goes through many things: wait until the
# hand rests for this long before starting another that would be cut short as well. Seconds.
SETTLE = 0.12


class Inline:
    """A runner for scripts and tests: it runs a job at once, in the caller's thread, to its end."""

    def __init__(self, lock: Any = None):
        self.lock: Any = lock or threading.RLock()

    def beside(self, settle: float = 0.0) -> "Inline":
        """Return a runner for other work that changes the same things: only one of them calls at a time."""
        return Inline(self.lock)

    def submit(self, job: Callable[[], Iterable[Callable[[], object]]], patient: bool = False) -> None:
        """Call every item of `job()`; no earlier job is left to be `patient` with."""
        for make_known in job():
            make_known()

    def stop(self) -> None:
        """Do nothing: no job runs between two calls."""

    def close(self) -> None:
        """Do nothing: there is no thread to end."""


class LatestWins:
    """A runner with one worker thread: a new job replaces the one that waits, and the one that runs.

    `started` counts the jobs that were begun. After `submit` or `stop` returns, no item of an earlier job is called
    any more; but where the new job is `patient`, the running one makes its first item known, if it has not yet. Runners
    that change the same things share a `lock`.
    """

    def __init__(self, settle: float = SETTLE, lock: Any = None):
        self.settle: float = settle
        self.started: int = 0
        # Held while an item is called, so that what becomes known was wanted at that moment; other code that changes
        # the same things holds it too. Reentrant: an item may itself submit the next job.
        self.lock: Any = lock or threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._latest = 0  # ticket of the newest job
        self._dropped = 0  # ticket of the newest job of which nothing may be made known any more
        self._submitted_at = 0.0
        self._waiting = None  # (ticket, job)
        self._closed = False
        self._worker = None
        # The worker runs in the context of the notebook's cell that made the runner. Without this, ipykernel 7 takes
        # its messages for answers to the front end's last request, and sends a person's next actions to the subshell
        # of that request, even when it no longer exists: clicks were lost in JupyterLab.
        self._context = contextvars.copy_context()

    def beside(self, settle: float = 0.0) -> "LatestWins":
        """Return a runner for other work that changes the same things: only one of them calls at a time."""
        return LatestWins(settle, self.lock)

    def submit(self, job: Callable[[], Iterable[Callable[[], object]]], patient: bool = False) -> None:
        """Call every item of `job()`, on the worker thread, for as long as it is the latest job.

        A `patient` job lets the running one make its first item known, and begins then.
        """
        with self._changed:
            if not patient:
                self._dropped = self._latest
            self._latest += 1
            self._submitted_at = time.monotonic()
            self._waiting = (self._latest, job)
            self._start_worker()
            self._changed.notify_all()

    def stop(self) -> None:
        """Drop the running job after its current step, and the waiting one."""
        with self._changed:
            self._latest += 1
            self._dropped = self._latest
            self._waiting = None
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, and let the worker thread end."""
        with self._changed:
            self._closed = True
            self.stop()

    def _start_worker(self):
        if not self._closed and not (self._worker and self._worker.is_alive()):
            # The thread holds the runner weakly while it waits, so that a forgotten runner can end.
            work = (_work, weakref.ref(self))
            self._worker = threading.Thread(target=self._context.run, args=work, daemon=True, name="cnnviz")
            self._worker.start()

    def _next(self, patience):
        """Return the next job, or None if there is none within `patience` seconds."""
        with self._changed:
            if self._waiting is None and not self._closed:
                self._changed.wait(patience)
            job, self._waiting = self._waiting, None
            return job

    def _run(self, ticket, job):
        self.started += 1
        steps, made_known = iter(job()), False
        for make_known in steps:
            with self.lock:
                if not self._wanted(ticket, made_known):
                    break
                try:
                    make_known()
                except Exception:  # a view that fails must not end the work for the others
                    log.exception("A result could not be made known")
                made_known = True
                if not self._wanted(ticket, made_known):
                    break  # now, not after a step that nobody will see
        else:
            return
        steps.close()
        if not made_known:
            self._wait_for_a_resting_hand()

    def _wanted(self, ticket, made_known):
        """True if a job's next item may be made known: of a job that is followed patiently the first one may."""
        return ticket == self._latest or (not made_known and ticket > self._dropped)

    def _wait_for_a_resting_hand(self):
        with self._changed:
            while not self._closed and (rest := self._submitted_at + self.settle - time.monotonic()) > 0:
                self._changed.wait(rest)


def _work(reference):
    while (runner := reference()) is not None and not runner._closed:
        job = runner._next(patience=5)
        if job is not None:
            try:
                runner._run(*job)
            except Exception:  # a job's failure must not be the worker's: the next job needs it
                log.exception("A job failed without saying so")
        del runner, job
