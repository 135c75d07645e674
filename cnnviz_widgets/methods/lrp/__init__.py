"""Layer-wise relevance propagation: the score is handed back, layer by layer, to the pixels that made it.

Bach, Binder, Montavon, Klauschen, Müller, Samek, "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by
Layer-Wise Relevance Propagation", PLOS ONE 10(7), 2015 (doi:10.1371/journal.pone.0130140): the rules "epsilon" and
"alpha-beta". Montavon, Binder, Lapuschkin, Samek, Müller, "Layer-Wise Relevance Propagation: An Overview", 2019
(doi:10.1007/978-3-030-28954-6_10): "gamma", and a rule for each kind of layer. Montavon, Lapuschkin, Binder, Samek,
Müller, "Explaining NonLinear Classification Decisions with Deep Taylor Decomposition", 2017 (arXiv:1512.02479):
"z-plus". Kohlbrenner et al., "Towards Best Practice in Explaining Neural Network Decisions with LRP", 2020
(arXiv:1910.09840): the flat rule for the first layer of "composite".

Where we differ:

- epsilon is a fraction of the root mean square of a layer's outputs, so that it means the same in every layer; the
  paper's is a plain number.
- A unit without a ReLU may be below zero and have relevance. There "positive" contributions are those of its own sign.
- Where nothing opposes a unit, alpha is 1: with the paper's alpha the sum would grow.
- What has no weights (skips, averages) follows the rule of the convolutions, without an alpha above 1.
- Batch normalisation belongs to the convolution or dense layer in front of it; with none there it is its own layer.
- What is done to pixels one by one before the first layer (rescaling) passes relevance as it is.
"""

from dataclasses import dataclass

from cnnviz_widgets.core.method import Method, register
from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.core.parameters import choice, slider
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.words import number

RULES = {
    "composite": "By the kind of layer: flat in a first convolution, gamma in the others, epsilon in dense layers.",
    "epsilon": "In proportion to what each input contributed; epsilon keeps small sums from mattering much.",
    "gamma": "As epsilon, but what speaks for a unit counts 1 + gamma times.",
    "alpha-beta": "Alpha times to what speaks for a unit, minus alpha - 1 times to what speaks against it.",
    "z-plus": "Only to what speaks for a unit, as if there were no biases.",
}


@register
@dataclass(frozen=True)
class LRP(Method):
    """How much of the score each pixel is given, summed over its channels, when every unit hands its share back.

    (height, width); score units; signed, positive where a pixel speaks for the target. For a network without biases the
    sum over all pixels is the score; else biases, and epsilon, keep a part of it, which the note "conservation" tells.
    The rule "epsilon" with epsilon 0 is gradient × input for a ReLU network without biases.
    """

    title = "Layer-wise relevance (LRP)"
    family = "gradient"
    summary = "How the score is shared out among the pixels when each layer hands back what it was given."
    paper = "Bach et al. 2015, doi:10.1371/journal.pone.0130140"
    uses = ("image", "target")

    rule: str = choice("composite", RULES, help="How a unit's relevance is shared out among its inputs.")
    epsilon: float = slider(
        0.01,
        0,
        1,
        step=0.01,
        unit="of rms",
        help="Added to each sum before dividing by it, as a share of the root mean square (rms) of the layer's sums; "
        "more is sparser, 0 is the rule LRP-0.",
    )
    gamma: float = slider(0.25, 0, 1, step=0.05, help="How much more counts what speaks for a unit; 0 is LRP-0.")
    alpha: float = slider(2.0, 1, 3, step=0.1, help="The weight of what speaks for a unit; beta is alpha - 1.")

    @property
    def knobs(self):
        """{name: value} of the numbers that the rules use."""
        return {"epsilon": self.epsilon, "gamma": self.gamma, "alpha": self.alpha}

    def run(self, network, image, target):
        """Yield one result. Raises ValueError for a network with operations for which there is no rule."""
        from .relevance import relevance  # which imports TensorFlow

        shares, score, to_biases = relevance(network, image, target, self.rule, **self.knobs)
        notes = (_conservation(float(score), float(shares.sum()), float(to_biases)),)
        if self.rule in ("z-plus", "alpha-beta"):
            notes += (_barely_about_the_class(self.rule),)
        yield Result(shares.sum(axis=-1), signed=True, unit="score", notes=notes)


def _conservation(score, total, biases):
    """How much of the score is in the map, and where the rest went."""
    rest = score - total - biases
    small = abs(rest) <= 1e-3 * max(abs(score), abs(total), abs(biases))
    return Note(
        "conservation",
        f"Of the score, {number(score)}, the map shares out {number(total)}; biases took {number(biases)}"
        + ("." if small else f", epsilon and padding {number(rest)}."),
        {"score": score, "sum": total, "biases": biases, "rest": rest},
    )


def _barely_about_the_class(rule):
    """A rule that tends to one map, whatever was asked."""
    return Note(
        "barely_about_the_class",
        f"Under the rule {rule} maps of different classes often differ in little but their sign (Sixt et al. 2020): "
        "they show what the first layers saw more than what the last ones made of it.",
    )
