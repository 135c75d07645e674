"""Attention methods beside what Keras' own layers say of their attention, the tape, and numbers done on paper."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from kinds import CLASSES, KINDS, MoreTokens, attended, fixed, patches_of
from told_attention import Told, image

import cnnviz_widgets as cnnviz
from cnnviz_widgets import AttentionRollout, GradientWeightedRollout, Network, RawAttention, compute
from cnnviz_widgets.methods.attention_rollout import rolled_out, without_smallest

ROLLOUTS = (AttentionRollout, GradientWeightedRollout)


def opened(model):
    return Network(model, value_range=(0, 1))


SERVED = pytest.mark.parametrize(
    ("name", "blocks", "before", "read"),
    [
        ("vision_transformer", ("block1", "block2"), 0, slice(None)),
        ("vision_transformer_with_a_class_token", ("block1", "block2"), 1, [0]),
        ("vision_transformer_with_registers_at_both_ends", ("block1",), 2, slice(None)),
    ],
    ids=["none", "class token", "registers"],
)


def on_grid(rows, before, read):
    """The mean of the rows of the tokens that are read, over the image's 4 x 4 tokens."""
    return rows[read].mean(axis=0)[before : before + 16].reshape(4, 4)


# ---- The network's attention


@SERVED
def test_the_matrices_are_those_that_keras_gives(name, blocks, before, read):
    network = opened(KINDS[name].build())
    paths = [f"attention in {block}_attention" for block in blocks]
    assert [info.path for info in network.attentions] == paths
    for found, expected in zip(network.attention(image(), *paths), Told(name, blocks).scores, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@SERVED
def test_the_gradient_at_the_matrices_is_the_tape_s(name, blocks, before, read):
    network = opened(KINDS[name].build())
    for info, expected in zip(network.attentions, Told(name, blocks).gradients, strict=True):
        _, found = network.layer_gradient(image(), 2, info.path)
        assert np.abs(expected).max() > 1e-4
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_a_batch_has_matrices_for_each_image():
    network = opened(KINDS["vision_transformer"].build())
    path = network.attentions[0].path
    (both,) = network.attention(np.stack([image(0), image(1)]), path)
    for seed in (0, 1):
        np.testing.assert_allclose(both[seed], network.attention(image(seed), path)[0], atol=1e-5)


# ---- Raw attention


@SERVED
@pytest.mark.parametrize("block", [0, -1])
def test_raw_attention_is_the_row_of_the_class_token_or_the_mean_of_rows(name, blocks, before, read, block):
    scores, network = Told(name, blocks).scores[block], opened(KINDS[name].build())
    path = network.attentions[block].path
    for heads, fused in (("mean", scores.mean(0)), ("max", scores.max(0))):
        found = compute(RawAttention(heads=heads), network, image(), layer=path)
        np.testing.assert_allclose(found.array, on_grid(fused, before, read), atol=1e-5)
    for head in (0, 1):
        found = compute(RawAttention(heads="one", head=head), network, image(), layer=path)
        np.testing.assert_allclose(found.array, on_grid(scores[head], before, read), atol=1e-5)
    found = compute(RawAttention(query="all"), network, image(), layer=path)
    np.testing.assert_allclose(found.array, on_grid(scores.mean(0), before, slice(None)), atol=1e-5)


def test_a_note_states_what_goes_to_other_tokens_than_the_image_s():
    name = "vision_transformer_with_a_class_token"
    outside = Told(name).scores[-1].mean(0)[0, 0]
    result = compute(RawAttention(), opened(KINDS[name].build()), image())
    (note,) = [note for note in result.notes if note.kind == "attention_of"]
    assert note.numbers["outside"] == pytest.approx(outside, abs=1e-5)
    assert "token 0, which has no place in the image" in note.text


def test_the_class_token_is_the_one_that_is_read_wherever_it_stands():
    picture = keras.Input((12, 12, 3))
    tokens = MoreTokens(2, 1, name="more")(patches_of(picture, None))
    tokens = attended(tokens, "block1")
    network = opened(fixed(keras.Model(picture, layers.Dense(CLASSES)(tokens[:, -1]))))
    (scores,) = network.attention(image(), "attention in block1_attention")
    found = compute(RawAttention(), network, image()).array
    np.testing.assert_allclose(found, on_grid(scores.mean(0), 2, [18]), atol=1e-5)


def test_the_mean_of_the_image_s_tokens_leaves_the_rows_of_others_out():
    picture = keras.Input((12, 12, 3))
    tokens = attended(MoreTokens(1, 0, name="more")(patches_of(picture, None)), "block1")
    pooled = layers.GlobalAveragePooling1D()(tokens[:, 1:])
    network = opened(fixed(keras.Model(picture, layers.Dense(CLASSES)(pooled))))
    (scores,) = network.attention(image(), "attention in block1_attention")
    found = compute(RawAttention(), network, image()).array
    np.testing.assert_allclose(found, on_grid(scores.mean(0), 1, slice(1, None)), atol=1e-5)


def test_a_head_that_is_not_there_is_refused():
    network = opened(KINDS["vision_transformer"].build())
    with pytest.raises(ValueError, match=r"head must be below 2, .* Received: head=2\."):
        compute(RawAttention(heads="one", head=2), network, image())


def test_the_slider_of_heads_ends_at_the_last_one():
    network = opened(KINDS["vision_transformer"].build())
    assert RawAttention.slider_ends("head", 12, network.attentions[0])[:2] == (0, 1)


# ---- Rollout


def rolled(scores, fuse=np.mean):
    """Equation 1 of Abnar and Zuidema, the last layer's matrix leftmost."""
    product = np.eye(scores[0].shape[-1])
    for matrices in scores:
        mixed = fuse(matrices, axis=0) + np.eye(len(product))
        product = np.matmul(mixed / mixed.sum(axis=-1, keepdims=True), product)
    return product


@SERVED
@pytest.mark.parametrize("heads", ["mean", "max", "min"])
def test_rollout_is_the_product_over_keras_attention_scores(name, blocks, before, read, heads):
    network, scores = opened(KINDS[name].build()), Told(name, blocks).scores
    found = compute(AttentionRollout(heads=heads), network, image()).array
    expected = on_grid(rolled(scores, getattr(np, heads)), before, read)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_rollout_of_two_tokens_is_what_one_writes_on_paper():
    first, second = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.5, 0.5]])
    # 0.5 A + 0.5 I: (0.75 0.25 / 0 1) and (0.5 0.5 / 0.25 0.75); the product of the second with the first.
    np.testing.assert_allclose(rolled_out([first, second]), [[0.375, 0.625], [0.1875, 0.8125]])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_tokens_that_attend_to_themselves_alone_roll_out_to_themselves(count):
    np.testing.assert_array_equal(rolled_out([np.eye(count)] * 3), np.eye(count))


def test_the_shares_of_all_tokens_sum_to_one():
    matrices = [np.random.default_rng(seed).uniform(0, 1, (5, 5)) for seed in range(3)]
    np.testing.assert_allclose(rolled_out(matrices).sum(axis=1), np.ones(5))


def test_the_smallest_weights_are_left_out():
    weights = np.array([[0.1, 0.9], [0.6, 0.4]])
    np.testing.assert_array_equal(without_smallest(weights, 0.5), [[0, 0.9], [0.6, 0]])
    np.testing.assert_array_equal(without_smallest(weights, 0.0), weights)


def test_with_weights_left_out_rows_are_normalised_again():
    name = "vision_transformer_with_a_class_token"
    product = np.eye(17)
    for matrices in Told(name).scores:
        weights = matrices.mean(0)
        kept = np.where(weights < np.sort(weights, axis=None)[int(0.6 * weights.size)], 0, weights)
        mixed = kept + np.eye(17)
        product = mixed / mixed.sum(axis=1, keepdims=True) @ product
    found = compute(AttentionRollout(discard=0.6), opened(KINDS[name].build()), image()).array
    np.testing.assert_allclose(found, on_grid(product, 1, [0]), atol=1e-5)


# ---- Gradient-weighted rollout


@SERVED
def test_gradient_weighted_rollout_is_the_rule_over_keras_scores_and_the_tape_s_gradients(name, blocks, before, read):
    told, network = Told(name, blocks), opened(KINDS[name].build())
    tokens = told.scores[0].shape[-1]
    relevance = np.eye(tokens)
    for scores, gradients in zip(told.scores, told.gradients, strict=True):
        relevance += np.matmul(np.clip(gradients * scores, 0, None).mean(axis=0), relevance)
    expected = on_grid(relevance - np.eye(tokens), before, read)
    found = compute(GradientWeightedRollout(), network, image(), target=2).array
    assert expected.max() > 1e-4
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


def test_targets_have_maps_of_their_own_and_a_scaled_score_of_one_layer_scales_the_map():
    network = opened(KINDS["vision_transformer_with_registers_at_both_ends"].build())
    first, second, twice = (
        compute(GradientWeightedRollout(), network, image(), target=target).array
        for target in (cnnviz.Target(0), cnnviz.Target(1), 2 * cnnviz.Target(0))
    )
    assert np.abs(first - second).max() > 1e-3 * first.max()
    np.testing.assert_allclose(twice, 2 * first, rtol=1e-4)


def test_no_relevance_where_nothing_is_read_from_attention():
    """The class token passes attention by: its own values alone make the score."""
    picture = keras.Input((12, 12, 3))
    tokens = MoreTokens(1, 0, name="more")(patches_of(picture, None))
    aside = layers.MultiHeadAttention(2, 3, name="attention", output_shape=6)(tokens, tokens)
    both = tokens[:, 0] + ops.relu(aside[:, 0] - 1e6)
    network = opened(fixed(keras.Model(picture, layers.Dense(CLASSES)(both))))
    assert not compute(GradientWeightedRollout(), network, image(), target=1).array.any()


# ---- What is refused


def convolutions_then_tokens(second):
    """Attention over 16 tokens, then `second`, a function of the tokens, and a mean."""
    picture = keras.Input((12, 12, 3))
    tokens = second(attended(patches_of(picture, None), "block1"))
    return opened(fixed(keras.Model(picture, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(tokens)))))


def fewer(tokens):
    grid = layers.MaxPooling2D(2)(layers.Reshape((4, 4, 6))(tokens))
    return attended(layers.Reshape((4, 6))(grid), "block2")


def pooled_by_attention(tokens):
    """Sequence pooling, as in the compact transformers of Hassani et al. 2021."""
    weights = ops.softmax(layers.Dense(1, name="weights")(tokens), axis=1)
    return ops.matmul(ops.transpose(weights, (0, 2, 1)), tokens)


def side_by_side(tokens):
    norm = layers.LayerNormalization()(tokens)
    ways = [layers.MultiHeadAttention(2, 3, name=name)(norm, norm) for name in ("left", "right")]
    return layers.Add()([tokens, *ways])


REFUSED = {
    "no attention": (lambda: opened(KINDS["functional"].build()), "no softmax weighs tokens"),
    "windows": (lambda: opened(KINDS["attention_in_shifted_windows"].build()), "is within windows"),
    "fewer tokens": (lambda: convolutions_then_tokens(fewer), "tokens change from .*2×16×16.* to .*2×4×4"),
    "pooled": (lambda: convolutions_then_tokens(pooled_by_attention), r"queries of .*\(1×1×16\) are others"),
    "side by side": (lambda: convolutions_then_tokens(side_by_side), "left and attention in right stand side by side"),
}


@pytest.mark.parametrize("method", ROLLOUTS)
@pytest.mark.parametrize("name", REFUSED)
def test_a_rollout_that_would_have_no_meaning_is_refused(method, name):
    build, obstacle = REFUSED[name]
    with pytest.raises(ValueError, match=f"needs self-attention among the same tokens.* Received: .*{obstacle}"):
        compute(method(), build(), image(), **({"target": 0} if "target" in method.uses else {}))


@pytest.mark.parametrize("name", ["no attention", "windows"])
def test_raw_attention_over_no_tokens_of_the_whole_image_is_refused(name):
    with pytest.raises(ValueError, match="needs a network with attention over tokens of the whole image.* Received: "):
        compute(RawAttention(), REFUSED[name][0](), image())


def test_a_layer_that_is_no_attention_is_refused():
    with pytest.raises(
        ValueError, match=r"cannot use this layer; .*attention in block2_attention\. Received: 'block1'"
    ):
        compute(RawAttention(), opened(KINDS["vision_transformer"].build()), image(), layer="block1")


@pytest.mark.parametrize("name", ["fewer tokens", "pooled", "side by side"])
def test_raw_attention_is_there_where_rollout_is_not(name):
    network = REFUSED[name][0]()
    for info in network.attentions:
        (matrices,) = network.attention(image(), info.path)
        rows, columns = info.cells
        expected = matrices.mean(axis=(0, 1)).reshape(rows, columns)
        found = compute(RawAttention(), network, image(), layer=info.path).array
        np.testing.assert_allclose(found, expected, atol=1e-5)
