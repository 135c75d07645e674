"""Raw attention: the weights that a layer of a vision transformer gives to the parts of the image.

Vaswani et al., "Attention Is All You Need", 2017, equation 1 (arXiv:1706.03762): softmax(Q K' / sqrt(d)). As maps over
the image: Dosovitskiy et al., "An Image is Worth 16x16 Words", 2020 (arXiv:2010.11929); of the class token, head by
head: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", 2021, figure 1 (arXiv:2104.14294).

Which token is the class token is not guessed from its place: it is the one from which the score is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.layer import AttentionInfo, LayerInfo
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.attention import (
    FUSED_HEADS,
    NO_ATTENTION,
    about_tokens,
    on_cells,
    same_tokens,
    tokens_of_score,
)

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class RawAttention(Method):
    """The weights with which a layer's attention mixes the tokens of the image into the class token, or into all.

    (rows, columns) of the grid of tokens; attention, from 0 to 1. With the mean over the heads, or one of them, the
    weights of all tokens sum to 1: what goes to class and register tokens is not in the map, and a note states it. The
    weights show what is mixed in one layer. They say nothing about a class, nor of how it came into these tokens.
    """

    title = "Raw attention"
    family = "attention"
    summary = "Weights with which a layer of a transformer looks at the parts of the image."
    paper = "Vaswani et al. 2017, arXiv:1706.03762; Caron et al. 2021, arXiv:2104.14294"
    uses: ClassVar[tuple[str, ...]] = ("image", "layer")

    heads: str = choice(
        "mean",
        {
            "mean": "The mean over the heads.",
            "max": "The largest of any head.",
            "one": "One head, chosen below.",
        },
        help="Heads of the layer that are shown.",
    )
    head: int = slider(0, 0, 15, help="The head that heads='one' shows.")
    query: str = choice(
        "score",
        {
            "score": "The tokens from which the score is read: the class token, or all over which a mean is taken.",
            "all": "All tokens, as their mean.",
        },
        help="Tokens whose attention is shown.",
    )

    @classmethod
    def suits(cls, network: "Network") -> bool:
        """Return True for a network with attention."""
        return bool(network.attentions)

    def run(self, network: "Network", image: InputImage, layer: str) -> Iterator[Result]:
        """Yield one result, (rows, columns). Raises ValueError for a `head` that the layer does not have."""
        info = next(info for info in network.attentions if info.path == layer)
        (matrices,) = network.attention(image, layer)
        rows = self._rows(network, image, info)
        shares = self._fused(matrices)[rows].mean(axis=0)
        notes = about_tokens(info, rows, None if self.heads == "max" else shares)
        yield Result(on_cells(shares, info), signed=False, unit="attention", notes=notes)

    def _fused(self, matrices: np.ndarray) -> np.ndarray:
        """Return (queries, keys) from the matrices (heads, queries, keys)."""
        if self.heads != "one":
            return FUSED_HEADS[self.heads](matrices, axis=0)
        if self.head >= len(matrices):
            raise ValueError(
                f"head must be below {len(matrices)}, the number of heads of this layer. Received: head={self.head}."
            )
        return matrices[self.head]

    def _rows(self, network: "Network", image: InputImage, info: AttentionInfo) -> np.ndarray:
        """Return the numbers of the queries that are shown; all of them where the score is read from other tokens."""
        read_by = [each for each in network.attentions if network.is_behind(each.path)]
        if self.query == "score" and read_by and (read_by[-1] == info or same_tokens(read_by[-1], info)):
            return tokens_of_score(network, image, None, read_by[-1])
        return np.arange(info.output_shape[1] or 0)

    @classmethod
    def layers(cls, network: "Network") -> Sequence[LayerInfo]:
        """Return the attentions over tokens of the whole image."""
        return tuple(info for info in network.attentions if info.over_image)

    @classmethod
    def default_layer(cls, network: "Network", target: Target | None = None) -> str:
        """Return the path of the last attention on the way to the score. Raises ValueError where there is none."""
        usable = [info.path for info in cls.layers(network) if network.is_behind(info.path, target)]
        if not usable:
            within = "whose attention is within windows, or over something else than the image's tokens"
            raise ValueError(
                f"{cls.title} needs a network with attention over tokens of the whole image, as vision transformers "
                f"have. Received: {network.name}, {within if network.attentions else NO_ATTENTION}."
            )
        return usable[-1]

    @classmethod
    def slider_ends(cls, name: str, side: int, layer: LayerInfo | None = None) -> tuple[float, float, float]:
        """Return (lowest, highest, step); the slider of heads ends at the layer's last one."""
        low, high, step = super().slider_ends(name, side, layer)
        if name == "head" and isinstance(layer, AttentionInfo):
            high = layer.heads - 1
        return low, high, step
