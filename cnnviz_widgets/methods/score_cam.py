"""Score-CAM: each channel weighted by the score of the image seen through it; no gradient.

Wang, Wang, Du, Yang, Zhang, Ding, Mardziel, Hu, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural
Networks", CVPR workshops 2020, section 3, algorithm 1 (arXiv:1910.01279).

A channel, enlarged to the image and stretched to 0..1, is the mask. In the paper the mask multiplies the image as the
network takes it, whose zero is a middle grey for most networks; here what fades in is a choice. A channel that is the
same everywhere is no mask and counts as nothing, as in the authors' code. There are two versions of the weights: the
softmax over the channels of algorithm 1 (in pytorch-grad-cam, of scores as here), in which the score of the baseline
cancels, and the probability itself (the authors' code, and tf-keras-vis).
"""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.core.display import resize_map
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.maps.cams import by_variance, finished
from cnnviz_widgets.maps.masking import FILL, FILLS

# Masked images in one batch: large enough to be fast, small enough to stop within a quarter of a second.
BATCH = 16


@register
@dataclass(frozen=True)
class ScoreCAM(Method):
    """The layer's channels, each weighted by what the network says of the image seen through it alone, summed.

    (rows, columns) of the layer's grid; activation units, times a probability for weights="probability"; never
    negative, for the final ReLU is always on: behind a ReLU neither weights nor activations are negative, so it changes
    nothing. The channels that vary most over the places come first.
    """

    title = "Score-CAM"
    family = "class activation map"
    summary = "Where those channels of a layer are active through which the image alone has a high score."
    paper = "Wang et al. 2020, arXiv:1910.01279"
    uses = ("image", "target", "layer")
    fuses_layers = True

    channels: int = slider(
        0, 0, 256, help="How many channels, of those that vary most over the places; 0 takes all.", repeats=True
    )
    weights: str = choice(
        "softmax",
        {
            "softmax": "The scores, through a softmax over the channels (the paper's).",
            "probability": "The probability of the class; of a channel as target, its activation.",
        },
        help="How scores become the channels' weights.",
    )
    fill: str = choice("grey", FILL, help="What shows where a mask hides the image.")

    @classmethod
    def slider_ends(cls, name, side, layer=None):
        """The channels end below the layer's own number, which 0 stands for."""
        low, high, step = super().slider_ends(name, side, layer)
        if name == "channels" and layer is not None and layer.channels:
            high = max(1, min(high, layer.channels - 1))
        return low, high, step

    def run(self, network, image, target, layer):
        """Yield the map of the channels so far after every batch."""
        activations = network.activations(image, layer)
        varying = [channel for channel in by_variance(activations) if np.ptp(activations[..., channel]) != 0]
        if not varying:
            yield finished(np.zeros(activations.shape[:2]), layer, True, "activation", (no_mask(),))
            return
        order = varying[: self.channels or None]
        notes = left_out(len(order), len(varying))
        fill = FILLS[self.fill](image.array, network.value_range)
        scores = np.zeros(0)
        while len(scores) < len(order):
            masks = masks_of(activations[..., order[len(scores) :][:BATCH]], *image.shape[:2])[..., np.newaxis]
            seen = fill + masks * (image.array - fill)
            scores = np.append(scores, self._watch(network, seen, target))
            cam = activations[..., order[: len(scores)]] @ self._weighted(scores)
            yield finished(cam, layer, True, self._unit(target), notes, len(scores) / len(order))

    def _watch(self, network, batch, target):
        """(n,): what the weights are made of."""
        return network.scores(batch, target, of="probability" if self.weights == "probability" else "logit")

    def _weighted(self, scores):
        """(n,): the weights of the channels that have these scores."""
        if self.weights == "probability":
            return scores
        powers = np.exp(scores - scores.max())
        return powers / powers.sum()

    def _unit(self, target):
        if self.weights == "softmax":
            return "activation"
        return "probability × activation" if target.layer is None else "activation²"


def masks_of(channels, height, width):
    """(n, height, width) from 0 to 1: `channels` (rows, columns, n), laid over the image and stretched."""
    masks = np.stack([resize_map(channel, height, width) for channel in np.moveaxis(channels, -1, 0)])
    masks -= masks.min(axis=(1, 2), keepdims=True)
    high = masks.max(axis=(1, 2), keepdims=True)
    return masks / np.where(high == 0, 1, high)


def left_out(count, varying):
    """A note, in a tuple, where not all channels count that could."""
    if count == varying:
        return ()
    sentence = f"{count} of {varying} channels count, those that vary most over the places: the others are left out."
    return (Note("channels_left_out", sentence, {"count": count, "channels": varying}),)


def no_mask():
    """A note: there is nothing to look through."""
    return Note(
        "no_mask", "No channel of this layer differs from place to place, so there is no mask: the map is zero."
    )
