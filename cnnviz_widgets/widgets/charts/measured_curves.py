"""Curves about the two maps that a session shows, measured beside it, while they are seen and it is at rest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from cnnviz_widgets.core.result import Result
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.measurement import Measurement

from .curves_by_method import shown_pair


class MeasuredCurves(Bound, ABC):
    """Base of the curves that a `Measurement` fills in while they are seen and the session is at rest."""

    def __init__(self, session: Session, shown: bool):
        super().__init__(session)
        self._shown = shown
        self.measurement = Measurement(session, self._measure)

    @abstractmethod
    def _measure(self) -> Iterable[tuple[float, Callable[[], object]]]:
        """Return the job of the `Measurement`: pairs of the share that is done and a function that shows it."""

    @abstractmethod
    def _show_pair(self, pair: tuple[Result, Result]) -> None:
        """Show the curves of a pair, as far as they are known, and measure the rest."""

    def show(self, shown: bool) -> None:
        """Measure while the curves are seen, and pause otherwise."""
        self._shown = shown
        self._follow()

    def close(self) -> None:
        """Stop following the session, and stop measuring."""
        super().close()
        self.measurement.close()

    def _follow(self):
        pair = shown_pair(self.session)
        if not self._shown or self.session.status in ("running", "loading"):
            self.measurement.make_way()
        elif pair is None:
            self.measurement.forget()
        else:
            self._show_pair(pair)
