"""Eigen-CAM: the pattern over the places that the channels of a layer have most in common; no class, no gradient.

Muhammad, Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020 (arXiv:2008.00299).

A singular vector has no sign of its own, and with it a map could show everything but the object, depending on the
library. Here the sign is such that the map's sum is positive, with `centred` what the sum was before the mean was taken
off: high is what there is more of. With `centred` it is pytorch-grad-cam's map, but for that sign and its final ReLU.
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import switch
from cnnviz_widgets.maps.cams import finished
from cnnviz_widgets.words import percent


@register
@dataclass(frozen=True)
class EigenCAM(Method):
    """The activations of each place, projected on the layer's first right singular vector.

    (rows, columns) of the layer's grid; activation units; signed. The vector is of length 1, with a number for each
    channel; no other such weights give a map with a larger sum of squares. Behind a ReLU nothing in the map is below
    zero. With `centred` it is the first principal component, zero on average. A note tells the map's share of all the
    squares. It tells where a layer is active, nothing of a class.
    """

    title = "Eigen-CAM"
    family = "class activation map"
    summary = "The strongest pattern in a layer, whatever the class."
    paper = "Muhammad & Yeasin 2020, arXiv:2008.00299"
    uses = ("image", "layer")
    fuses_layers = True

    centred: bool = switch(False, help="Take each channel's mean off first, to see only what differs from it.")

    def run(self, network, image, layer):
        """Yield one result. Raises ValueError for activations that are not numbers."""
        activations = network.activations(image, layer).astype(np.float64)
        if lost := int((~np.isfinite(activations)).sum()):
            raise ValueError(
                f"Eigen-CAM needs activations that are finite. Received: {lost} that are not, in {layer!r}."
            )
        rows = activations.reshape(-1, activations.shape[-1])  # (places, channels)
        values = rows - rows.mean(axis=0) if self.centred else rows
        vector, share = first_component(values)
        sign = -1 if (rows @ vector).sum() < 0 else 1
        cam = (values @ vector).reshape(activations.shape[:2]) * sign
        yield finished(cam, layer, False, "activation", (share_of(share, self.centred),))


def first_component(values):
    """The first right singular vector of `values` (places, channels), and its share of the sum of their squares.

    By the smaller of the two products of `values` with itself: a whole decomposition takes ten times as long.
    """
    by_place = len(values) < values.shape[1]
    squares, vectors = np.linalg.eigh(values @ values.T if by_place else values.T @ values)
    vector = values.T @ vectors[:, -1] if by_place else vectors[:, -1]
    total = float((values**2).sum())
    if not total:
        return np.zeros(values.shape[1]), 0.0
    return vector / np.linalg.norm(vector), float(squares[-1]) / total


def share_of(share, centred):
    """A note: how much of the layer one pattern stands for."""
    what = "variance over the places" if centred else "sum of squared activations"
    return Note("first_component", f"This pattern holds {percent(share, 0)} of the layer's {what}.", {"share": share})
