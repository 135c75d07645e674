"""Curves about the two maps that a session shows, measured beside it: only while they are seen, and after it."""

from cnnviz_widgets.widgets.parts.bound import Bound
from cnnviz_widgets.widgets.parts.measurement import Measurement

from .curves_by_method import shown_pair


class MeasuredCurves(Bound):
    """Subclasses say what is measured (`_measure`, a job for `Measurement`) and how a pair is shown (`_show_pair`)."""

    def __init__(self, session, shown):
        super().__init__(session)
        self._shown = shown
        self.measurement = Measurement(session, self._measure)

    def show(self, shown):
        """Measure only while it is seen."""
        self._shown = shown
        self._follow()

    def close(self):
        """Follow no more, and measure no more."""
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
