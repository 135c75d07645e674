"""Layer-wise relevance propagation (LRP): the score, handed back layer by layer to the pixels that made it.

Bach, Binder, Montavon, Klauschen, Müller, Samek, "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by
Layer-Wise Relevance Propagation", PLOS ONE 10(7), 2015 (doi:10.1371/journal.pone.0130140): the rules "epsilon" and
"alpha-beta". Montavon, Binder, Lapuschkin, Samek, Müller, "Layer-Wise Relevance Propagation: An Overview", 2019
(doi:10.1007/978-3-030-28954-6_10): "gamma", and a rule for each kind of layer. Montavon, Lapuschkin, Binder, Samek,
Müller, "Explaining NonLinear Classification Decisions with Deep Taylor Decomposition", 2017 (arXiv:1512.02479):
"z-plus". Kohlbrenner et al., "Towards Best Practice in Explaining Neural Network Decisions with LRP", 2020
(arXiv:1910.09840): the flat rule for the first layer of "composite".

Where we differ:

- Epsilon is a fraction of the root mean square of a layer's outputs, so that it means the same in every layer; the
  paper's is a plain number.
- A unit without a ReLU may be below zero and have relevance. There "positive" contributions are those of its own sign.
- Where nothing opposes a unit, alpha is 1: with the paper's alpha the sum would grow.
- Operations without weights (skips, averages) follow the rule of the convolutions, without an alpha above 1.
- Batch normalisation belongs to the convolution or dense layer in front of it; without one, it is its own layer.
- Operations on single pixels before the first layer (rescaling) pass relevance on unchanged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.words import number

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

RULES = {
    "composite": "By the kind of layer: flat in the first convolution, gamma in the others, epsilon in dense layers.",
    "epsilon": "In proportion to each input's contribution; epsilon keeps small sums from mattering much.",
    "gamma": "As with epsilon, but contributions that speak for a unit count 1 + gamma times.",
    "alpha-beta": "Alpha times to what speaks for a unit, minus alpha - 1 times to what speaks against it.",
    "z-plus": "Only to what speaks for a unit, as if there were no biases.",
}


@register
@dataclass(frozen=True)
class LRP(Method):
    """The share of the score that each pixel receives, summed over its channels, when every unit hands its share back.

    (height, width); score units; signed, positive where a pixel speaks for the target. For a network without biases the
    sum over all pixels is the score; otherwise biases and epsilon keep a part of it, which the note "conservation"
    states. The rule "epsilon" with epsilon 0 is gradient × input for a ReLU network without biases.
    """

    title = "Layer-wise relevance (LRP)"
    family = "gradient"
    summary = "The score, handed back layer by layer and shared out among the pixels."
    paper = "Bach et al. 2015, doi:10.1371/journal.pone.0130140"
    uses: ClassVar[tuple[str, ...]] = ("image", "target")
    needs_slope = "behind"

    rule: str = choice("composite", RULES, help="Rule that shares a unit's relevance out among its inputs.")
    epsilon: float = slider(
        0.01,
        0,
        1,
        step=0.01,
        unit="of rms",
        help="Number added to each sum before dividing by it, as a share of the root mean square (rms) of the layer's "
        "sums; more is sparser, 0 is the rule LRP-0.",
    )
    gamma: float = slider(0.25, 0, 1, step=0.05, help="Extra weight of what speaks for a unit; 0 is LRP-0.")
    alpha: float = slider(2.0, 1, 3, step=0.1, help="Weight of what speaks for a unit; beta is alpha - 1.")

    @property
    def knobs(self) -> dict[str, float]:
        """The numbers that the rules use: {"epsilon": share of the rms, "gamma": factor, "alpha": factor}."""
        return {"epsilon": self.epsilon, "gamma": self.gamma, "alpha": self.alpha}

    def run(self, network: "Network", image: InputImage, target: Target) -> Iterator[Result]:
        """Yield one result, (height, width). Raises ValueError for a network with an operation that has no rule."""
        from .relevance import relevance  # which imports TensorFlow

        shares, score, to_biases = relevance(network, image, target, self.rule, **self.knobs)
        notes = (_conservation(float(score), float(shares.sum()), float(to_biases)),)
        if self.rule in ("z-plus", "alpha-beta"):
            notes += (_barely_about_the_class(self.rule),)
        yield Result(shares.sum(axis=-1), signed=True, unit="score", notes=notes)


def _conservation(score: float, total: float, biases: float) -> Note:
    """Return a note on the part of the score in the map, and on the rest."""
    rest = score - total - biases
    small = abs(rest) <= 1e-3 * max(abs(score), abs(total), abs(biases))
    return Note(
        "conservation",
        f"The map shares out {number(total)} of the score of {number(score)}; biases took {number(biases)}"
        + ("." if small else f", epsilon and padding {number(rest)}."),
        {"score": score, "sum": total, "biases": biases, "rest": rest},
    )


def _barely_about_the_class(rule: str) -> Note:
    """Return a note that this rule tends to one map, whatever the class."""
    return Note(
        "barely_about_the_class",
        f"With the rule {rule}, maps of different classes often differ in little but their sign (Sixt et al. 2020): "
        "they show what the first layers saw more than what the last ones made of it.",
    )
