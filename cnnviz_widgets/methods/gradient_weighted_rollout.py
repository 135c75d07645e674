"""Gradient-weighted attention rollout: the attention that raises a class, from the score down to the image.

Chefer, Gur, Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers",
ICCV 2021, section 3: equation 5, the mean over the heads of what is positive in the gradient times the attention, and
equation 6, the rule for self-attention (arXiv:2103.15679).

We differ in one point: the relevance R begins as the identity, which says that each token is about itself. It is taken
away again at the end. For a class token this changes nothing in the map; over several tokens a mean of it would be
a floor, the same in all cells, that is no relevance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.attention import about_all_layers, about_tokens, attentions_behind, on_cells, tokens_of_score

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network


@register
@dataclass(frozen=True)
class GradientWeightedRollout(Method):
    """The relevance that flows from each part of the image into the class token, by attention that raises the score.

    (rows, columns) of the grid of tokens; relevance, never negative: attention times the gradient of the score, with
    products of these where relevance goes through several layers. Zero where no attention that raises the score looks.
    Where there is no class token, the map is the mean over the tokens from which the score is read. Before the last
    layer is done, the map is of the layers so far.
    """

    title = "Gradient-weighted rollout"
    family = "attention"
    summary = "Parts of the image whose attention, layer upon layer, raises the score of the target."
    paper = "Chefer et al. 2021, arXiv:2103.15679"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")

    @classmethod
    def suits(cls, network: "Network") -> bool:
        """Return True for a network with attention."""
        return bool(network.attentions)

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield a result for each layer, (rows, columns).

        Raises ValueError where the same tokens do not stay in all layers.
        """
        infos = attentions_behind(network, self.title, target)
        last, tokens = infos[-1], infos[-1].output_shape[-1] or 0
        rows, relevance = tokens_of_score(network, image, target, last), np.eye(tokens)
        for done, info in enumerate(infos, start=1):
            matrices, gradient = network.attention_gradient(image, target, info.path)
            raising = np.maximum(gradient.astype(np.float64) * matrices, 0).mean(axis=0)  # eq. 5
            relevance = relevance + raising @ relevance  # eq. 6
            received = (relevance - np.eye(tokens))[rows].mean(axis=0)
            notes = (*about_tokens(last, rows), *about_all_layers(last))
            yield Result(on_cells(received, last), False, "relevance", progress=done / len(infos), notes=notes)
