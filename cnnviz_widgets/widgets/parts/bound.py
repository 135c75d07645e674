"""What every control and view has in common: it follows a session, and a mistake in it never reaches the page."""

import threading
from contextlib import contextmanager

from cnnviz_widgets.session import sentence_of


class Bound:
    """Something with a `widget`, bound to a `session`.

    `follow` calls back when the session changes, `act` when the person changes a widget. What `follow` does to a
    widget does not count as the person's doing.
    """

    def __init__(self, session):
        self.session = session
        # Of the thread that follows: meanwhile another thread may well bring what the person does.
        self._following = threading.local()
        self._followed = []

    def follow(self, show, *names):
        """Call `show()` now and whenever one of the session's traits `names` changes."""

        def changed(_=None):
            with self._caught(), self.following():
                show()

        self.session.observe(changed, names)
        self._followed.append((changed, names))
        changed()

    def act(self, widget, trait, do):
        """Call `do(value)` when the person changes `trait` of `widget`."""

        def changed(change):
            if not self.is_following:
                with self._caught():
                    do(change["new"])

        widget.observe(changed, trait)

    def click(self, button, do):
        """Call `do()` when the person presses a button."""

        def pressed(_):
            with self._caught():
                do()

        button.on_click(pressed)

    @property
    def is_following(self):
        """Whether this thread is just showing what the session says."""
        return getattr(self._following, "now", False)

    @contextmanager
    def following(self):
        """While the block runs, changes of widgets are not the person's."""
        before = self.is_following
        self._following.now = True
        try:
            yield
        finally:
            self._following.now = before

    def close(self):
        """Follow the session no more."""
        for changed, names in self._followed:
            self.session.unobserve(changed, names)
        self._followed.clear()

    @contextmanager
    def _caught(self):
        # One thread at a time changes widgets: callbacks come on several, results on the worker. And the front ends
        # drop or print what a callback raises; a person must get a sentence instead.
        try:
            with self.session.runner.lock:
                yield
        except Exception as error:
            self.session.update_status("failed", sentence_of(error))
