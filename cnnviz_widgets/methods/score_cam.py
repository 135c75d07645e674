"""Score-CAM: channels weighted by the score of the image seen through each; no gradient.

Wang, Wang, Du, Yang, Zhang, Ding, Mardziel, Hu, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural
Networks", CVPR workshops 2020, section 3, algorithm 1 (arXiv:1910.01279).

A channel, enlarged to the image and stretched to 0..1, is the mask. In the paper the mask multiplies the image as the
network takes it, whose zero is a middle grey for most networks; here the fill is a choice. A channel that is the same
everywhere is no mask and counts as nothing, as in the authors' code. There are two versions of the weights: the softmax
over the channels of algorithm 1 (of scores, as in pytorch-grad-cam), in which the score of the baseline cancels, and
the probability itself (as in the authors' code and tf-keras-vis). Masks are enlarged with the middle of each cell over
the middle of its part of the image; pytorch-grad-cam enlarges with the corners aligned, which gives other masks, most
of all for small grids, and it counts channels that are the same everywhere in its softmax.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.cams import by_variance, finished
from cnnviz_widgets.maps.masking import FILL, FILLS

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# Masked images in one batch: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 16


@register
@dataclass(frozen=True)
class ScoreCAM(Method):
    """The sum of the layer's channels, each weighted by the network's answer to the image seen through it alone.

    (rows, columns) of the layer's grid; activation units, times a probability for weights="probability"; never
    negative, because the final ReLU is always on: behind a ReLU neither weights nor activations are negative, so it
    changes nothing. The channels that vary most over the places come first.
    """

    title = "Score-CAM"
    family = "class activation map"
    summary = "Channels of a layer, weighted by the score of the image seen through each alone."
    paper = "Wang et al. 2020, arXiv:1910.01279"
    uses: ClassVar[tuple[str, ...]] = ("image", "target", "layer")
    fuses_layers = True

    channels: int = slider(
        0, 0, 256, help="Number of channels, beginning with those that vary most; 0 takes all.", repeats=True
    )
    weights: str = choice(
        "softmax",
        {
            "softmax": "The scores, through a softmax over the channels (the paper's).",
            "probability": "The probability of the class; for a channel as target, its activation.",
        },
        help="Conversion of scores to the channels' weights.",
    )
    fill: str = choice("grey", FILL, help="Fill where a mask hides the image.")

    @classmethod
    def slider_ends(cls, name: str, side: int, layer: LayerInfo | None = None) -> tuple[float, float, float]:
        """Return (lowest, highest, step); the slider of channels ends below the layer's number, which 0 stands for."""
        low, high, step = super().slider_ends(name, side, layer)
        if name == "channels" and layer is not None and layer.channels:
            high = max(1, min(high, layer.channels - 1))
        return low, high, step

    def run(self, network: "Network", image: InputImage, target: Target, layer: str) -> Iterator[Result]:
        """Yield the map of the channels so far, (rows, columns), after every batch."""
        activations = network.activations(image, layer)
        varying = [channel for channel in by_variance(activations) if np.ptp(activations[..., channel]) != 0]
        if not varying:
            yield finished(np.zeros(activations.shape[:2]), layer, True, "activation", (no_mask(),))
            return
        order = varying[: self.channels or None]
        notes = channels_left_out(len(order), len(varying))
        fill = FILLS[self.fill](image.array, network.value_range)
        scores = np.zeros(0)
        while len(scores) < len(order):
            masks = masks_of(activations[..., order[len(scores) :][:BATCH]], *image.shape[:2])[..., np.newaxis]
            seen = fill + masks * (image.array - fill)
            scores = np.append(scores, self._watch(network, seen, target))
            cam = activations[..., order[: len(scores)]] @ self._weighted(scores)
            yield finished(cam, layer, True, self._unit(target), notes, len(scores) / len(order))

    def _watch(self, network: "Network", batch: np.ndarray, target: Target) -> np.ndarray:
        """Return the scores (n,) that the weights are made of."""
        return network.scores(batch, target, of="probability" if self.weights == "probability" else "logit")

    def _weighted(self, scores: np.ndarray) -> np.ndarray:
        """Return the weights (n,) of channels with these scores (n,)."""
        if self.weights == "probability":
            return scores
        powers = np.exp(scores - scores.max())
        return powers / powers.sum()

    def _unit(self, target: Target) -> str:
        if self.weights == "softmax":
            return "activation"
        return "probability × activation" if target.layer is None else "activation²"


def masks_of(channels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return masks (n, height, width) from 0 to 1: `channels` (rows, columns, n) at the image's size, stretched."""
    masks = np.stack([resize_map(channel, height, width) for channel in np.moveaxis(channels, -1, 0)])
    masks -= masks.min(axis=(1, 2), keepdims=True)
    high = masks.max(axis=(1, 2), keepdims=True)
    return masks / np.where(high == 0, 1, high)


def channels_left_out(count: int, varying: int) -> tuple[Note, ...]:
    """Return a note where only `count` of the `varying` channels are used; else ()."""
    if count == varying:
        return ()
    sentence = f"Only the {count} of {varying} channels that vary most over the places count; the others are left out."
    return (Note("channels_left_out", sentence, {"count": count, "channels": varying}),)


def no_mask() -> Note:
    """Return a note that no channel can serve as a mask."""
    return Note(
        "no_mask", "No channel of this layer differs from place to place, so there is no mask: the map is zero."
    )
