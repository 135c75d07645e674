"""A store that forgets what was not used for longest, once what it holds takes more than a number of bytes."""

import threading
from collections import OrderedDict

import numpy as np


class ByteBoundedCache:
    """Keep values under hashable keys, `limit` bytes of them at most; safe to share between threads."""

    def __init__(self, limit):
        self.limit = limit
        self.size = 0
        self._kept = OrderedDict()  # key -> (value, bytes), least recently used first
        self._lock = threading.Lock()

    def get(self, key):
        """The value kept under `key`, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key, value):
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

    def clear(self):
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self.size = 0

    def __len__(self):
        return len(self._kept)

    def _forget(self, key):
        if key in self._kept:
            self.size -= self._kept.pop(key)[1]


def size_of(value):
    """Bytes of the arrays in `value`: an array, a tensor, a sequence or mapping of such, or what has `nbytes`."""
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return int(np.prod(value.shape)) * value.dtype.size
    return 0
