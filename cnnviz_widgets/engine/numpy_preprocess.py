"""A `preprocess` written in NumPy (or OpenCV, albumentations): how it becomes part of the graph.

TensorFlow can call such a function but not differentiate it. What it does to a pixel is found by trials: where that is
one affine function of the pixel's channels (a range, a mean and deviation, BGR), the graph gets that function; where
the pixel is rounded or clipped before, that as well, and gradients are those behind the rounding. Of any other function
gradients end behind it, at the model's input, and can be laid over the image only while that has the image's sides.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.method import SLOPES

from .registered_gradients import HANDED_BACK, hand_back, register_once
from .shapes import tell_shape
from .trials import SIDES, Noise

# How far a gradient goes back: not even to the model's input, to that, to the pixels.
NONE, BEHIND, EXACT = SLOPES
# Numbers of a trial are the same up to this share of the largest: some digits of float32.
ROUNDING = 1e-5


class Preprocess:
    """A network's `preprocess` as operations: a function of images (n, height, width, channels) in a graph.

    `slope` is one of EXACT, BEHIND and NONE; for a function of TensorFlow's operations it is EXACT.
    """

    def __init__(self, function: Callable[[Any], Any], noise: Noise):
        """`noise` are images that the function takes."""
        self._function, self._noise = function, noise
        self.slope: str = EXACT
        self._graph: Any = None  # which owns the functions that the operations call

    def __call__(self, images: tf.Tensor) -> Any:
        """The model's input. Raises what the function raises where it runs neither on tensors nor on arrays."""
        try:
            result = self._function(images)
        except Exception:  # any: NumPy, OpenCV and others take no tensors, each in its own words
            result = self._as_operation(images)
        return result

    @tf.autograph.experimental.do_not_convert
    def _as_operation(self, images):
        given = self._noise.image()
        made = self._on_array(given)
        self._check(given, made)
        self._graph = tf.compat.v1.get_default_graph()
        images_of_noise = [given, self._noise.dimmed(given)]
        levels = self._tried(map(self._noise.rounded, images_of_noise))
        others = self._tried([*images_of_noise, *map(self._noise.beyond, images_of_noise)])
        exact = _affine([*levels, *others])
        if exact is not None:
            return _applied(exact, images)
        seen = _affine(levels)
        if seen is not None and np.linalg.matrix_rank(seen[0]) == seen[0].shape[1]:
            matrix, offset = seen
            back = np.linalg.pinv(matrix)
            rounded = self._called(lambda array: (self._on_array(array) - offset) @ back, images, images.shape[1:])
            return _applied(seen, rounded)
        sides = self._sides(made)
        self.slope = BEHIND if tuple(sides) == tuple(images.shape[1:]) else NONE
        return self._called(self._on_array, images, sides)

    def _on_array(self, images):
        """The function's numbers for an array, as floats of the images' type."""
        return np.asarray(self._function(np.array(images))).astype(self._noise.dtype)

    def _check(self, given, made):
        if made.ndim != 4 or len(made) != len(given):
            raise ValueError(
                "preprocess must be a function of a batch, from images (n, height, width, channels) to the model's "
                f"input for n images. Received: one that makes {made.shape} of {given.shape}."
            )
        if not np.array_equal(made, self._on_array(given), equal_nan=True):
            raise ValueError(
                "preprocess must make the same of the same image: leave out what is random, such as augmentations. "
                "Received: one that gave other numbers the second time."
            )

    def _tried(self, images):
        """[(image, what the function makes of it)]."""
        return [(image, self._on_array(image)) for image in images]

    def _sides(self, made):
        """The shape of what the function makes of an image, None for a side that is any as the image's is."""
        if None not in self._noise.shape:
            return made.shape[1:]
        larger = self._on_array(self._noise.image(SIDES[1])).shape[1:]
        return tuple(side if side == other else None for side, other in zip(made.shape[1:], larger, strict=True))

    def _called(self, function, images, sides):
        """The operation that calls a function of arrays; its gradient hands on what it gets where `sides` allow it."""
        register_once(HANDED_BACK, hand_back)
        handed = {"PyFuncStateless": HANDED_BACK} if tuple(sides) == tuple(images.shape[1:]) else {}
        with self._graph.gradient_override_map(handed):
            dtype = images.dtype.as_numpy_dtype
            result = tf.numpy_function(lambda array: function(array).astype(dtype), [images], images.dtype, False)
        result.set_shape((None, *sides))
        tell_shape(result)
        return tf.ensure_shape(result, result.shape)


def _affine(tried):
    """(matrix (channels, units), offset (units,)): one affine function of every pixel in [(image, made)]; or None."""
    if any(given.shape[1:3] != made.shape[1:3] or not np.isfinite(made).all() for given, made in tried):
        return None
    pixels, results = (np.concatenate([_pixels(images) for images in part]) for part in zip(*tried, strict=True))
    with_one = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
    solution, *_ = np.linalg.lstsq(with_one, results, rcond=None)
    error = np.abs(with_one @ solution - results).max()
    if error > ROUNDING * np.abs(results).max():
        return None
    matrix, offset = solution[:-1], solution[-1]
    return np.where(np.abs(matrix) < ROUNDING * np.abs(matrix).max(), 0, matrix), offset


def _pixels(images):
    return images.reshape(-1, images.shape[-1]).astype(np.float64)


def _applied(affine, images):
    """The affine function of the channels of images, as operations."""
    matrix, offset = (values.astype(images.dtype.as_numpy_dtype) for values in affine)
    if (np.count_nonzero(matrix, axis=0) == 1).all():  # each number is one channel's, scaled
        channels = np.abs(matrix).argmax(axis=0)
        taken = images if np.array_equal(channels, np.arange(len(matrix))) else tf.gather(images, channels, axis=-1)
        return taken * matrix.sum(axis=0) + offset
    kernel = matrix[np.newaxis, np.newaxis]  # a convolution of single pixels, of which every method knows
    return tf.nn.conv2d(images, kernel, strides=1, padding="VALID") + offset
