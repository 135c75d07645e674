"""The rules that share a unit's relevance out among its contributions.

Unit j is z_j = sum_i c_ij + b_j, with the contributions c_ij = x_i w_ij. A rule gives the multiple of each positive and
of each negative contribution that goes back to i. `own` and `opposed` are the sums of the contributions that have the
sign of z_j and of those that do not; `b_own` and `b_opposed` likewise, one of them zero.

Epsilon and alpha-beta: Bach et al. 2015 (doi:10.1371/journal.pone.0130140), equations 58 and 60. Gamma: Montavon et al.
2019 (doi:10.1007/978-3-030-28954-6_10), section 10.2. z-plus: Montavon et al. 2017 (arXiv:1512.02479), section 4. Flat:
Kohlbrenner et al. 2020 (arXiv:1910.09840), section 2.

The papers write "positive" where we say "of the sign of z_j". Behind a ReLU that is the same, because a unit that is
not positive has no relevance there. It differs for units without a ReLU (a linear bottleneck, a logit below zero):
there our version loses no relevance and divides by no vanishing number.
"""

from collections.abc import Mapping

import tensorflow as tf

# The rule of each choice in each kind of layer. A "sum" is a skip, an average, or a scale and shift that belongs to no
# layer: nothing there calls for an alpha above 1.
PLACES = ("first", "convolution", "dense", "sum")
RULES: dict[str, dict[str, str]] = {
    "composite": dict(zip(PLACES, ("flat", "gamma", "epsilon", "gamma"), strict=True)),
    "epsilon": dict.fromkeys(PLACES, "epsilon"),
    "gamma": dict.fromkeys(PLACES, "gamma"),
    "alpha-beta": dict.fromkeys(PLACES, "alpha-beta") | {"sum": "z-plus"},
    "z-plus": dict.fromkeys(PLACES, "z-plus"),
}


class Unit:
    """The input of a rule, tensors of one shape: the outputs and their contributions, sorted by sign."""

    z: tf.Tensor
    up: tf.Tensor
    own: tf.Tensor
    opposed: tf.Tensor
    b_own: tf.Tensor
    b_opposed: tf.Tensor

    def __init__(self, z: tf.Tensor, positive: tf.Tensor, negative: tf.Tensor, bias: tf.Tensor):
        self.z, self.up = z, z >= 0
        self.own, self.opposed = self._sorted(positive, negative)
        self.b_own, self.b_opposed = self._sorted(tf.nn.relu(bias), tf.minimum(bias, 0.0))

    def _sorted(self, positive, negative):
        return tf.where(self.up, positive, negative), tf.where(self.up, negative, positive)


def gamma(unit: Unit, relevance: tf.Tensor, knobs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Return (multiple of the own contributions, of the opposed): own ones count 1 + gamma times."""
    rate = tf.math.divide_no_nan(relevance, unit.z + knobs["gamma"] * (unit.own + unit.b_own))
    return (1 + knobs["gamma"]) * rate, rate


def alpha_beta(unit: Unit, relevance: tf.Tensor, knobs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Return (multiple of the own contributions, of the opposed).

    Own ones receive alpha times the relevance, opposed ones minus beta times it; where nothing is opposed, alpha is 1.
    """
    opposed = unit.opposed + unit.b_opposed
    beta = tf.where(opposed == 0, tf.zeros_like(opposed), knobs["alpha"] - 1)
    own_rate = tf.math.divide_no_nan((1 + beta) * relevance, unit.own + unit.b_own)
    return own_rate, -tf.math.divide_no_nan(beta * relevance, opposed)


def z_plus(unit: Unit, relevance: tf.Tensor, knobs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Return (multiple of the own contributions, of the opposed): own ones receive all, in proportion."""
    rate = tf.math.divide_no_nan(relevance, unit.own + unit.b_own)
    return rate, tf.zeros_like(rate)


SORTED = {"gamma": gamma, "alpha-beta": alpha_beta, "z-plus": z_plus}


def epsilon(z: tf.Tensor, relevance: tf.Tensor, knobs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Return the multiple of every contribution; epsilon is in units of the root mean square of z over one image."""
    size = tf.sqrt(tf.reduce_mean(z**2, axis=list(range(1, z.shape.rank)), keepdims=True))
    stabiliser = knobs["epsilon"] * tf.where(z >= 0, size, -size)
    return tf.math.divide_no_nan(relevance, z + stabiliser)
