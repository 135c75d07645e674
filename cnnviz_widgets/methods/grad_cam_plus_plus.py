"""Grad-CAM++: Grad-CAM that counts positive gradients only, each place weighted so that several objects count alike.

Chattopadhay, Sarkar, Howlader, Balasubramanian, "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep
Convolutional Networks", WACV 2018, section 3 (arXiv:1710.11063), in its closed form for a score behind an exponential.

We differ in one point: the paper's gradient is that of exp(score), which is ours times the same number everywhere. That
number, which may be 10 to the power of 20, is left out. Others deviate further: pytorch-grad-cam adds 1e-6 to alpha's
denominator, which small gradients do not survive; tf-keras-vis scales alpha to the sum 1 in each channel; xplique has
means in the place of both sums.
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.maps.cams import finished, ruled

from .gradient import RELU


@register
@dataclass(frozen=True)
class GradCAMPlusPlus(Method):
    """The layer's channels, each weighted by a weighted sum of the score's positive gradients, summed.

    (rows, columns) of the layer's grid; score units for each cell, where the score counts as a pure number; never
    negative, for the final ReLU is always on: behind a ReLU neither weights nor activations are negative, so it changes
    nothing. `alpha` lies between 0 and 1/2 there. Where gradients are small it is 1/2 everywhere, and the weights are
    half the sum, not the mean, of the positive gradients; so multiplying the score does not simply multiply the map.
    """

    title = "Grad-CAM++"
    family = "class activation map"
    summary = "Where the activations of a layer speak for the target, several objects of one class alike."
    paper = "Chattopadhay et al. 2018, arXiv:1710.11063"
    uses = ("image", "target", "layer")
    fuses_layers = True

    relu: str = choice("standard", RELU, help="What a ReLU behind the layer does to the gradient on its way back.")

    def run(self, network, image, target, layer):
        """Yield one result."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        alpha = alphas(activations, gradient)
        weights = (alpha * np.maximum(gradient, 0)).sum(axis=(0, 1))
        notes = ruled(network, layer, target, self.relu) + strayed(alpha)
        yield finished(activations @ weights, layer, True, "score / cell", notes)


def alphas(activations, gradient):
    """(rows, columns, channels): the weight of each positive gradient in its channel; 0 where it is not positive.

    The paper's g² / (2 g² + sum(A) g³), with g² cancelled: a gradient of 1e-15 has no cube in float32.
    """
    below = 2 + activations.sum(axis=(0, 1)) * gradient
    counts = (gradient > 0) & (below != 0)
    return np.where(counts, 1 / np.where(counts, below, 1), 0)


def strayed(alpha):
    """A note, in a tuple, where alpha is no weight: only activations below zero, before a ReLU, bring it there."""
    count, channels = int(((alpha < 0) | (alpha > 1)).any(axis=(0, 1)).sum()), alpha.shape[-1]
    if not count:
        return ()
    sentence = (
        f"In {count} of {channels} channels alpha is not between 0 and 1, since the activations' sum is negative: "
        "the formula is made for a layer behind a ReLU."
    )
    return (Note("alpha_strayed", sentence, {"count": count, "channels": channels}),)
