"""The bare traced work: the code that one would write for one network and one image, without this package."""

import itertools
from functools import partial

import keras
import numpy as np
import tensorflow as tf

import cnnviz_widgets as cnnviz
from cnnviz_widgets.maps.masking import Windows

from .measure import alternate, shared

NETWORK, CAT = "efficientnet_lite0", 285
LAST, MIDDLE = "head_activation", "block7_add"
WINDOW, STRIDE = 32, 16
# The batch of the plain occlusion. On two cores 16, 32 and 64 differ by less than a tenth.
BATCH = 16
BATCHES = (1, 4, 8, 16, 32)


def opened():
    """Return (network, image, Bare) of the bundled ImageNet network and its cat."""
    network, image = cnnviz.load(NETWORK), cnnviz.samples(NETWORK)[0]
    return network, network.fit(image), Bare(network.model, image)


class Bare:
    """A network's forward pass, gradient and Grad-CAM as one `tf.function` each."""

    def __init__(self, model, image):
        self.images = image.array[None]
        logits = keras.Model(model.input, model.get_layer("logits").output)
        tapped = keras.Model(model.input, [model.get_layer(LAST).output, model.get_layer("logits").output])
        images, index = tf.TensorSpec([None, *image.shape]), tf.TensorSpec([], tf.int32)

        @tf.function(input_signature=[images])
        def forward(images):
            return logits(images, training=False)

        @tf.function(input_signature=[images, index])
        def gradient(images, index):
            with tf.GradientTape() as tape:
                tape.watch(images)
                score = tf.reduce_sum(tf.gather(logits(images, training=False), index, axis=-1))
            return tape.gradient(score, images)

        @tf.function(input_signature=[images, index])
        def grad_cam(images, index):
            with tf.GradientTape() as tape:
                activations, scores = tapped(images, training=False)
                score = tf.reduce_sum(tf.gather(scores, index, axis=-1))
            alpha = tf.reduce_mean(tape.gradient(score, activations), axis=(1, 2))
            return tf.nn.relu(tf.einsum("nhwc,nc->nhw", activations, alpha))

        self._forward, self._gradient, self._grad_cam = forward, gradient, grad_cam

    def forward(self, images=None):
        """Return the logits (n, classes)."""
        return self._forward(self.images if images is None else images).numpy()

    def gradient(self, index, images=None):
        """Return the gradients (n, height, width, channels)."""
        return self._gradient(self.images if images is None else images, index).numpy()

    def grad_cam(self, index):
        """Return the map (rows, columns)."""
        return self._grad_cam(self.images, index).numpy()[0]

    def occlusion(self, index):
        """Return the drop in the logit for every window (windows,), in batches of whole covered images."""
        image = self.images[0]
        places = Windows(image.shape[0], WINDOW, STRIDE)
        windows = list(itertools.product(places, places))
        clean = self.forward()[0, index]
        drops = []
        for begin in range(0, len(windows), BATCH):
            batch = np.repeat(self.images, len(windows[begin : begin + BATCH]), axis=0)
            for covered, (rows, columns) in zip(batch, windows[begin : begin + BATCH], strict=True):
                covered[rows, columns] = 127.5
            drops.append(clean - self.forward(batch)[:, index])
        return np.concatenate(drops)


class BestBatch:
    """The batch size at which some bare work takes least time an image, found in this run."""

    def __init__(self, work, images, rounds=5):
        """Take `work(images)`, to be done on several copies of `images` (1, height, width, channels)."""
        copies = {size: np.repeat(images, size, axis=0) for size in BATCHES}
        found = alternate(*(partial(work, copies[size]) for size in BATCHES), rounds=rounds, warm_up=1)
        times = {size: shared(taken, size) for size, taken in zip(BATCHES, found, strict=True)}
        self.each = {size: float(np.median(taken)) for size, taken in times.items()}
        self.size = min(self.each, key=self.each.get)
        self.work = partial(work, copies[self.size])

    @property
    def words(self):
        """The finding as a sentence."""
        listed = ", ".join(f"{seconds * 1000:.3g} ms at {size}" for size, seconds in self.each.items())
        return f"each, by the batch: {listed}; the best is {self.size}"
