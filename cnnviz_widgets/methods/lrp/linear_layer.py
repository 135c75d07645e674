"""A linear layer as the rules see it: inputs, weights, and the scale and shift behind it, in one."""

from dataclasses import dataclass

import tensorflow as tf

from cnnviz_widgets.engine.op_kinds import WEIGHTS_AT

from .operations import DENSE, again, never_negative, wide
from .propagation_rules import SORTED, Unit, epsilon


@dataclass(frozen=True)
class LinearLayer:
    """output = core(inputs, weights) + bias.

    `core` is an operation, or None where each input is multiplied with its own weight. `ways` are the places of the
    core's inputs that come from the image, and `inputs` are these. `weights` is None for sums.
    """

    core: tf.Operation | None
    ways: tuple
    inputs: tuple
    weights: tf.Tensor | float | None
    bias: tf.Tensor
    output: tf.Tensor

    @property
    def place(self):
        """ "sum", "dense" or "convolution"; one with a single cell of output is dense by another name."""
        if self.core is None or self.weights is None:
            return "sum"
        one_cell = self.output.shape.rank == 4 and tuple(self.output.shape[1:3]) == (1, 1)
        return "dense" if self.core.type in DENSE or one_cell else "convolution"

    def share(self, relevance, rule, knobs):
        """([relevance of each input], (n,) what the bias took of it)."""
        values = [wide(tensor) for tensor in self.inputs]
        if rule == "flat":
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
        # Where nothing but the bias made a unit what it is, the bias has to take its relevance, whatever the rule.
        alone = tf.where(unit.own + unit.b_own == 0, relevance, tf.zeros_like(relevance))
        return handed, _total(unit.b_own * own + unit.b_opposed * opposed + alone)

    def _pieces(self, values):
        """The pieces that add up to all positive contributions, and those that add up to the negative ones."""
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
        """(inputs, what the core makes of them), cut off from what the inputs were made of."""
        inputs = [tf.stop_gradient(values) for values in inputs]
        if self.core is None:
            return inputs, inputs[0] * weights
        given = dict(zip(self.ways, inputs, strict=True))
        if weights is not None:
            given[WEIGHTS_AT[self.core.type]] = weights
        return inputs, again(self.core, given)[0]

    @staticmethod
    def _handed(rates):
        """The relevance of each input: x_i * sum_j w_ij rate_j, over all (piece, rate); the core's gradient sums it."""
        handed = [
            [x * gradient for x, gradient in zip(inputs, tf.gradients(made, inputs, rate), strict=True)]
            for (inputs, made), rate in rates
        ]
        return [tf.add_n(shares) for shares in zip(*handed, strict=True)]


def _total(values):
    """(n,): the sum over each image."""
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))
