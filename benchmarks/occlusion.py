"""Occlusion that computes only the changes of each window, beside plain batches of whole covered images.

A ratio of 0.45 is 2.2 times as fast. The plain way is what one would write without this package: the Keras model in a
`tf.function`, `bare.BATCH` images at once. The remark compares with batches of the same Network as well, which are
faster than the model because convolutions and normalisations are one operation there.
"""

import time

import keras
import numpy as np
import tensorflow as tf

import cnnviz_widgets as cnnviz
from cnnviz_widgets.maps.masking import FILLS, Windows, put

from .bare import BATCH
from .measure import Row, alternate

# (network, window, stride, goal as a factor of speed, rounds)
CASES = (
    ("EfficientNet-Lite0", 32, 16, 2.2, 5),
    ("EfficientNet-Lite0", 16, 8, 2.5, 3),
    ("MobileNetV2", 32, 16, 2.2, 5),
    ("MobileNetV2", 16, 8, 2.5, 3),
    ("VGG16", 32, 32, 3.5, 3),
)
METHODS = ("Occlusion",)
ROUGH = 0.15  # the first map that covers the whole image, as a share of the time for the exact one


def rows():
    """Yield two Rows for each network and window: the exact map, and the first whole map."""
    networks = {}
    for name, window, stride, goal, rounds in CASES:
        network = networks[name] = networks.get(name) or opened(name)
        yield from measured(name, network, cnnviz.Occlusion(window, stride), goal, rounds)


def opened(name):
    """Return the bundled network, or one of Keras' with random weights, on which its speed does not depend."""
    if name == "EfficientNet-Lite0":
        return cnnviz.load("efficientnet_lite0")
    return cnnviz.Network(getattr(keras.applications, name)(weights=None), value_range=(0, 255), name=name)


def measured(name, network, method, goal, rounds):
    """Yield the `Row` of the whole map both ways, with nothing kept, and that of the first map."""
    noise = np.random.default_rng(0).uniform(*network.value_range, network.input_shape)
    image = network.fit(cnnviz.InputImage(noise))
    watch = Watch(network, image, method)
    forward = bare_forward(network)
    ours, plain, batches = alternate(
        watch.map,
        lambda: plainly(forward, network, image, method),
        lambda: plainly(network.outputs, network, image, method),
        rounds=rounds,
        warm_up=1,
        before=network.cache.clear,
    )
    first, whole, longest = (tuple(times[1:]) for times in (watch.first, watch.whole, watch.longest))  # warm ones
    title = f"occlusion, {name}, {method.window}/{method.stride}"
    times = f"{np.median(plain) / np.median(ours):.2f} times as fast as the model"
    times += f", {np.median(batches) / np.median(ours):.2f} times as batches of the Network"
    remark = f"{times}; longest step {np.median(longest):.2f} s; {watch.words}"
    yield Row(title, ours, plain, faster=goal, remark=remark, beside=f"the model on batches of {BATCH} covered images")
    yield Row(f"{title}: first map", first, whole, goal=ROUGH, beside="the exact map")


class Watch:
    """A timed map: when it was first whole, when it was done, and its longest step, in seconds."""

    def __init__(self, network, image, method):
        self.asked, self.method = (network, image, network.target(0)), method
        self.first, self.whole, self.longest, self.words = [], [], [], ""

    def map(self):
        """Compute the whole map."""
        times = [time.perf_counter()]
        for result in self.method.run(*self.asked):
            times.append(time.perf_counter())
            self.words = result.route
        self.first.append(times[1] - times[0])
        self.whole.append(times[-1] - times[0])
        self.longest.append(float(np.diff(times).max()))


def bare_forward(network):
    """Return a function from images to the model's numbers: the Keras model in a `tf.function`."""

    @tf.function(input_signature=[tf.TensorSpec([None, *network.input_shape])])
    def forward(images):
        return network.model(images, training=False)

    return lambda images: forward(images).numpy()


def plainly(forward, network, image, method):
    """Run every covered image through the whole network, in batches."""
    rows, columns = (Windows(side, method.window, method.stride) for side in image.shape[:2])
    rectangles = [(row, column) for row in rows.covered for column in columns.covered]
    fill = FILLS[method.fill](image.array, network.value_range)
    copies = np.repeat(image.array[np.newaxis], BATCH, axis=0)
    for begin in range(0, len(rectangles), BATCH):
        some = rectangles[begin : begin + BATCH]
        put(fill, copies, some)
        forward(copies[: len(some)])
        put(image.array, copies, some)
