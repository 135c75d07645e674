"""Attention of transformers: rollouts done on paper, and beside what Keras and the tape tell of the same network."""

import numpy as np
from kinds import KINDS
from told_attention import Told, image

from cnnviz_widgets.maps.attention import on_cells, tokens_of_score
from cnnviz_widgets.methods.attention_rollout import AttentionRollout, rolled_out
from cnnviz_widgets.methods.gradient_weighted_rollout import GradientWeightedRollout
from cnnviz_widgets.methods.raw_attention import RawAttention
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute
from properties.framework import Bug, assert_close, holds

CLASS_TOKEN, ALL_TOKENS = "vision_transformer_with_a_class_token", "vision_transformer"
BESIDE_IMAGE = Bug("the class token counts as the image's first", on_cells, "info.before : info.before + ", " : ")
EVERY_ROW = Bug("all tokens are asked, not the class token", tokens_of_score, "rows if rows.size", "rows if False")


def of(method, name, **asked):
    """The map of a method on a kind of transformer."""
    return compute(method, Network(KINDS[name].build(), value_range=(0, 1)), image(), **asked).array


@holds(
    36,
    "A rollout of two tokens in two layers is what one writes on paper; tokens that attend to themselves alone stay.",
    1e-12,
    "Abnar & Zuidema 2020, equation 1",
    [
        Bug("the first layer comes last", rolled_out, "for weights in matrices", "for weights in matrices[::-1]"),
        Bug("the way around the attention is forgotten", rolled_out, "+ 0.5 * np.eye(len(weights))", "+ 0"),
        Bug("columns are normalised, not rows", rolled_out, "axis=1", "axis=0"),
    ],
)
def rollout_on_paper(tolerance):
    first, second = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.5, 0.5]])
    assert_close(rolled_out([first, second]), [[0.375, 0.625], [0.1875, 0.8125]], tolerance)
    assert_close(rolled_out([np.eye(3)] * 4), np.eye(3), tolerance)


@holds(
    37,
    "Raw attention and rollout of a transformer are the class token's row of the scores that Keras gives.",
    1e-5,
    "keras.layers.MultiHeadAttention",
    [
        BESIDE_IMAGE,
        EVERY_ROW,
        Bug("heads are summed", AttentionRollout.run, "(each, axis=0)", "(each, axis=0) * len(each)"),
        Bug(
            "keys are taken for queries",
            RawAttention.run,
            "self._fused(matrices)[rows]",
            "self._fused(matrices).T[rows]",
        ),
    ],
)
def attention_of_the_class_token(tolerance):
    scores = Told(CLASS_TOKEN).scores
    assert_close(of(RawAttention(), CLASS_TOKEN), scores[-1].mean(axis=0)[0, 1:].reshape(4, 4), tolerance)
    product = np.eye(17)
    for each in scores:
        product = (each.mean(axis=0) + np.eye(17)) / 2 @ product
    assert_close(of(AttentionRollout(), CLASS_TOKEN), product[0, 1:].reshape(4, 4), tolerance)


@holds(
    38,
    "Gradient-weighted rollout is the paper's rule over Keras' scores and the tape's gradients, class token or not.",
    1e-5,
    "Chefer et al. 2021, equations 5 and 6",
    [
        BESIDE_IMAGE,
        EVERY_ROW,
        Bug("what lowers the score counts too", GradientWeightedRollout.run, ", 0).mean", ", -np.inf).mean"),
        Bug(
            "only the gradient counts",
            GradientWeightedRollout.run,
            "gradient.astype(np.float64) * matrices",
            "gradient",
        ),
        Bug("layers are added, not passed through", GradientWeightedRollout.run, "raising @ relevance", "raising"),
        Bug("the identity stays", GradientWeightedRollout.run, "(relevance - np.eye(tokens))", "relevance"),
    ],
)
def rule_for_self_attention(tolerance):
    for name, tokens, read in ((CLASS_TOKEN, 17, [0]), (ALL_TOKENS, 16, slice(None))):
        told, relevance = Told(name), np.eye(tokens)
        for scores, gradients in zip(told.scores, told.gradients, strict=True):
            relevance += np.clip(scores * gradients, 0, None).mean(axis=0) @ relevance
        expected = (relevance - np.eye(tokens))[read].mean(axis=0)[-16:].reshape(4, 4)
        assert_close(of(GradientWeightedRollout(), name, target=2), expected, tolerance)
