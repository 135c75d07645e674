"""A line that tells how far the work is, on a terminal; elsewhere nothing."""

import sys
import time


class Progress:
    """`count` images are to do, `done` are done; `step` after each. A context: the line is gone when it ends."""

    def __init__(self, count, stream=None, clock=time.monotonic):
        self._stream, self._clock = stream or sys.stderr, clock
        self._count, self.done, self._skipped, self._begun = count, 0, 0, None

    def __enter__(self):
        self._show("opening the network")
        return self

    def __exit__(self, *_):
        if self._stream.isatty():
            print(end="\r\x1b[K", file=self._stream, flush=True)

    def step(self, skipped=False):
        """One more is done, or skipped."""
        if self._begun is None:  # before the first one, the network was opened
            self._begun = self._clock()
        self.done += 1
        self._skipped += skipped
        self._show(self.words())

    def words(self):
        """How far, how fast, how long still: "37/40 · 12.3 images/s · 1 min left · 2 skipped"."""
        parts = [f"{self.done}/{self._count}"]
        if self.done > 1:
            rate = (self.done - 1) / max(self._clock() - self._begun, 1e-3)
            parts += [f"{rate:.1f} images/s", f"{_time((self._count - self.done) / rate)} left"]
        return " · ".join(parts + ([f"{self._skipped} skipped"] if self._skipped else []))

    def _show(self, words):
        if self._stream.isatty():
            print(end=f"\r\x1b[K{words}", file=self._stream, flush=True)


def _time(seconds):
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
