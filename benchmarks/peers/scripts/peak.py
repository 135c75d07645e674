"""The peak memory of some work, by Linux's own account. Only the standard library, for any Python."""

import os
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def can_measure():
    """Return true where this system records it."""
    return STATUS.exists() and os.access(CLEAR, os.W_OK)


def growth(work):
    """Return the megabytes by which the peak while `work()` runs exceeds the resident memory before it."""
    CLEAR.write_text("5")  # the peak begins anew
    before = _megabytes("VmRSS")
    work()
    return max(_megabytes("VmHWM") - before, 0.0)


def _megabytes(field):
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6
