"""Ablation-CAM: channels weighted by how much the score drops without each; no gradient.

Desai, Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization",
WACV 2020, section 3 (doi:10.1109/WACV45572.2020.9093360).

We differ in one point: the paper divides a drop by the score, which inverts the map where the score is negative; we
divide by its absolute value, and a note says so. A score of zero is refused.
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
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.cams import by_variance, finished
from cnnviz_widgets.words import number

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# Copies of the layer in one batch: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 16


@register
@dataclass(frozen=True)
class AblationCAM(Method):
    """The sum of the layer's channels, each weighted by the share of the score that is lost when it is set to zero.

    (rows, columns) of the layer's grid; activation units; never negative with the final ReLU, and without it negative
    where the layer lowers the score. The channels that vary most over the places come first.
    """

    title = "Ablation-CAM"
    family = "class activation map"
    summary = "Channels of a layer, weighted by how much the score drops without each."
    paper = "Desai & Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360"
    uses: ClassVar[tuple[str, ...]] = ("image", "target", "layer")
    fuses_layers = True

    final_relu: bool = switch(True, help="Keep only what speaks for the target, as in the paper.")

    def run(self, network: "Network", image: InputImage, target: Target, layer: str) -> Iterator[Result]:
        """Yield the map of the channels so far, (rows, columns), after every batch.

        Raises ValueError for a score of zero.
        """
        activations = network.activations(image, layer)
        (score,) = network.scores_behind(image, target, layer, activations[np.newaxis])
        if score == 0:
            raise ValueError("Ablation-CAM divides by the score, which must not be zero. Received: a score of 0.")
        notes = (negative_score(float(score)),) if score < 0 else ()
        cam, order = np.zeros(activations.shape[:2]), by_variance(activations)
        for begin in range(0, len(order), BATCH):
            channels = order[begin : begin + BATCH]
            scores = network.scores_behind(image, target, layer, without_each(activations, channels))
            weights = (score - scores) / abs(score)
            cam += activations[..., channels] @ weights
            progress = (begin + len(channels)) / len(order)
            yield finished(cam.copy(), layer, self.final_relu, "activation", notes, progress)


def without_each(activations: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Return a copy of `activations` for each of n `channels`, with that channel set to zero.

    `activations` is (rows, columns, channels), `channels` (n,) indices; the copies are (n, rows, columns, channels).
    """
    copies = np.repeat(activations[np.newaxis], len(channels), axis=0)
    copies[np.arange(len(channels)), ..., channels] = 0
    return copies


def negative_score(score: float) -> Note:
    """Return a note that the paper's formula would invert the map."""
    sentence = (
        f"The score is negative, {number(score)}: drops are divided by its absolute value, so that high stays high."
    )
    return Note("negative_score", sentence, {"score": score})
