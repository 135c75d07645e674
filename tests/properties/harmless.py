"""Nothing that is asked leaves a trace: not in the model, not in the image, also when it ends by an exception."""

import keras
import numpy as np
from keras import layers
from quick import OF_CONVOLUTIONS

from cnnviz_widgets.core.image import InputImage, _float_pixels
from cnnviz_widgets.engine.tensorflow_engine import TensorFlowEngine
from cnnviz_widgets.engine.tracing import _listening
from cnnviz_widgets.engine.weights import WeightsVersion
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.gradient_times_input import GradientTimesInput
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.questions import Questions
from cnnviz_widgets.request import compute, steps
from properties.framework import Bug, assert_close, holds
from properties.shared_bugs import TRAINING
from properties.small_networks import noise, normalised, opened


def fingerprint(model):
    """Everything of a model that a question might change."""
    return {
        "weights": [weight.numpy().tobytes() for weight in model.weights],
        "config": str(model.get_config()),
        "nodes": [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model.layers],
        "attributes": [sorted(layer.__dict__) for layer in (model, *model.layers)],
        "activations": [getattr(layer, "activation", None) for layer in model.layers],
        "trainable": [layer.trainable for layer in (model, *model.layers)],
    }


SHADOWS_STAY = Bug(
    "layers keep the function that listened to them", _listening, "layer.__dict__.pop(entry, None)", "pass"
)
FROZEN = Bug(
    "the model is frozen",
    TensorFlowEngine.__init__,
    "self.model, self.name, self.input_shape = ",
    "model.trainable = False; self.model, self.name, self.input_shape = ",
)


@holds(
    23,
    "A model is after every method what it was before: weights, config, nodes, attributes, activations, trainable.",
    0,
    "captum, test_hook_removal",
    [SHADOWS_STAY, FROZEN],
)
def model_untouched(tolerance):
    network = normalised()
    before = fingerprint(network.model)
    for method in OF_CONVOLUTIONS:
        compute(method.suited_to(12), network, noise(12, 12, 3))
        after = fingerprint(network.model)
        assert [what for what in before if before[what] != after[what]] == [], method.__name__


NOT_AFTER_ERRORS = Bug(
    "layers stop listening only when all went well",
    _listening,
    "    finally:\n",
    "    except ZeroDivisionError:\n        pass\n    else:\n",
)
STEADY_FOR_EVER = Bug(
    "after an interruption the weights count as unchanging",
    WeightsVersion.frozen,
    "    finally:\n",
    "    except ZeroDivisionError:\n        pass\n    else:\n",
)


class Interrupting(layers.Layer):
    """Passes on what it gets, or raises what it was told to."""

    error = None

    def call(self, values):
        if self.error is not None:
            raise self.error
        return values


@holds(
    24,
    "The same after an exception and a KeyboardInterrupt in the middle, and what is asked next is right.",
    0,
    "captum, test_hook_removal",
    [NOT_AFTER_ERRORS, STEADY_FOR_EVER],
)
def model_untouched_by_errors(tolerance):
    for error in (KeyboardInterrupt(), RuntimeError("no memory left")):
        interrupt, scores = Interrupting(), layers.Dense(3)
        model = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(2, 3), interrupt, layers.Flatten(), scores])
        before, image, network = fingerprint(model), noise(6, 6, 2), Network(model, value_range=(0, 1))
        interrupt.error = error
        interrupted(lambda network=network, image=image: compute(Gradient(), network, image))  # while it is traced
        del interrupt.error
        assert fingerprint(model) == before
        running = steps(Occlusion(2, 1), network, image, target=0)
        next(running)
        interrupted(lambda running=running, error=error: running.throw(error))  # between two windows
        network.engine.shared = raising(error)
        interrupted(lambda network=network, image=image: compute(Occlusion(2, 1), network, image, target=0))
        del network.engine.shared
        assert fingerprint(model) == before
        first = compute(Gradient(reduce="none"), network, image, target=0).array
        scores.kernel.assign(scores.kernel * 2)
        assert_close(compute(Gradient(reduce="none"), network, image, target=0).array, 2 * first, tolerance)


def interrupted(ask):
    """`ask()` ends by an exception of whatever kind."""
    try:
        ask()
    except BaseException:
        return
    raise AssertionError("it was not interrupted")


def raising(error):
    """A function that raises the error."""

    def ask(*_, **__):
        raise error

    return ask


SHARED_MEMORY = Bug("an image shares memory with the caller's array", _float_pixels, "copy=True", "copy=None or False")
IN_PLACE = Bug(
    "pixels are shifted in place",
    Questions.batch,
    "return Batch(images.astype(",
    "images -= np.float32(0.5); return Batch(images.astype(",
)


@holds(
    25,
    "The caller's array is neither changed nor held: an image keeps its pixels whatever becomes of the array.",
    0,
    "pytorch-grad-cam, test_svd_no_side_effect",
    [SHARED_MEMORY, IN_PLACE],
)
def array_untouched(tolerance):
    network, image = opened("functional")
    array = image.array.copy()
    kept = InputImage(array)
    assert array.flags.writeable
    network.logits(array), network.gradient(array, 0), network.activations(array, "conv1")
    assert_close(array, image.array, tolerance)
    for method in (Gradient(), GradientTimesInput(), GradCAM(), Occlusion(4, 2), Activations()):
        compute(method, network, kept)
    assert_close(array, image.array, tolerance)
    array += 1
    assert_close(kept.array, image.array, tolerance)


@holds(
    26,
    "Networks run as in use, not as in training: no dropout, stored statistics, which stay as they are; asked twice "
    "they say the same.",
    0,
    "Keras, `training` argument",
    [TRAINING],
)
def as_in_use(tolerance):
    network, image = normalised(), noise(12, 12, 3)
    moving = [weight.numpy() for weight in network.model.get_layer("bn").weights]
    first = network.gradient(image, 1)
    assert_close(network.gradient(image, 1), first, tolerance)
    expected = np.asarray(network.model(image.array[None], training=False))[0]
    assert_close(network.probabilities(image.array), expected, 1e-6)  # compiled and eager differ in the last bit
    for before, weight in zip(moving, network.model.get_layer("bn").weights, strict=True):
        assert_close(weight.numpy(), before, tolerance)
