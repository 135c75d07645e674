"""A cache of a limited number of bytes, which forgets the least recently used values first."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import numpy as np


class ByteBoundedCache:
    """Values under hashable keys, at most `limit` bytes of them; safe to share between threads."""

    def __init__(self, limit: int):
        self.limit: int = limit
        self.size: int = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()  # (value, bytes), least recently used first
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """Return the value kept under `key`, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep `value`, and forget the least recently used ones that no longer fit. Too large a value is not kept."""
        size = size_of(key) + size_of(value)  # a key may hold an image
        with self._lock:
            self._forget(key)
            if size > self.limit:
                return
            self._kept[key] = (value, size)
            self.size += size
            while self.size > self.limit:
                self._forget(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def _forget(self, key):
        if key in self._kept:
            self.size -= self._kept.pop(key)[1]


def size_of(value: Any) -> int:
    """Return the bytes of `value`: an array or tensor, a sequence or mapping of these, or an object with `nbytes`."""
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return int(np.prod(value.shape)) * value.dtype.size
    return 0
