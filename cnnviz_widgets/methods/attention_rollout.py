"""Attention rollout: the attention of all layers of a transformer, multiplied, down to the parts of the image.

Abnar, Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, section 3, equation 1 (arXiv:2005.00928): in
each layer half of a token comes from itself, by the connection around the attention, and half from where it attends.

We differ in two points: the largest or the smallest weight of any head may stand for their mean, and the smallest
weights of each layer may be left out, both as in Gildenblat's vit-explain
(https://github.com/jacobgil/vit-explain). Rows are normalised after that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.maps.attention import (
    FUSED_HEADS,
    about_all_layers,
    about_tokens,
    attentions_behind,
    on_cells,
    tokens_of_score,
)

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class AttentionRollout(Method):
    """The share of each part of the image in the class token, if tokens were only mixed as attention says.

    (rows, columns) of the grid of tokens; shares, from 0 to 1. The shares of all tokens sum to 1: those of class and
    register tokens are not in the map, and a note states them. Where there is no class token, the map is the mean over
    the tokens from which the score is read. It says nothing about a class: values, signs and dense layers do not count.
    """

    title = "Attention rollout"
    family = "attention"
    summary = "Share of each part of the image in what attention, layer upon layer, brings to the end."
    paper = "Abnar & Zuidema 2020, arXiv:2005.00928"
    uses: ClassVar[tuple[str, ...]] = ("image",)
    leads = True

    heads: str = choice(
        "mean",
        {
            "mean": "The mean over the heads, as in the paper.",
            "max": "The largest of any head.",
            "min": "The smallest of any head.",
        },
        help="Fusion of a layer's heads into one matrix.",
    )
    discard: float = slider(
        0.0,
        0,
        0.95,
        step=0.05,
        unit="of weights",
        help="Share of each layer's weights, the smallest, that is left out.",
    )

    @classmethod
    def suits(cls, network: "Network") -> bool:
        """Return True for a network with attention."""
        return bool(network.attentions)

    def run(self, network: "Network", image: InputImage) -> Iterator[Result]:
        """Yield one result, (rows, columns). Raises ValueError where the same tokens do not stay in all layers."""
        infos = attentions_behind(network, self.title, None)
        last, matrices = infos[-1], network.attention(image, *(info.path for info in infos))
        rows = tokens_of_score(network, image, None, last)
        fused = [without_smallest(FUSED_HEADS[self.heads](each, axis=0), self.discard) for each in matrices]
        shares = rolled_out(fused)[rows].mean(axis=0)
        notes = (*about_tokens(last, rows, shares), *about_all_layers(last))
        yield Result(on_cells(shares, last), signed=False, unit="share", notes=notes)


def rolled_out(matrices: list[np.ndarray]) -> np.ndarray:
    """Return the product of attention matrices (tokens, tokens), of the first layer to the last, in double precision.

    Row i are the shares of the tokens that went in, in token i that comes out.
    """
    product = np.eye(len(matrices[0]))
    for weights in matrices:
        mixed = 0.5 * weights.astype(np.float64) + 0.5 * np.eye(len(weights))
        product = (mixed / mixed.sum(axis=1, keepdims=True)) @ product  # eq. 1
    return product


def without_smallest(weights: np.ndarray, share: float) -> np.ndarray:
    """Return the weights (queries, keys) with a share of them, the smallest, set to zero."""
    kept = weights.ravel().copy()
    kept[np.argsort(kept, kind="stable")[: int(share * kept.size)]] = 0
    return kept.reshape(weights.shape)
