"""The byte-bounded store, against a plain list that does the same slowly."""

import threading

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz_widgets.core.cache import ByteBoundedCache, size_of
from cnnviz_widgets.core.image import InputImage

LIMIT = 100
operations = st.lists(st.tuples(st.sampled_from("pg"), st.integers(0, 5), st.integers(0, 130)), max_size=60)


class Model:
    """What a ByteBoundedCache must do: (key, size) pairs, least recently used first."""

    def __init__(self):
        self.kept = []

    def get(self, key):
        found = [pair for pair in self.kept if pair[0] == key]
        self.kept = [pair for pair in self.kept if pair[0] != key] + found
        return found[0][1] if found else None

    def put(self, key, size):
        self.kept = [pair for pair in self.kept if pair[0] != key]
        if size <= LIMIT:
            self.kept.append((key, size))
        while sum(size for _, size in self.kept) > LIMIT:
            self.kept.pop(0)


@given(operations)
@settings(max_examples=200, deadline=None)
def test_the_store_holds_what_was_used_last_and_never_more_than_its_bytes(steps):
    cache, model = ByteBoundedCache(LIMIT), Model()
    for step, key, size in steps:
        if step == "p":
            cache.put(key, np.zeros(size, np.uint8))
            model.put(key, size)
        else:
            found, expected = cache.get(key), model.get(key)
            assert (None if found is None else found.nbytes) == expected
        assert cache.size == sum(size for _, size in model.kept) <= LIMIT
        assert len(cache) == len(model.kept)


def test_what_is_larger_than_the_store_is_not_kept_and_displaces_nothing():
    cache = ByteBoundedCache(LIMIT)
    cache.put("small", np.zeros(60, np.uint8))
    cache.put("large", np.zeros(101, np.uint8))
    assert cache.get("large") is None
    assert cache.get("small") is not None


def test_an_image_in_a_key_counts_too():
    cache = ByteBoundedCache(LIMIT)
    cache.put(("a", InputImage(np.zeros((2, 4, 3)))), np.zeros(1, np.uint8))
    assert cache.size == 2 * 4 * 3 * 4 + 1


def test_clearing_forgets_everything():
    cache = ByteBoundedCache(LIMIT)
    cache.put("a", np.zeros(10, np.uint8))
    cache.clear()
    assert (len(cache), cache.size, cache.get("a")) == (0, 0, None)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (np.zeros((3, 4), np.float32), 48),
        (tf.zeros((3, 4), tf.float16), 24),
        ((np.zeros(2, np.float64), [np.zeros(3, np.uint8)]), 19),
        ({"a": np.zeros(2, np.float32), "b": "text"}, 8),
    ],
)
def test_arrays_and_tensors_count_with_their_bytes(value, size):
    assert size_of(value) == size


def test_many_threads_leave_the_count_of_bytes_right():
    cache = ByteBoundedCache(1000)
    together = threading.Barrier(4)

    def work(seed):
        random = np.random.default_rng(seed)
        together.wait(60)
        for _ in range(500):
            cache.put(int(random.integers(20)), np.zeros(random.integers(1, 400), np.uint8))
            cache.get(int(random.integers(20)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.size == sum(size for _, size in cache._kept.values()) <= 1000
