"""Measurements of several methods about one thing, kept for comparison; old ones make room for new ones."""

from collections.abc import Callable, Iterator
from typing import Any

from cnnviz_widgets.core.result import MAP, Result
from cnnviz_widgets.request import Request
from cnnviz_widgets.session import Session

from .line_chart import LOOKS, Look


class CurvesByMethod:
    """One line a method, in the order in which they came; each has its look for as long as it stays.

    `about` is the subject that the lines share: when it changes they are all forgotten. `is_done(line)` is true for a
    complete line: an unfinished one makes room for the same method with other parameters, else dragging a slider would
    leave a line at every stop. `looks` is a dictionary that several of these may share: a method then looks the same in
    all of them.
    """

    def __init__(self, is_done: Callable[[Any], bool], looks: dict[Any, Look] | None = None):
        self._is_done = is_done
        self._looks = {} if looks is None else looks
        self.about = None
        self._lines = {}  # (method, layer) -> (line, look)

    def line(self, about: object, request: Request, make: Callable[[], Any]) -> Any:
        """Return the line of a request about a subject, made by `make()` where there is none yet."""
        if about != self.about:
            self.about, self._lines = about, {}
        key = (request.method, request.layer)
        if key not in self._lines:
            self._lines = {
                (method, layer): kept
                for (method, layer), kept in self._lines.items()
                if type(method) is not type(request.method) or self._is_done(kept[0])
            }
            while len(self._lines) >= len(LOOKS):
                del self._lines[next(iter(self._lines))]
            self._lines[key] = (make(), self._look(key))
        return self._lines[key][0]

    def _look(self, key):
        """Return the first look that is free here: the line's own elsewhere, one that is free everywhere, any."""
        here = {look for _, look in self._lines.values()}
        order = [self._looks.get(key), *(look for look in LOOKS if look not in self._looks.values()), *LOOKS]
        self._looks[key] = next(look for look in order if look is not None and look not in here)
        return self._looks[key]

    def replace(self, request: Request, line: object) -> None:
        """Put another line in the place of a request's line."""
        key = (request.method, request.layer)
        self._lines[key] = (line, self._lines[key][1])

    def clear(self) -> None:
        """Forget all lines."""
        self._lines = {}

    def __iter__(self) -> Iterator[tuple[str, Look, Any]]:
        """Yield (name, look, line) of each."""
        for (method, layer), (line, look) in self._lines.items():
            yield " · ".join(part for part in (str(method), layer and str(layer)) if part), look, line


def shown_pair(session: Session) -> tuple[Result, Result] | None:
    """Return the results of (network, randomised network) where the session has both, as complete maps; else None."""
    maps = [each for each in session.results if isinstance(each, Result) and each.complete and each.axes == MAP]
    return (maps[0], maps[1]) if len(maps) == 2 and session.status == "done" else None


def check_weights(request: Request) -> None:
    """Raise ValueError where the network has been trained since it was asked: a line is about one set of weights."""
    if request.network.weights_version() != request.weights:
        raise ValueError("The network has been trained meanwhile: move the slider to begin again.")
