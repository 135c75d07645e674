"""Memory: the bytes that are free, and the share of them that one pass through a network may take."""

import os
import re
import time
from pathlib import Path

from cnnviz_widgets.words import number

# The environment variable by which the owner of an app limits a pass: "2GB".
LIMIT = "CNNVIZ_MEMORY_LIMIT"
# The share of the free memory that a batch may take without a limit.
SHARE = 0.25
# Seconds for which a measurement of the free memory is trusted.
FRESH = 1.0
UNITS: dict[str, float] = {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
# Files of Linux's control groups: (limit, bytes in use, statistics, the row of those that can be reclaimed).
GROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


class Memory:
    """The bytes that a pass may take: `limit` if it is set, else a quarter of the free memory."""

    def __init__(self, limit: float | str | None = None):
        """`limit` is a number of bytes or a text such as "2GB"; None leaves it to the environment variable."""
        self.limit = limit
        self.forget()

    @property
    def limit(self) -> int | None:
        """The bytes that were set, or None."""
        return self._limit

    @limit.setter
    def limit(self, value: float | str | None) -> None:
        if value is None and os.environ.get(LIMIT):
            self._limit = bytes_of(os.environ[LIMIT], LIMIT)
        else:
            self._limit = None if value is None else bytes_of(value)

    @property
    def ceiling(self) -> int:
        """The bytes that a batch may take."""
        return int(SHARE * self.free) if self._limit is None else self._limit

    @property
    def ceiling_of_one(self) -> int:
        """The bytes that a single image may take: the limit if it is set, else all that is free."""
        return self.free if self._limit is None else self._limit

    def forget(self) -> None:
        """Forget the last measurement of the free memory."""
        self._free, self._until = 0, -1.0

    @property
    def free(self) -> int:
        """The bytes that were free a moment ago."""
        if time.monotonic() > self._until:
            self._free, self._until = free(), time.monotonic() + FRESH
        return self._free


def bytes_of(value: float | str, name: str = "memory_limit") -> int:
    """The number of bytes of a number, or of a text such as "2GB" or "500 MiB"."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", value if isinstance(value, str) else "")
    if found and found[2].upper() in UNITS:
        value = float(found[1]) * UNITS[found[2].upper()]
    if isinstance(value, (bool, str)) or not hasattr(value, "__int__") or not 1 <= value < float("inf"):
        raise ValueError(f'{name} must be a number of bytes, 1 or more, or a text such as "2GB". Received: {value!r}.')
    return int(value)


def in_words(count: float) -> str:
    """A number of bytes in words: "1.5 GB"."""
    for unit in ("GB", "MB", "kB"):
        if count >= (size := UNITS[unit.upper()]):
            return f"{number(count / size)} {unit}"
    return f"{int(count)} bytes"


def free() -> int:
    """The bytes that this process can still take of the machine's, or the container's, memory."""
    import psutil

    return int(min(psutil.virtual_memory().available, left_in_group(), left_in_process()))


def left_in_group(root: Path = Path("/sys/fs/cgroup"), itself: Path = Path("/proc/self/cgroup")) -> float:
    """The bytes that Linux's control groups leave to this process; infinity without such groups."""
    try:
        inside = [line.split(":", 2)[2].strip("/") for line in itself.read_text().splitlines() if line[:3] == "0::"]
    except OSError:
        return float("inf")
    # In a container its own group is at the root; outside, the groups above it count as well.
    paths = {root, *(path for name in inside for path in (root / name, *(root / name).parents) if root in path.parents)}
    return min(_left(path, *names) for path in paths for names in GROUPS)


def _left(path, limit, used, statistics, given_back):
    try:
        most, taken = (int((path / name).read_text()) for name in (limit, used))
        rows = dict(line.split() for line in (path / statistics).read_text().splitlines())
    except (OSError, ValueError):  # no such file, or "max"
        return float("inf")
    return max(0, most - taken + int(rows.get(given_back, 0)))


def left_in_process() -> float:
    """The bytes of address space that `ulimit -v` leaves to this process; infinity without such a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return float("inf")
    import psutil

    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return float("inf") if most == resource.RLIM_INFINITY else max(0, most - psutil.Process().memory_info().vms)
