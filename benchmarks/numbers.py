"""Methods beside a bare `tf.function` of the same work, on the bundled ImageNet network and its cat."""

import itertools

import keras
import numpy as np
import tensorflow as tf

import cnnviz_widgets as cnnviz
from cnnviz_widgets.core.covering import Windows

from .measure import Row, alternate

NETWORK, LAYER, CAT = "efficientnet_lite0", "head_activation", 285
WINDOW, STRIDE = 32, 16
# The batch of the plain occlusion. On two cores 16, 32 and 64 differ by less than a tenth.
BATCH = 16


def rows():
    """Yield a Row for every comparison."""
    network = cnnviz.load(NETWORK)
    image = cnnviz.samples(NETWORK)[0]
    bare = Bare(network.model, image)
    yield gradient(network, image, bare)
    yield first_grad_cam(network, image, bare)
    yield grad_cam_of_a_new_class(network, image)
    yield occlusion(network, image, bare)
    yield kept(network, image)


def gradient(network, image, bare):
    """The gradient of a logit at the image."""
    ours, theirs = alternate(lambda: network.gradient(image, CAT), lambda: bare.gradient(CAT), rounds=31)
    return Row("gradient", ours, theirs, goal=1.15)


def first_grad_cam(network, image, bare):
    """Grad-CAM when nothing is known of the image yet, its probabilities and notes included."""
    ours, theirs = alternate(
        lambda: cnnviz.compute(cnnviz.GradCAM(), network, image, CAT, LAYER),
        lambda: bare.grad_cam(CAT),
        rounds=31,
        before=network.cache.clear,
    )
    remark = "ours also asks for the probabilities, which a person sees beside the map"
    return Row("Grad-CAM, new image", ours, theirs, remark=remark)


def grad_cam_of_a_new_class(network, image):
    """Grad-CAM when image and layer are known and the class is new."""
    classes = itertools.count()
    (ours,) = alternate(
        lambda: cnnviz.compute(cnnviz.GradCAM(), network, image, next(classes), LAYER), rounds=61, warm_up=5
    )
    return Row("Grad-CAM, same image, new class", ours, goal=0.010)


def occlusion(network, image, bare):
    """The whole map, against plain batches of the same covered images."""
    method = cnnviz.Occlusion(window=WINDOW, stride=STRIDE)
    ours, theirs = alternate(
        lambda: cnnviz.compute(method, network, image, CAT),
        lambda: bare.occlusion(CAT),
        rounds=5,
        warm_up=1,
        before=network.cache.clear,
    )
    return Row(f"occlusion, window {WINDOW}, stride {STRIDE}", ours, theirs, goal=1.0)


def kept(network, image):
    """A result that has been computed before."""
    method = cnnviz.Occlusion(window=WINDOW, stride=STRIDE)
    (ours,) = alternate(lambda: cnnviz.compute(method, network, image, CAT), rounds=61)
    return Row("occlusion that is kept", ours)


class Bare:
    """What one would write for one network and one image, without this package."""

    def __init__(self, model, image):
        self.images = image.array[None]
        logits = keras.Model(model.input, model.get_layer("logits").output)
        tapped = keras.Model(model.input, [model.get_layer(LAYER).output, model.get_layer("logits").output])
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

    def gradient(self, index):
        """(height, width, channels)."""
        return self._gradient(self.images, index).numpy()[0]

    def grad_cam(self, index):
        """(rows, columns)."""
        return self._grad_cam(self.images, index).numpy()[0]

    def occlusion(self, index):
        """(windows,): the drop in the logit for every window, in batches, each image covered and run as a whole."""
        image = self.images[0]
        places = Windows(image.shape[0], WINDOW, STRIDE)
        windows = list(itertools.product(places, places))
        clean = self._forward(self.images).numpy()[0, index]
        drops = []
        for begin in range(0, len(windows), BATCH):
            batch = np.repeat(self.images, len(windows[begin : begin + BATCH]), axis=0)
            for covered, (rows, columns) in zip(batch, windows[begin : begin + BATCH], strict=True):
                covered[rows, columns] = 127.5
            drops.append(clean - self._forward(batch).numpy()[:, index])
        return np.concatenate(drops)
