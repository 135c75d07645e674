"""Eigen-CAM: the spatial pattern that the channels of a layer share most; no class, no gradient.

Muhammad, Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020 (arXiv:2008.00299).

A singular vector has no sign of its own, so depending on the library a map could show everything but the object. Here
the sign makes the map's sum positive (with `centred`, the sum before the mean is subtracted): high means more of the
pattern. With `centred` it is pytorch-grad-cam's map, apart from the sign and its final ReLU.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import switch
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.maps.cams import finished
from cnnviz_widgets.words import percent

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class EigenCAM(Method):
    """The activations of each place, projected on the layer's first right singular vector.

    (rows, columns) of the layer's grid; activation units; signed. The vector has length 1, with a number for each
    channel; no other such weights give a map with a larger sum of squares. Behind a ReLU nothing in the map is below
    zero. With `centred` it is the first principal component, zero on average. A note states the map's share of the sum
    of squares. The map shows where a layer is active; it says nothing about a class.
    """

    title = "Eigen-CAM"
    family = "class activation map"
    summary = "The strongest pattern in a layer, whatever the class."
    paper = "Muhammad & Yeasin 2020, arXiv:2008.00299"
    uses: ClassVar[tuple[str, ...]] = ("image", "layer")
    fuses_layers = True

    centred: bool = switch(False, help="Subtract each channel's mean first, to see only what differs from it.")

    def run(self, network: "Network", image: InputImage, layer: str) -> Iterator[Result]:
        """Yield one result, (rows, columns). Raises ValueError for activations that are not numbers."""
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
        yield finished(cam, layer, False, "activation", (first_component_share(share, self.centred),))


def first_component(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the first right singular vector (channels,) of `values` (places, channels) and its share, from 0 to 1.

    The share is of the sum of squares of `values`. Values that are all zero give a vector of zeros and the share 0.
    """
    # From the smaller of the two products of `values` with itself: a whole decomposition takes ten times as long.
    by_place = len(values) < values.shape[1]
    squares, vectors = np.linalg.eigh(values @ values.T if by_place else values.T @ values)
    vector = values.T @ vectors[:, -1] if by_place else vectors[:, -1]
    total = float((values**2).sum())
    if not total:
        return np.zeros(values.shape[1]), 0.0
    return vector / np.linalg.norm(vector), float(squares[-1]) / total


def first_component_share(share: float, centred: bool) -> Note:
    """Return a note on the share of the layer, from 0 to 1, that one pattern stands for."""
    what = "variance over the places" if centred else "sum of squared activations"
    return Note("first_component", f"This pattern holds {percent(share, 0)} of the layer's {what}.", {"share": share})
