"""A line of progress on a terminal; nothing is written elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Progress over `count` images, of which `done` are done: call `step` after each.

    Use it as a context, at whose end the line disappears.
    """

    def __init__(self, count: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic):
        self._stream, self._clock = stream or sys.stderr, clock
        self.done: int = 0
        self._count, self._skipped = count, 0
        self._begun: float | None = None

    def __enter__(self) -> "Progress":
        self._show("opening the network")
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream.isatty():
            print(end="\r\x1b[K", file=self._stream, flush=True)

    def step(self, skipped: bool = False) -> None:
        """Count one more image as done, or as skipped."""
        if self._begun is None:  # before the first one, the network was opened
            self._begun = self._clock()
        self.done += 1
        self._skipped += skipped
        self._show(self.words())

    def words(self) -> str:
        """Return the progress, the rate and the time left: "37/40 · 12.3 images/s · 1 min left · 2 skipped"."""
        parts = [f"{self.done}/{self._count}"]
        if self.done > 1 and self._begun is not None:
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
