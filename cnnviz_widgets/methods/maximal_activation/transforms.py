"""Small movements of an image: what holds only for one exact position is noise, and does not survive them.

Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017, section "Transformation robustness". Shift, rotation
and zoom are one warp. For use inside a `tf.function`.
"""

import math

import tensorflow as tf


def movement(seed, number, jitter, rotate, zoom):
    """[down, right, angle, scale] of step `number` in the run of a seed, each evenly drawn.

    `jitter` px in either direction, `rotate` degrees, `zoom` as a share of the size.
    """
    ends = tf.stack([jitter, jitter, rotate * (math.pi / 180), zoom])
    drawn = ends * tf.random.stateless_uniform([4], tf.stack([seed, number]), -1.0, 1.0)
    return drawn + tf.constant([0.0, 0.0, 0.0, 1.0])


def warped(image, height, width, moved, background):
    """(height, width, channels): what is seen of a larger or equal image, about its centre, when it is moved.

    Beyond the image's edge there is `background`. The gradient that TensorFlow sends back through this is the inverse
    warp, which but for the interpolation is exact, and where nothing moves, entirely so.
    """
    down, right, angle, scale = tf.unstack(moved)
    cosine, sine = tf.cos(angle) / scale, tf.sin(angle) / scale
    seen = (width - 1) / 2, (height - 1) / 2  # where the two centres lie, (x, y)
    given = [tf.cast(tf.shape(image)[axis] - 1, tf.float32) / 2 for axis in (1, 0)]
    # A place (x, y) that is seen shows the image at (a x + b y + c, d x + e y + f).
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
