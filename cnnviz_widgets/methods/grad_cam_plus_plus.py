"""Grad-CAM++: Grad-CAM with positive gradients only, each place weighted so that several objects count alike.

Chattopadhay, Sarkar, Howlader, Balasubramanian, "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep
Convolutional Networks", WACV 2018, section 3 (arXiv:1710.11063), in its closed form for a score behind an exponential.

We differ in one point: the paper's gradient is that of exp(score), which is ours times the same number everywhere. That
number, which may be as large as 1e20, is left out. Others deviate further: pytorch-grad-cam adds 1e-6 to alpha's
denominator, beside squared gradients that are often 1e-7 (between the blocks of EfficientNet-Lite0 its map of the cat
then correlates with the formula's by as little as -0.34); tf-keras-vis scales alpha to sum to 1 in each channel;
xplique takes means in place of both sums.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import choice
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.cams import finished, ruled

from .gradient import RELU

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class GradCAMPlusPlus(Method):
    """The sum of the layer's channels, each weighted by a weighted sum of the score's positive gradients.

    (rows, columns) of the layer's grid; score units per cell, with the score as a pure number; never negative, because
    the final ReLU is always on: behind a ReLU neither weights nor activations are negative, so it changes nothing.
    `alpha` lies between 0 and 1/2 there. Where gradients are small it is 1/2 everywhere, and the weights are half the
    sum, not the mean, of the positive gradients; so multiplying the score does not simply multiply the map.
    """

    title = "Grad-CAM++"
    family = "class activation map"
    summary = "Regions of a layer that speak for the target, with several objects of one class counted alike."
    paper = "Chattopadhay et al. 2018, arXiv:1710.11063"
    uses: ClassVar[tuple[str, ...]] = ("image", "target", "layer")
    fuses_layers = True

    relu: str = choice("standard", RELU, help="Rule by which ReLUs behind the layer pass the gradient back.")

    def run(self, network: "Network", image: InputImage, target: Target, layer: str) -> Iterator[Result]:
        """Yield one result, (rows, columns)."""
        activations, gradient = network.layer_gradient(image, target, layer, self.relu)
        alpha = alphas(activations, gradient)
        weights = (alpha * np.maximum(gradient, 0)).sum(axis=(0, 1))
        notes = ruled(network, layer, target, self.relu) + alpha_strayed(alpha)
        yield finished(activations @ weights, layer, True, "score / cell", notes)


def alphas(activations: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return the weight of each positive gradient in its channel; 0 where the gradient is not positive.

    Arguments and weights are (rows, columns, channels). The formula is the paper's g² / (2 g² + sum(A) g³) with g²
    cancelled, because a gradient of 1e-15 has no cube in float32.
    """
    below = 2 + activations.sum(axis=(0, 1)) * gradient
    counts = (gradient > 0) & (below != 0)
    return np.where(counts, 1 / np.where(counts, below, 1), 0)


def alpha_strayed(alpha: np.ndarray) -> tuple[Note, ...]:
    """Return a note where alpha (rows, columns, channels) is no weight, which takes negative activations; else ()."""
    count, channels = int(((alpha < 0) | (alpha > 1)).any(axis=(0, 1)).sum()), alpha.shape[-1]
    if not count:
        return ()
    sentence = (
        f"In {count} of {channels} channels alpha is not between 0 and 1, since the activations' sum is negative: "
        "the formula is made for a layer behind a ReLU."
    )
    return (Note("alpha_strayed", sentence, {"count": count, "channels": channels}),)
