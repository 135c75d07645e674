"""A linear layer as the rules see it: inputs, weights, and the scale and shift behind it, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from cnnviz_widgets.engine.op_kinds import PRODUCTS, WEIGHTS_AT

from .operations import again, never_negative, wide
from .propagation_rules import SORTED, Unit, epsilon


@dataclass(frozen=True)
class LinearLayer:
    """A layer that computes output = core(inputs, weights) + bias.

    `core` is an operation, or None where each input is multiplied by its own weight. `inputs` are those that come from
    the image, and `ways` are their positions among the core's inputs. `weights` is None for sums. The first axis of
    `inputs` and `output` counts images.
    """

    core: tf.Operation | None
    ways: tuple[int, ...]
    inputs: tuple[tf.Tensor, ...]
    weights: Any  # a tensor, a number or None
    bias: tf.Tensor
    output: tf.Tensor

    @property
    def place(self) -> str:
        """The kind of layer: "sum", "dense" or "convolution"; a convolution with one cell of output counts as dense."""
        if self.core is None or self.weights is None:
            return "sum"
        one_cell = self.output.shape.rank == 4 and tuple(self.output.shape[1:3]) == (1, 1)
        return "dense" if self.core.type in PRODUCTS or one_cell else "convolution"

    def share(
        self, relevance: tf.Tensor, rule: str, knobs: Mapping[str, tf.Tensor]
    ) -> tuple[list[tf.Tensor], tf.Tensor | float]:
        """Return ([relevance of each input, like the inputs], the biases' part of it, (n,) or 0).

        `relevance` is like the output, `rule` one of the values of `RULES`, and `knobs` the numbers that rules use.
        """
        values = [wide(tensor) for tensor in self.inputs]
        if rule == "flat":  # of a first convolution, which has weights
            whole = self._piece([tf.ones_like(each) for each in values], tf.ones_like(self.weights))
            return self._handed([(whole, relevance / whole[1])]), 0.0
        z = wide(self.output)
        if rule == "epsilon":
            rate = epsilon(z, relevance, knobs)
            return self._handed([(self._piece(values, self.weights), rate)]), _total(self.bias * rate)
        sorts = self._pieces(values)
        above, below = (tf.add_n([piece[1] for piece in sort]) for sort in sorts)
        ignored = rule == "z-plus" and self.place != "sum"
        unit = Unit(z, above, below, tf.zeros_like(self.bias) if ignored else self.bias)
        own, opposed = SORTED[rule](unit, relevance, knobs)
        rates = tf.where(unit.up, own, opposed), tf.where(unit.up, opposed, own)
        handed = self._handed([(piece, rate) for sort, rate in zip(sorts, rates, strict=True) for piece in sort])
        # Where only the bias made a unit's value, the bias has to take its relevance, whatever the rule.
        alone = tf.where(unit.own + unit.b_own == 0, relevance, tf.zeros_like(relevance))
        return handed, _total(unit.b_own * own + unit.b_opposed * opposed + alone)

    def _pieces(self, values):
        """Return the pieces that add up to all positive contributions, and those that add up to the negative ones."""
        above, below = [tf.nn.relu(each) for each in values], [tf.minimum(each, 0) for each in values]
        if self.weights is None:
            return [self._piece(above)], [self._piece(below)]
        excites, inhibits = tf.nn.relu(self.weights), tf.minimum(self.weights, 0)
        up, down = [self._piece(above, excites)], [self._piece(above, inhibits)]
        if not all(never_negative(tensor) for tensor in self.inputs):
            up.append(self._piece(below, inhibits))
            down.append(self._piece(below, excites))
        return up, down

    def _piece(self, inputs, weights=None):
        """Return (inputs, the core's output for them), with no gradient to whatever the inputs were made of."""
        inputs = [tf.stop_gradient(values) for values in inputs]
        if self.core is None:
            return inputs, inputs[0] * weights
        given = dict(zip(self.ways, inputs, strict=True))
        if weights is not None:
            given[WEIGHTS_AT[self.core.type]] = weights
        return inputs, again(self.core, given)[0]

    @staticmethod
    def _handed(rates):
        """Return each input's relevance, x_i * sum_j w_ij rate_j over all (piece, rate), by the core's gradient."""
        handed = [
            [x * gradient for x, gradient in zip(inputs, tf.gradients(made, inputs, rate), strict=True)]
            for (inputs, made), rate in rates
        ]
        return [tf.add_n(shares) for shares in zip(*handed, strict=True)]


def _total(values):
    """Return the sum over each image, (n,)."""
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))
