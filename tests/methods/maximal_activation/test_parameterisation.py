import numpy as np
import pytest
import tensorflow as tf

from cnnviz_widgets.methods.maximal_activation.parameterisation import (
    amplitudes,
    correlated,
    pixels_of,
    planes_of,
    shape_of_parameters,
)


def noise(kind, height, width, channels, seed=0):
    shape = shape_of_parameters(kind, height, width, channels)
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def power_by_frequency(planes):
    """Mean power of each ring of frequencies of a square image, and the rings' frequencies in waves a side."""
    side = planes.shape[0]
    spectrum = np.abs(np.fft.fft2(planes, axes=(0, 1))) ** 2
    waves = np.abs(np.fft.fftfreq(side, 1 / side))
    ring = np.rint(np.hypot(waves[:, np.newaxis], waves)).astype(int)
    rings = np.arange(2, side // 2)
    return rings, np.array([spectrum[ring == each].mean() for each in rings])


@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5, 2.0])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (15, 15), (12, 21), (7, 64)])
def test_noise_of_variance_one_gives_planes_of_variance_one_whatever_the_decay(decay, height, width):
    planes = planes_of("fourier", noise("fourier", height, width, 4000), height, width, tf.constant(decay))
    assert planes.shape == (height, width, 4000)
    assert np.square(planes).mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5])
def test_power_falls_with_the_frequency_as_the_decay_says(decay):
    planes = planes_of("fourier", noise("fourier", 64, 64, 200), 64, 64, tf.constant(decay)).numpy()
    rings, power = power_by_frequency(planes)
    slope = np.polyfit(np.log(rings), np.log(power), 1)[0]
    assert slope == pytest.approx(-2 * decay, abs=0.1)


@pytest.mark.parametrize("width", [8, 9])
def test_every_image_can_be_made_of_waves(width):
    """Back and forth: the spectrum of an image, divided by the amplitudes, gives the image again."""
    wanted = np.random.default_rng(1).normal(size=(6, width, 2)).astype(np.float32)
    found = np.fft.rfft2(wanted, axes=(0, 1)).transpose(2, 0, 1) / amplitudes(6, width, 1.0).numpy()
    parameters = tf.constant(np.stack([found.real, found.imag]), tf.float32)
    np.testing.assert_allclose(planes_of("fourier", parameters, 6, width, 1.0), wanted, atol=1e-5)


def test_pixels_are_their_own_planes():
    planes = noise("pixel", 5, 6, 3)
    assert planes_of("pixel", planes, 5, 6, 1.0) is planes


def test_the_first_decorrelated_colour_is_light_against_dark():
    light, *others = np.squeeze([correlated(tf.constant([[colour]])) for colour in np.eye(3, dtype=np.float32)])
    assert light.min() > 0.95 * light.max() > 0
    for other in others:
        assert other.min() < 0 < other.max()
        assert np.linalg.norm(other) < np.linalg.norm(light)


@pytest.mark.parametrize("background", [0.0, 0.3, 0.5, 1.0])
def test_pixels_stay_between_the_ends_and_zero_is_the_background(background):
    planes = tf.constant([[[-1000.0, -3.0, 0.0, 3.0, 1000.0]]])
    pixels = pixels_of(planes, tf.constant(background)).numpy().ravel()
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert (np.diff(pixels) > 0).all()
    assert pixels[2] == pytest.approx(np.clip(background, 0.05, 0.95), abs=1e-6)
