"""Occlusion that computes only what a window changes, beside plain batches of whole covered images.

A ratio of 0.45 is 2.2 times as fast. Both ask the same Network; the plain way takes as many images at once as
`numbers.BATCH`.
"""

import time

import keras
import numpy as np

import cnnviz_widgets as cnnviz
from cnnviz_widgets.core.covering import FILLS, Windows, put

from .measure import Row, alternate
from .numbers import BATCH

# (network, window, stride, goal: how many times as fast, rounds)
CASES = (
    ("EfficientNet-Lite0", 32, 16, 2.2, 7),
    ("EfficientNet-Lite0", 16, 8, 2.5, 3),
    ("MobileNetV2", 32, 16, 2.2, 7),
    ("MobileNetV2", 16, 8, 2.5, 3),
    ("VGG16", 32, 32, 3.5, 3),
)


def rows():
    """Yield a Row for each network and window, with how soon there is a whole map, and how far apart steps are."""
    networks = {}
    for name, window, stride, goal, rounds in CASES:
        network = networks[name] = networks.get(name) or opened(name)
        yield row(name, network, cnnviz.Occlusion(window, stride), goal, rounds)


def opened(name):
    """The bundled network, or one of Keras' with random weights: how fast it is does not depend on them."""
    if name == "EfficientNet-Lite0":
        return cnnviz.load("efficientnet_lite0")
    return cnnviz.Network(getattr(keras.applications, name)(weights=None), value_range=(0, 255), name=name)


def row(name, network, method, goal, rounds):
    """A `Row`: the whole map both ways, from nothing that is kept."""
    noise = np.random.default_rng(0).uniform(*network.value_range, network.input_shape)
    image = network.fit(cnnviz.InputImage(noise))
    watch = Watch(network, image, method)
    ours, plain = alternate(
        watch.map, lambda: plainly(network, image, method), rounds=rounds, warm_up=1, before=network.cache.clear
    )
    first, step = np.median(watch.first[1:]), np.median(watch.longest[1:])  # warm ones
    remark = f"{np.median(plain) / np.median(ours):.2f} times as fast; whole map after {first:.0%} of the time; "
    remark += f"longest step {step:.2f} s; {watch.words}"
    title = f"occlusion, {name}, window {method.window}, stride {method.stride}"
    return Row(title, ours, plain, goal=1 / goal, remark=remark)


class Watch:
    """Computes the map and notes when it first was whole, as a share, and the longest step in seconds."""

    def __init__(self, network, image, method):
        self.asked, self.method = (network, image, network.target(0)), method
        self.first, self.longest, self.words = [], [], ""

    def map(self):
        """The whole map."""
        times = [time.perf_counter()]
        for result in self.method.run(*self.asked):
            times.append(time.perf_counter())
            self.words = result.route
        self.first.append((times[1] - times[0]) / (times[-1] - times[0]))
        self.longest.append(np.diff(times).max())


def plainly(network, image, method):
    """Every covered image through the whole network, in batches."""
    rows, columns = (Windows(side, method.window, method.stride) for side in image.shape[:2])
    rectangles = [(row, column) for row in rows.covered for column in columns.covered]
    fill = FILLS[method.fill](image.array, network.value_range)
    copies = np.repeat(image.array[np.newaxis], BATCH, axis=0)
    for begin in range(0, len(rectangles), BATCH):
        some = rectangles[begin : begin + BATCH]
        put(fill, copies, some)
        network.outputs(copies[: len(some)])
        put(image.array, copies, some)
