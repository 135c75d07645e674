"""Gradients: against the weights of a linear network, finite differences, another precision, a saturated softmax."""

from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf
from kinds import KINDS

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.engine.compiled import CompiledFunctions, _means
from cnnviz_widgets.engine.tensorflow_engine import TensorFlowEngine
from cnnviz_widgets.network import Network
from cnnviz_widgets.questions import Questions
from properties.framework import Bug, assert_close, holds
from properties.shared_bugs import NEXT_CLASS, PROBABILITY
from properties.small_networks import linear, noise


@holds(
    1,
    "The gradient of a linear network is its weight column.",
    0,
    "definition",
    [PROBABILITY, NEXT_CLASS],
)
def linear_gradient(tolerance):
    network, weights = linear()
    for index in range(2):
        assert_close(network.gradient(noise(8, 8, 2), index), weights[..., index], tolerance)


SUM_OF_PLACES = Bug("a channel's score is a sum over its places", _means, "axis=axes) / places", "axis=axes)")
NO_PREPROCESSING = Bug(
    "the gradient is per unit of what the model takes, not of the image",
    TensorFlowEngine.gradient,
    "ask(images, terms_of(objective))[1]",
    "ask(images, terms_of(objective))[1] / 2",
)


@contextmanager
def double_precision():
    """What is built meanwhile is float64: either of the two settings alone leaves a part of it in float32."""
    policy, float_type = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(float_type)
        keras.config.set_dtype_policy(policy)


def slopes(score, image, places, step=1e-5):
    """Central differences of a score (a function of a batch) at some places of an image."""
    moved = np.repeat(image[np.newaxis], 2 * len(places), axis=0)
    for number, place in enumerate(places):
        moved[(2 * number, *place)] += step
        moved[(2 * number + 1, *place)] -= step
    scores = score(moved)
    return (scores[::2] - scores[1::2]) / (2 * step)


@holds(
    13,
    "The gradient is the slope between two close images, in double precision, at 40 random pixels.",
    1e-6,
    "definition",
    [PROBABILITY, SUM_OF_PLACES, NO_PREPROCESSING],
)
def central_differences(tolerance):
    with double_precision():
        model, logits = KINDS["skip_and_concat"].build(), KINDS["skip_and_concat"].build(head=None)
    scaled = {"preprocess": lambda images: images * 2.0}
    network, random = Network(model, value_range=(0, 1), **scaled), np.random.default_rng(0)
    image = random.uniform(0, 1, (12, 12, 3))
    places = [tuple(random.integers(0, image.shape)) for _ in range(40)]
    channel = keras.Model(logits.inputs, logits.get_layer("conv1").output)
    scores = {  # from Keras itself
        Target(3): lambda batch: np.asarray(logits(batch * 2))[:, 3],
        Target("conv1", 2): lambda batch: np.asarray(channel(batch * 2))[..., 2].mean(axis=(1, 2)),
    }
    for target, score in scores.items():
        gradient = network.gradient(image, target)
        assert gradient.dtype == np.float64
        expected = slopes(score, image, places)
        assert_close([gradient[place] for place in places], expected, tolerance * np.abs(gradient).max())


HALF_PRECISION = Bug(
    "images pass through half precision", Questions.batch, "images.astype(", "images.astype(np.float16).astype("
)


@holds(14, "Single and double precision give the same gradient.", 1e-6, "definition", [HALF_PRECISION])
def precisions(tolerance):
    # Not made of straight pieces: its gradient feels every rounding of the image.
    single = KINDS["swish"].build()
    with double_precision():
        double, twin = KINDS["swish"].build(), KINDS["swish"].build(head=None)
    image = np.random.default_rng(0).uniform(0, 1, (12, 12, 3))
    images = tf.constant(image[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        logit = twin(images)[0, 3]
    exact = tape.gradient(logit, images)[0]
    assert_close(Network(double, value_range=(0, 1)).gradient(image, 3), exact, 1e-12)
    assert_close(Network(single, value_range=(0, 1)).gradient(image, 3), exact, tolerance)


CROSS_ENTROPY = Bug(
    "the score is the logarithm of the probability",
    CompiledFunctions.scores,
    "tf.gather(values, ",
    "tf.gather(tf.nn.log_softmax(values), ",
)


@holds(
    22,
    "Where the softmax is saturated, so that its gradient is gone, the gradient of the logit is there.",
    0,
    "keras issue 5881",
    [PROBABILITY, CROSS_ENTROPY],
)
def saturated(tolerance):
    model = KINDS["functional"].build()
    kernel, bias = model.get_layer("scores").get_weights()
    model.get_layer("scores").set_weights([kernel * 4000, bias])
    image = noise(12, 12, 3)
    images = tf.constant(image.array[None])
    with tf.GradientTape() as tape:
        tape.watch(images)
        probability = tf.reduce_max(model(images))
    assert np.abs(tape.gradient(probability, images)).max() < 1e-30
    assert np.abs(Network(model, value_range=(0, 1)).gradient(image, None)).max() > 1e-3 + tolerance
