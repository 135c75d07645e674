"""What an optimiser varies when it makes an image: its pixels, or the waves of which it is made.

Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017, section "Preconditioning and parameterization"
(doi:10.23915/distill.00007). We differ in one point: the amplitudes are scaled so that a step moves the pixels
equally far whatever the decay, so that a steeper decay means smoother pictures and not also louder ones.

Everything here is for use inside a `tf.function`. Parameters become planes, (height, width, channels) of numbers
without bounds, about zero; `pixels_of` brings planes between 0 and 1.
"""

import numpy as np
import tensorflow as tf

KINDS = ("fourier", "pixel")
# How far the planes are from zero at the start: nearly grey, with enough noise to break the symmetry.
START = 0.01
# The nearest that a grey level comes to the ends of the range, where a sigmoid no longer moves.
NEAREST = 0.05
# Square root of the covariance of the colours of photographs (Olah et al.'s figures): columns are decorrelated colours,
# light against dark first.
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)


def shape_of_parameters(kind, height, width, channels):
    """The shape of what is varied for planes of (height, width, channels), None where the planes' is not known."""
    if kind == "pixel":
        return height, width, channels
    return 2, channels, height, None if width is None else width // 2 + 1


def planes_of(kind, parameters, height, width, decay):
    """(height, width, channels) out of parameters. Parameters of variance 1 give planes of variance 1.

    `decay` is how fast amplitudes fall with the frequency f, as 1 / f**decay; pixels have none.
    """
    if kind == "pixel":
        return parameters
    spectrum = tf.complex(*tf.unstack(parameters)) * tf.cast(amplitudes(height, width, decay), tf.complex64)
    return tf.transpose(tf.signal.irfft2d(spectrum, [height, width]), [1, 2, 0])


def amplitudes(height, width, decay):
    """(height, width // 2 + 1): what a wave's parameter is multiplied by in front of the inverse transform."""
    down = tf.range(height, dtype=tf.float32) / tf.cast(height, tf.float32)
    down = tf.minimum(down, 1 - down)[:, tf.newaxis]
    across = tf.range(width // 2 + 1, dtype=tf.float32) / tf.cast(width, tf.float32)
    longest = 1 / tf.cast(tf.maximum(height, width), tf.float32)  # the mean itself counts as the longest wave
    scale = tf.maximum(tf.sqrt(down**2 + across**2), longest) ** -decay
    pixels = tf.cast(height * width, tf.float32)
    return scale * pixels / tf.sqrt(tf.reduce_sum(_power(width) * scale**2))


def _power(width):
    """(width // 2 + 1,): how much a column of the stored half adds to the image's power.

    Most columns stand for their mirror image as well; of the first one, and of the last if the width is even, only the
    real part counts.
    """
    columns = tf.range(width // 2 + 1)
    return tf.where((columns == 0) | (2 * columns == width), 1.0, 4.0)


def correlated(planes):
    """Planes of three decorrelated colours as red, green and blue."""
    mix = COLOURS / np.linalg.norm(COLOURS, axis=0).max()
    return planes @ mix.T


def pixels_of(planes, background):
    """Planes as pixels between 0 and 1: zero becomes `background`, the rest nears the ends without reaching them."""
    level = tf.clip_by_value(background, NEAREST, 1 - NEAREST)
    return tf.sigmoid(planes + tf.math.log(level / (1 - level)))
