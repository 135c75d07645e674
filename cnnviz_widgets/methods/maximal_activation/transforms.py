"""Small movements of an image; patterns that work only at one exact position are noise, and do not survive them.

Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017, section "Transformation robustness". Shift, rotation
and zoom are one warp. For use inside a `tf.function`.
"""

import math
from typing import Any

import tensorflow as tf


def movement(seed: Any, number: Any, jitter: Any, rotate: Any, zoom: Any) -> tf.Tensor:
    """Return the movement [down px, right px, angle in radians, scale] of step `number` for a seed, drawn uniformly.

    The largest movements are `jitter` px and `rotate` degrees in either direction, and `zoom`, a share of the size.
    Arguments are numbers or scalar tensors.
    """
    ends = tf.stack([jitter, jitter, rotate * (math.pi / 180), zoom])
    drawn = ends * tf.random.stateless_uniform([4], tf.stack([seed, number]), -1.0, 1.0)
    return drawn + tf.constant([0.0, 0.0, 0.0, 1.0])


def warped(image: tf.Tensor, height: int, width: int, moved: tf.Tensor, background: Any) -> tf.Tensor:
    """Return the central view (height, width, channels) of a larger or equal image after the movement `moved`.

    Beyond the image's edge there is `background`. TensorFlow's gradient of this is the inverse warp, which is exact
    apart from the interpolation, and entirely exact where nothing moves.
    """
    down, right, angle, scale = tf.unstack(moved)
    cosine, sine = tf.cos(angle) / scale, tf.sin(angle) / scale
    seen = (width - 1) / 2, (height - 1) / 2  # the centres of the view and the image, (x, y)
    given = [tf.cast(tf.shape(image)[axis] - 1, tf.float32) / 2 for axis in (1, 0)]
    # A place (x, y) of the view shows the image at (a x + b y + c, d x + e y + f).
    to_place = [
        *(cosine, -sine, given[0] + right - cosine * seen[0] + sine * seen[1]),
        *(sine, cosine, given[1] + down - sine * seen[0] - cosine * seen[1]),
        *(0.0, 0.0),
    ]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image[tf.newaxis],
        transforms=tf.stack(to_place)[tf.newaxis],
        output_shape=[height, width],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=background,
    )[0]
