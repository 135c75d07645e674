"""Tests that attention is found by what is done with it, however it is written, and that its tokens are known."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from kinds import CLASSES, KINDS, MoreTokens, attended, fixed, patches_of

from cnnviz_widgets import AttentionRollout, GradientWeightedRollout, Network, RawAttention, compute


def image():
    return np.random.default_rng(0).uniform(0, 1, (12, 12, 3)).astype("float32")


def attentions(after_patches):
    """The attentions of a network that is a function of 16 tokens, and the network."""
    picture = keras.Input((12, 12, 3))
    tokens = after_patches(patches_of(picture, None))
    model = fixed(keras.Model(picture, layers.Dense(CLASSES, activation="softmax")(ops.mean(tokens, axis=1))))
    network = Network(model, value_range=(0, 1))
    return network.attentions, network


class OwnAttention(layers.Layer):
    """Attention by matrix products, its weights in dense layers of its own."""

    def __init__(self, heads=2, **options):
        super().__init__(**options)
        self.heads, self.all, self.out = heads, layers.Dense(18, name="all"), layers.Dense(6, name="out")

    def build(self, shape):
        self.all.build(shape)
        self.out.build(shape)

    def weighing(self, values):
        """(weights (n, heads, tokens, tokens), what they weigh)."""
        tokens = values.shape[1]
        parts = ops.transpose(
            ops.reshape(self.all(values), (-1, tokens, 3, self.heads, 6 // self.heads)), (2, 0, 3, 1, 4)
        )
        return ops.softmax(ops.matmul(parts[0], ops.transpose(parts[1], (0, 1, 3, 2)))), parts[2]

    def call(self, values):
        weights, weighed = self.weighing(values)
        mixed = ops.transpose(ops.matmul(weights, weighed), (0, 2, 1, 3))
        return self.out(ops.reshape(mixed, (-1, values.shape[1], 6)))


def test_attention_by_matrix_products_is_found_with_its_numbers():
    own = OwnAttention(name="own")
    (info,), network = attentions(own)
    assert (info.path, info.output_shape, info.cells) == ("attention in own", (2, 16, 16), (4, 4))
    assert info.among_tokens
    tokens = keras.Model(network.model.input, network.model.get_layer("flat").output)(image()[None])
    np.testing.assert_allclose(network.attention(image(), info.path)[0], own.weighing(tokens)[0][0], atol=1e-5)


def test_a_rollout_is_refused_beside_attention_that_is_not_known():
    def both(tokens):
        scores = ops.exp(ops.matmul(tokens, ops.transpose(tokens, (0, 2, 1))) / 10)
        by_hand = ops.matmul(scores / ops.sum(scores, axis=-1, keepdims=True), tokens)
        return OwnAttention()(tokens + by_hand)

    (info,), network = attentions(both)
    assert not info.alone
    for method in (AttentionRollout(), GradientWeightedRollout()):
        with pytest.raises(ValueError, match="multiplied by one another elsewhere"):
            compute(method, network, image())
    assert compute(RawAttention(), network, image()).array.shape == (4, 4)  # of its layer, it is true


@pytest.mark.parametrize("method", [RawAttention(), AttentionRollout(), GradientWeightedRollout()])
def test_that_the_tokens_are_mirrored_is_told_once(method):
    picture = keras.Input((12, 12, 3))
    tokens = patches_of(layers.Lambda(lambda images: ops.flip(images, 2))(picture), None)
    scores = layers.Dense(CLASSES, activation="softmax")(ops.mean(OwnAttention()(tokens), axis=1))
    network = Network(fixed(keras.Model(picture, scores)), value_range=(0, 1))
    assert [note.kind for note in compute(method, network, image()).notes].count("mirrored_layer") == 1


def test_attention_without_an_axis_of_heads_is_one_head():
    attention = layers.Attention(use_scale=True, name="single")
    (info,), network = attentions(lambda tokens: attention([tokens, tokens]))
    assert (info.path, info.output_shape, info.heads) == ("softmax after flat", (1, 16, 16), 1)
    tokens = keras.Model(network.model.input, network.model.get_layer("flat").output)(image()[None])
    _, expected = attention([tokens, tokens], return_attention_scores=True)
    found, gradient = network.attention_gradient(image(), 0, info.path)
    np.testing.assert_allclose(network.attention(image(), info.path)[0], expected, atol=1e-5)
    assert found.shape == gradient.shape == (1, 16, 16)


@pytest.mark.parametrize("name", ["functional", "softmax_from_ops", "columns_of_a_softmax"])
def test_a_softmax_over_classes_is_none(name):
    assert Network(KINDS[name].build(), value_range=(0, 1)).attentions == ()


def test_a_softmax_over_the_classes_of_each_place_is_none():
    picture = keras.Input((12, 12, 3))
    model = keras.Model(picture, layers.Conv2D(CLASSES, 3, activation="softmax")(picture))
    assert Network(model, value_range=(0, 1)).attentions == ()


def over_channels(tokens):
    """Each channel is mixed of all channels, as in cross-covariance attention."""
    weights = ops.softmax(ops.matmul(ops.transpose(tokens, (0, 2, 1)), tokens))
    return ops.matmul(tokens, weights)


def along_rows(tokens):
    """Each row attends within itself."""
    grid = ops.reshape(tokens, (-1, 4, 4, 6))
    weights = ops.softmax(ops.matmul(grid, ops.transpose(grid, (0, 1, 3, 2))))
    return ops.reshape(ops.matmul(weights, grid), (-1, 16, 6))


def places_of_patches(tokens):
    """Each of the four places in patches of 2 x 2 attends to the same place of other patches, as in MobileViT."""
    grid = ops.transpose(ops.reshape(tokens, (-1, 2, 2, 2, 2, 6)), (0, 2, 4, 1, 3, 5))
    places = ops.reshape(grid, (-1, 4, 4, 6))
    weights = ops.softmax(ops.matmul(places, ops.transpose(places, (0, 1, 3, 2))))
    grid = ops.reshape(ops.matmul(weights, places), (-1, 2, 2, 2, 2, 6))
    return ops.reshape(ops.transpose(grid, (0, 3, 1, 4, 2, 5)), (-1, 16, 6))


@pytest.mark.parametrize("mixing", [over_channels, along_rows, places_of_patches], ids=lambda each: each.__name__)
def test_attention_over_something_else_than_all_tokens_has_no_grid(mixing):
    (info,), _ = attentions(mixing)
    assert not info.over_image
    assert not info.among_tokens


def test_fewer_keys_than_queries_stand_in_their_own_grid():
    def reduced(tokens):
        grid = layers.Conv2D(6, 2, strides=2, name="fewer")(layers.Reshape((4, 4, 6))(tokens))
        return layers.MultiHeadAttention(2, 3, name="mha")(tokens, layers.Reshape((4, 6))(grid))

    (info,), _ = attentions(reduced)
    assert (info.path, info.output_shape, info.cells, info.among_tokens) == (
        "attention in mha",
        (2, 16, 4),
        (2, 2),
        False,
    )


def test_a_layer_used_twice_has_two_attentions():
    shared = layers.MultiHeadAttention(2, 3, name="mha")
    infos, _ = attentions(lambda tokens: shared(again := shared(tokens, tokens), again))
    assert [info.path for info in infos] == ["attention in mha", "attention in mha@2"]


def test_dropout_and_a_mask_change_nothing_of_what_is_found():
    def masked(tokens):
        mask = np.tril(np.ones((1, 16, 16), bool))
        return layers.MultiHeadAttention(2, 3, dropout=0.5, name="mha")(tokens, tokens, attention_mask=mask)

    (info,), network = attentions(masked)
    assert (info.path, info.cells) == ("attention in mha", (4, 4))
    assert not np.triu(network.attention(image(), info.path)[0].mean(axis=0), 1).any()


def test_attention_is_in_the_order_of_execution_and_found_by_its_path():
    infos, network = attentions(lambda tokens: attended(attended(MoreTokens(1, 2, name="more")(tokens), "a"), "b"))
    assert [info.path for info in infos] == ["attention in a_attention", "attention in b_attention"]
    assert {(info.output_shape, info.cells, info.before) for info in infos} == {((2, 19, 19), (4, 4), 1)}
    assert network.layer("attention in b_attention") == infos[1]


def test_the_numbers_stay_those_of_the_randomised_network():
    infos, network = attentions(lambda tokens: attended(tokens, "block"))
    shuffled = network.randomised(9)
    before, after = (each.attention(image(), infos[0].path)[0] for each in (network, shuffled))
    assert np.abs(before - after).max() > 1e-3
