"""`Bound`, the base of all controls and views: it follows a session and keeps exceptions off the page."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import ipywidgets

from cnnviz_widgets.core.failures import Job, reporting, sentence_of
from cnnviz_widgets.runner import Inline, LatestWins
from cnnviz_widgets.session import Session
from cnnviz_widgets.settings import FIELDS


class Bound:
    """A control or a view with a `widget`, bound to a `session`.

    `follow` calls back when the session changes, `act` when the person changes a widget. Changes that `follow` makes
    to a widget do not count as the person's.
    """

    def __init__(self, session: Session):
        self.session = session
        # One value a thread: while one of them follows the session, another may bring an action of the person's.
        self._following = threading.local()
        self._followed = []

    def follow(self, show: Callable[[], object], *names: str) -> None:
        """Call `show()` now and whenever one of `names` changes: a field of the settings, or a trait of the session.

        A change that is made while another one is being told reaches each follower once, in the order in which they
        began to follow.
        """
        fields, seen = set(names).intersection(FIELDS), self.session.settings

        def settings_changed(_):
            nonlocal seen
            before, seen = seen, self.session.settings
            if fields & seen.changes(before):
                self._make_known(show)

        self._observe(settings_changed, ["settings"] if fields else [])
        self._observe(lambda _: self._make_known(show), [name for name in names if name not in FIELDS])
        self._make_known(show)

    def act(self, widget: ipywidgets.Widget, trait: str, do: Callable[[Any], object]) -> None:
        """Call `do(value)` when the person changes `trait` of `widget`."""

        def changed(change):
            if not self.is_following:
                with self._caught():
                    do(change["new"])

        widget.observe(changed, trait)

    def click(self, button: ipywidgets.Button, do: Callable[[], object]) -> None:
        """Call `do()` when the person presses a button."""

        def pressed(_):
            with self._caught():
                do()

        button.on_click(pressed)

    def submit(self, runner: Inline | LatestWins, job: Job) -> None:
        """Submit a job to a runner; its items, and the sentence for an exception, are made known as in `follow`."""

        def steps():
            for make_known in reporting(job, self.fail)():
                yield partial(self._make_known, make_known)

        runner.submit(steps)

    def fail(self, sentence: str) -> None:
        """Tell the person through the session that something has failed."""
        self.session.update_status("failed", sentence)

    @property
    def is_following(self) -> bool:
        """True while this thread shows a change of the session."""
        return getattr(self._following, "now", False)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Count changes of widgets inside the block as the session's, not as the person's."""
        before = self.is_following
        self._following.now = True
        try:
            yield
        finally:
            self._following.now = before

    def close(self) -> None:
        """Stop following the session."""
        for changed, names in self._followed:
            self.session.unobserve(changed, names)
        self._followed.clear()

    def _observe(self, changed, names):
        if names:  # traitlets takes no names for all names
            self.session.observe(changed, names)
            self._followed.append((changed, names))

    def _make_known(self, show):
        with self._caught(), self.following():
            show()

    @contextmanager
    def _caught(self):
        # Only one thread at a time may change widgets: callbacks come on several, results on the worker. And the front
        # ends drop or print an exception of a callback, where a person must get a sentence.
        try:
            with self.session.runner.lock:
                yield
        except Exception as error:
            self.fail(sentence_of(error))
