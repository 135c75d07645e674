"""The parameters that an optimiser varies when it makes an image: its pixels, or the waves that it is made of.

Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017, section "Preconditioning and parameterization"
(doi:10.23915/distill.00007). We differ in one point: the amplitudes are scaled so that a step moves the pixels
equally far whatever the decay. So a steeper decay makes pictures smoother but not louder.

All functions here are for use inside a `tf.function`. Parameters become planes: (height, width, channels) of unbounded
numbers around zero; `pixels_of` brings planes between 0 and 1.
"""

from typing import Any

import numpy as np
import tensorflow as tf

KINDS = ("fourier", "pixel")
# Standard deviation of the parameters at the start: nearly grey, with enough noise to break the symmetry.
START = 0.01
# The least distance of a grey level from the ends of the range, where a sigmoid no longer moves.
NEAREST = 0.05
# Square root of the covariance of the colours of photographs (Olah et al.'s figures): columns are decorrelated colours,
# light against dark first.
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)


def shape_of_parameters(kind: str, height: Any, width: Any, channels: int) -> tuple[Any, ...]:
    """Return the shape of the parameters for planes (height, width, channels); None stands for an unknown side."""
    if kind == "pixel":
        return height, width, channels
    return 2, channels, height, None if width is None else width // 2 + 1


def planes_of(kind: str, parameters: tf.Tensor, height: Any, width: Any, decay: Any) -> tf.Tensor:
    """Return the planes (height, width, channels) of parameters; variance 1 in parameters is variance 1 in planes.

    Amplitudes fall with the frequency f as 1 / f**decay; `decay` does not matter for pixels.
    """
    if kind == "pixel":
        return parameters
    spectrum = tf.complex(*tf.unstack(parameters)) * tf.cast(amplitudes(height, width, decay), tf.complex64)
    return tf.transpose(tf.signal.irfft2d(spectrum, [height, width]), [1, 2, 0])


def amplitudes(height: Any, width: Any, decay: Any) -> tf.Tensor:
    """Return the factors (height, width // 2 + 1) of the waves' parameters before the inverse Fourier transform."""
    down = tf.range(height, dtype=tf.float32) / tf.cast(height, tf.float32)
    down = tf.minimum(down, 1 - down)[:, tf.newaxis]
    across = tf.range(width // 2 + 1, dtype=tf.float32) / tf.cast(width, tf.float32)
    longest = 1 / tf.cast(tf.maximum(height, width), tf.float32)  # the mean itself counts as the longest wave
    scale = tf.maximum(tf.sqrt(down**2 + across**2), longest) ** -decay
    pixels = tf.cast(height * width, tf.float32)
    return scale * pixels / tf.sqrt(tf.reduce_sum(_power(width) * scale**2))


def _power(width):
    """Return the weight of each column of the stored half in the image's power, (width // 2 + 1,).

    Most columns stand for their mirror image as well; in the first one, and in the last if the width is even, only the
    real part counts.
    """
    columns = tf.range(width // 2 + 1)
    return tf.where((columns == 0) | (2 * columns == width), 1.0, 4.0)


def correlated(planes: tf.Tensor) -> tf.Tensor:
    """Return planes (height, width, 3) of decorrelated colours as planes of red, green and blue."""
    mix = COLOURS / np.linalg.norm(COLOURS, axis=0).max()
    return planes @ mix.T


def pixels_of(planes: tf.Tensor, background: Any) -> tf.Tensor:
    """Return planes as pixels between 0 and 1: zero becomes `background`, and nothing reaches the ends."""
    level = tf.clip_by_value(background, NEAREST, 1 - NEAREST)
    return tf.sigmoid(planes + tf.math.log(level / (1 - level)))
