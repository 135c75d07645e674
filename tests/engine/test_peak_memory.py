"""What an image takes on its way, counted by hand on small networks, and measured on a real one."""

import subprocess
import sys

import keras
import pytest
import tensorflow as tf
from keras import layers

from cnnviz_widgets.engine.peak_memory import TURNED, times_its_input
from cnnviz_widgets.network import Network

NUMBER = 4  # bytes


def taken(model, start=None, end=None, backward=False):
    """(numbers that are held at most, numbers of the value where it begins)."""
    network = Network(model, value_range=(0, 1))
    opened = network.engine
    graph = opened.traced.graph
    start = graph.input if start is None else opened.objective_tensor(start)
    end = opened.objective_tensor(end)
    return times_its_input(graph, (start,), (end,), backward)


def sequential(*middle, sides=(8, 8)):
    return keras.Sequential([keras.Input((*sides, 1)), *middle])


def test_forward_counts_what_is_there_at_the_same_time():
    model = sequential(*(layers.Conv2D(n, 1, use_bias=False, name=f"conv{n}") for n in (2, 5, 3)), layers.Flatten())
    # The image, which the caller holds, and two maps that follow each other: 1 + 5 + 3 channels of the same size.
    assert taken(model, end="conv3") == TURNED * (1 + 5 + 3)


def test_what_is_written_over_its_input_needs_no_room():
    model = sequential(layers.Conv2D(4, 1, name="conv"), layers.BatchNormalization(), layers.ReLU(name="relu"))
    assert taken(model, end="relu") == TURNED * (1 + 4)


def test_what_makes_nothing_needs_no_room():
    def checked(maps):
        with tf.control_dependencies([tf.raw_ops.Assert(condition=tf.reduce_all(maps < 9), data=[maps])]):
            return tf.identity(maps)

    model = sequential(layers.Conv2D(4, 1, name="conv"), layers.Lambda(checked), layers.ReLU(name="relu"))
    assert taken(model, end="relu") >= TURNED * (1 + 4)


def test_what_somebody_still_reads_is_not_written_over():
    image = keras.Input((8, 8, 1))
    first = layers.Conv2D(4, 1, use_bias=False)(image)
    model = keras.Model(image, layers.Add(name="add")([first, layers.ReLU()(first)]))
    assert taken(model, end="add") == TURNED * (1 + 4 + 4)


def test_a_gradient_keeps_what_the_way_back_looks_at():
    deep = [layer for n in range(6) for layer in (layers.Conv2D(4, 1), layers.ReLU())]
    model = sequential(*deep, layers.GlobalAveragePooling2D(), layers.Dense(2))
    # Six ReLUs remember where they were open; where the way back begins there are two more maps.
    assert taken(model, backward=True) == pytest.approx(1 + 6 * 4 + 2 * 4, rel=0.1)


def test_linear_maps_are_not_kept_for_the_way_back():
    model = sequential(*(layers.Conv2D(4, 1) for _ in range(6)), layers.GlobalAveragePooling2D(), layers.Dense(2))
    assert taken(model, backward=True) < 1 + 4 * 4 + 1


def padded(images):
    return tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])


def padded_with_a_number(images):
    return tf.raw_ops.PadV2(input=images, paddings=[[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=0.5)


@pytest.mark.parametrize(
    ("written", "otherwise"),
    [
        (lambda maps: tf.raw_ops.Add(x=maps, y=1.0), lambda maps: tf.raw_ops.AddV2(x=maps, y=1.0)),
        (padded_with_a_number, padded),
    ],
    ids=["addition", "padding"],
)
def test_an_operation_takes_as_much_in_whichever_version(written, otherwise):
    def model_with(function):
        deep = (layer for _ in range(4) for layer in (layers.Conv2D(4, 1), layers.Lambda(function)))
        return sequential(*deep, layers.GlobalAveragePooling2D())

    assert taken(model_with(written), backward=True) == taken(model_with(otherwise), backward=True)


def test_only_what_lies_behind_the_start_counts():
    model = sequential(layers.Conv2D(9, 1), layers.Conv2D(2, 1, name="late"), layers.Conv2D(2, 1, name="last"))
    assert taken(model, start="late", end="last") == TURNED * (2 + 2) / 2


def test_a_network_of_any_size_takes_what_it_has_room_for_in_proportion_to_the_pixels():
    same = [layers.Conv2D(3, 3, padding="same", name="conv")]
    of_any, of_one = (taken(sequential(*same, sides=sides), end="conv") for sides in ((None, None), (8, 8)))
    assert of_any == of_one


MEASURE = """
import ctypes, re
import numpy as np, keras
from keras import layers
from cnnviz_widgets.network import Network

def status(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1])

blocks = [layers.Conv2D(24, 3, padding="same", activation="relu") for _ in range(5)]
model = keras.Sequential([keras.Input((96, 96, 3)), *blocks, layers.GlobalAveragePooling2D(), layers.Dense(4)])
network = Network(model, value_range=(0, 1))
images = np.random.default_rng(0).uniform(0, 1, (96, 96, 96, 3)).astype(np.float32)
opened = network.engine
ways = {
    "forward": (network.logits, (opened.traced.logits, opened.traced.output)),
    "gradient": (lambda images: network.gradient(images, 0), (opened.objective_tensor(None),)),
}
for kind, (ask, ends) in ways.items():
    ask(images[:1])
    ctypes.CDLL(None).malloc_trim(0)
    before = status("VmRSS")
    open("/proc/self/clear_refs", "w").write("5")
    ask(images)
    way = ((opened.traced.graph.input,), ends, kind)
    print(kind, images.nbytes * opened.functions.batching._times_its_input(way) / (status("VmHWM") - before))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most that a process ever held")
def test_the_prediction_is_right_within_a_factor_of_three():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    ratios = dict(line.split() for line in done.stdout.splitlines())
    assert set(ratios) == {"forward", "gradient"}
    assert all(1 / 3 < float(ratio) < 3 for ratio in ratios.values()), ratios


NARROW = r"""
import re, resource, sys
import numpy as np, keras
from keras import layers
from cnnviz_widgets.network import Network

blocks = [layers.Conv2D(24, 3, padding="same", activation="relu") for _ in range(5)]
model = keras.Sequential([keras.Input((96, 96, 3)), *blocks, layers.GlobalAveragePooling2D(), layers.Dense(4)])
network = Network(model, value_range=(0, 1))
images = np.zeros((400, 96, 96, 3), np.float32)  # together they take 2.5 GB
network.gradient(images[:1], 0)
held = 1024 * int(re.search(r"VmSize:\s+(\d+)", open("/proc/self/status").read())[1])
resource.setrlimit(resource.RLIMIT_AS, (held + 1_200_000_000, -1))
network.memory.limit = sys.argv[1] if sys.argv[1:] else None
network.memory.forget()
print(network.gradient(images, 0).shape)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be held to a number of addresses")
def test_where_tensorflow_would_die_of_a_large_batch_it_goes_in_pieces():
    unseen, seen = (
        subprocess.run([sys.executable, "-c", NARROW, *limit], capture_output=True, text=True, timeout=300, check=False)
        for limit in (["100TB"], [])
    )
    assert unseen.returncode != 0
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout.strip() == "(400, 96, 96, 3)"
