"""What the numbers of a map must sum to: integrated gradients, gradient × input, HiResCAM."""

import numpy as np
from kinds import KINDS

from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient_times_input import GradientTimesInput
from cnnviz_widgets.methods.hires_cam import HiResCAM
from cnnviz_widgets.methods.integrated_gradients import IntegratedGradients, completeness
from cnnviz_widgets.request import compute
from properties.framework import Bug, assert_close, holds
from properties.shared_bugs import PROBABILITY
from properties.small_networks import linear, noise, opened

FROM_ZERO = Bug(
    "the baseline of gradient × input is zero, whatever the range",
    GradientTimesInput.run,
    "low + self.baseline * (high - low)",
    "self.baseline * (high - low)",
)
NO_DISTANCE = Bug(
    "gradients are not multiplied by the distance from the baseline",
    IntegratedGradients.run,
    "(gradients * distances)",
    "gradients",
)


@holds(
    2,
    "On a linear network gradient × input and integrated gradients are weight × (pixel - baseline).",
    1e-6,
    "captum; zennit",
    [FROM_ZERO, NO_DISTANCE, PROBABILITY],
)
def linear_attributions(tolerance):
    network, weights = linear(value_range=(-1, 1))
    image = noise(8, 8, 2)
    expected = (weights[..., 1] * (image.array + 1)).sum(axis=-1)
    for method in (GradientTimesInput(), IntegratedGradients(baseline="black", rule="midpoint", steps=50)):
        assert_close(compute(method, network, image, target=1).array, expected, tolerance)


MEAN_OF_CHANNELS = Bug(
    "channels are averaged, not summed", IntegratedGradients.run, "total.sum(axis=-1)", "total.mean(axis=-1)"
)


def difference(image, index):
    """The logit of an image less that of black, by Keras itself, for a network whose biases are not zero.

    Without biases ReLUs and a black baseline make every sum complete, whatever the number of steps.
    """
    twin = KINDS["functional"].build(head=None)
    assert all(np.abs(layer.bias).min() > 0.01 for layer in twin.layers if hasattr(layer, "bias"))
    logits = np.asarray(twin(np.stack([image.array, 0 * image.array])))
    return float(logits[0, index] - logits[1, index])


@holds(
    3,
    "Integrated gradients sum to the score's difference from the baseline's (50 midpoint steps, biases not zero).",
    1e-2,
    "Sundararajan et al. 2017, proposition 1",
    [MEAN_OF_CHANNELS, NO_DISTANCE, PROBABILITY],
)
def complete(tolerance):
    network, image = opened("functional")
    for index in range(5):
        method = IntegratedGradients(baseline="black", rule="midpoint", steps=50)
        assert_close(compute(method, network, image, target=index).array.sum(), difference(image, index), tolerance)


NO_ERROR = Bug("the error is told to be zero", completeness, "error = total - difference", "error = 0.0")
OF_THE_SCORE = Bug(
    "the sum is compared with the score, not the difference", completeness, "total - difference", "total - score"
)


@holds(
    4,
    "The error of completeness is told, and 200 steps have no larger one than 10.",
    1e-5,
    "captum, convergence delta",
    [NO_ERROR, OF_THE_SCORE],
)
def error_told(tolerance):
    network, image = opened("functional")
    total, errors = difference(image, 3), []
    for steps in (10, 200):
        result = compute(IntegratedGradients(baseline="black", rule="midpoint", steps=steps), network, image, target=3)
        (note,) = [note for note in result.notes if note.kind == "completeness"]
        errors.append(abs(note.numbers["error"]))
        assert abs(note.numbers["error"] - (result.array.sum() - total)) <= tolerance * abs(total)
    assert errors[1] <= errors[0]
    assert errors[0] <= 0.05 * abs(total)


ONLY_POSITIVE = Bug(
    "only positive gradients count",
    HiResCAM.run,
    "(gradient * activations)",
    "(gradient * (gradient > 0) * activations)",
)
SQUARED = Bug("activations are squared", HiResCAM.run, "gradient * activations", "gradient * activations**2")


@holds(
    11,
    "Over global average pooling and a dense layer, HiResCAM is Grad-CAM.",
    1e-5,
    "Draelos & Carin 2020, section 3",
    [ONLY_POSITIVE, SQUARED],
)
def hires_is_grad_cam(tolerance):
    network, image = opened("functional")
    for index in range(3):
        found = compute(HiResCAM(final_relu=False), network, image, target=index, layer="conv2").array
        assert_close(
            found, compute(GradCAM(final_relu=False), network, image, target=index, layer="conv2").array, tolerance
        )
