"""Models that take integers: the gradient behind the cast, by the tape over the same model of floats."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import fixed
from quick import OF_CONVOLUTIONS

from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)


# Their baselines, noise and steps are no integers, so that the two models see other images.
BETWEEN_INTEGERS = ("SmoothGrad", "IntegratedGradients", "MaximalActivation", "RISE", "Occlusion")


def model_of(dtype, between=lambda image: image):
    image = keras.Input((12, 12, 3), dtype=dtype)
    first = layers.Conv2D(6, 3, activation="relu", name="conv")(layers.Rescaling(1 / 255)(between(image)))
    return fixed(keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(first))))


def by_tape(target):
    model, images = model_of("float32"), tf.constant(PICTURE[np.newaxis], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = model(images)[0, target]
    return tape.gradient(score, images)[0].numpy()


MODELS = {
    "uint8": lambda: model_of("uint8"),
    "int32": lambda: model_of("int32"),
    "cast inside": lambda: model_of("float32", lambda image: ops.cast(image, "uint8")),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_behind_the_cast(name):
    model = MODELS[name]()
    network = Network(model)
    expected = np.asarray(model(PICTURE[np.newaxis]))[0]
    assert network.logits(PICTURE.astype(np.float32)) == pytest.approx(expected, abs=1e-5)
    assert network.gradient(PICTURE, 1) == pytest.approx(by_tape(1), abs=1e-7)


def test_numbers_between_are_cut_off_as_the_model_does_it():
    model = model_of("uint8")
    picture = PICTURE * np.float32(0.77)
    expected = np.asarray(model(picture.astype(np.uint8)[np.newaxis]))[0]
    assert Network(model).logits(picture) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("method", OF_CONVOLUTIONS)
def test_every_method_answers_or_says_truly_why_not(method):
    network, target = Network(model_of("uint8")), 1 if "target" in method.uses else None
    twin = Network(model_of("float32"))
    made = method.suited_to(12)
    if method.__name__ in BETWEEN_INTEGERS:
        assert np.isfinite(compute(made, network, PICTURE, target=target).array).all()
    else:
        ours, theirs = (compute(made, each, PICTURE, target=target).array for each in (network, twin))
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())
