"""Relatives of Grad-CAM with a gradient, and Eigen-CAM: numbers on paper, identities, formulas by another route."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import KINDS, Probe

from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.eigen_cam import EigenCAM, first_component
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.grad_cam_plus_plus import GradCAMPlusPlus
from cnnviz_widgets.methods.hires_cam import HiResCAM
from cnnviz_widgets.methods.layer_cam import LayerCAM
from cnnviz_widgets.methods.x_grad_cam import XGradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute

# The maps of the worked example.
MAP_0, MAP_1 = np.array([[45, 54], [81, 90]]), -np.array([[5, 6], [9, 10]])
BY_GRADIENT = [GradCAM, HiResCAM, XGradCAM, LayerCAM, GradCAMPlusPlus]


def found(method, network, image, target=0, layer="maps"):
    return compute(method, network, image, target=target, layer=layer).array


def notes_of(method, network, image, target=0, layer="maps"):
    return {note.kind: note for note in compute(method, network, image, target=target, layer=layer).notes}


# ---- On paper


def test_hires_cam_on_paper(worked):
    products = [[45 * 1, 54 * 2 + -6 * -4], [81 * 3, 90 * 4]]
    assert found(HiResCAM(), *worked).tolist() == products
    assert found(HiResCAM(final_relu=False), *worked, target=1).tolist() == (-np.array(products)).tolist()


def test_layer_cam_on_paper(worked):
    assert found(LayerCAM(), *worked).tolist() == [[45 * 1, 54 * 2], [81 * 3, 90 * 4]]
    # For score 1 only the -(-4) is positive, where map 1 is -6: nothing that speaks for it.
    assert found(LayerCAM(), *worked, target=1).tolist() == [[0, 0], [0, 0]]
    assert "nothing_positive" in notes_of(LayerCAM(), *worked, target=1)


def test_x_grad_cam_on_paper(worked):
    # Weights: (45 + 108 + 243 + 360) / 270 = 2.8 and (-6 * -4) / -30 = -0.8.
    expected = 2.8 * MAP_0 - 0.8 * MAP_1
    assert expected[0, 0] == pytest.approx(130)
    assert found(XGradCAM(), *worked) == pytest.approx(expected, rel=1e-6)
    assert found(XGradCAM(final_relu=False), *worked, target=1) == pytest.approx(-expected, rel=1e-6)


def test_grad_cam_plus_plus_on_paper(worked):
    # Map 0 sums to 270: alpha is 1 / (2 + 270 g). Map 1 has no positive gradient.
    weight = 1 / 272 + 2 / 542 + 3 / 812 + 4 / 1082
    assert found(GradCAMPlusPlus(), *worked) == pytest.approx(weight * MAP_0, rel=1e-6)
    assert "alpha_strayed" not in notes_of(GradCAMPlusPlus(), *worked)


def test_an_alpha_that_a_negative_sum_turns_round_is_pointed_out(worked):
    # Map 1 sums to -30, its gradient for score 1 is 4 at one place: alpha is 1 / (2 - 120).
    assert found(GradCAMPlusPlus(), *worked, target=1) == pytest.approx(4 / -118 * MAP_1, rel=1e-6)
    assert notes_of(GradCAMPlusPlus(), *worked, target=1)["alpha_strayed"].numbers == {"count": 1, "channels": 2}


def test_eigen_cam_on_paper(worked):
    """Both maps are multiples of 5 6 / 9 10, by 9 and by -1: one pattern, with the vector (9, -1) / sqrt(82)."""
    network, image = worked
    result = compute(EigenCAM(), network, image, layer="maps")
    assert result.array == pytest.approx(-MAP_1 * np.sqrt(82), rel=1e-6)
    assert result.signed
    assert result.notes[0].numbers["share"] == pytest.approx(1)
    assert result.notes[0].text == "This pattern holds 100 % of the layer's sum of squared activations."
    centred = compute(EigenCAM(centred=True), network, image, layer="maps").array
    assert centred == pytest.approx((-MAP_1 - 7.5) * np.sqrt(82), rel=1e-6)


# ---- Identities


@pytest.mark.parametrize("index", range(5))
def test_over_global_pooling_four_methods_are_one(index, small, picture):
    """The gradient there is the same at every place, so no weighting of the places matters."""
    cells = compute(CAM(), small, picture, target=index).array
    expected = cells / cells.size
    for method in (GradCAM(final_relu=False), HiResCAM(final_relu=False), XGradCAM(final_relu=False)):
        difference = found(method, small, picture, index, "conv2") - expected
        assert np.abs(difference).max() < 1e-5 * np.abs(expected).max()
    assert found(HiResCAM(final_relu=False), small, picture, index, "conv2").sum() == pytest.approx(
        float(small.logits(picture)[index]) - small.model.get_layer("scores").bias.numpy()[index], abs=1e-5
    )


@pytest.mark.parametrize("layer", ["conv1", "relu1", "conv2"])
def test_x_grad_cam_shares_out_the_sum_of_gradient_times_activation(layer, small, picture):
    one, other = (found(method(final_relu=False), small, picture, 1, layer) for method in (XGradCAM, HiResCAM))
    assert one.sum() == pytest.approx(other.sum(), rel=1e-4)
    assert layer == "conv2" or one != pytest.approx(other, rel=1e-2)


def test_layer_cam_and_hires_cam_differ_by_what_speaks_against(small, picture):
    activations, gradient = small.layer_gradient(picture, 1, "relu1")
    against = (np.minimum(gradient, 0) * activations).sum(axis=-1)
    assert against.min() < -1e-3
    pro = found(LayerCAM(), small, picture, 1, "relu1")
    total = found(HiResCAM(final_relu=False), small, picture, 1, "relu1")
    assert pro + against == pytest.approx(total, abs=1e-6)


def test_where_gradients_are_small_grad_cam_plus_plus_weighs_by_half_their_positive_sum(picture):
    model = KINDS["functional"].build()
    scores = model.get_layer("scores")
    scores.set_weights([1e-9 * weight for weight in scores.get_weights()])  # their cubes vanish in float32
    network = Network(model, value_range=(0, 1))
    activations, gradient = network.layer_gradient(picture, 1, "relu1")
    expected = activations @ (np.maximum(gradient, 0).sum(axis=(0, 1)) / 2)
    assert expected.max() > 0
    assert found(GradCAMPlusPlus(), network, picture, 1, "relu1") == pytest.approx(expected, rel=1e-5)


def test_behind_a_relu_alpha_stays_in_its_range_and_no_signs_cancel(small, picture):
    for index in range(5):
        assert "alpha_strayed" not in notes_of(GradCAMPlusPlus(), small, picture, index, "relu1")
        assert "cancelled_activations" not in notes_of(XGradCAM(), small, picture, index, "relu1")


def test_a_channel_whose_signs_cancel_is_pointed_out_by_x_grad_cam():
    image = keras.Input((1, 2, 1))
    maps = layers.Conv2D(1, 1, use_bias=False, name="maps")(image)
    model = keras.Model(image, layers.Dense(1, use_bias=False)(layers.Flatten()(maps)))
    model.set_weights([np.ones((1, 1, 1, 1)), np.array([[1], [2]])])
    network = Network(model, value_range=(-1, 1))
    assert notes_of(XGradCAM(), network, np.array([[[1], [-0.99]]]), 0)["cancelled_activations"].numbers["count"] == 1
    balanced = compute(XGradCAM(), network, np.array([[[1], [-1]]]), target=0, layer="maps")
    assert balanced.array.tolist() == [[0, 0]]  # a sum of zero: the channel counts as nothing
    assert "cancelled_activations" in [note.kind for note in balanced.notes]


# ---- By another route: the tape's gradients on a twin, the formulas as the papers print them, in float64


def by_tape(name, image, index):
    """(activations, gradient), float64, of the layer in the middle of a kind, without any code of ours."""
    kind, probe = KINDS[name], Probe()
    twin = kind.build(None, probe)
    images = tf.constant(image.array[None])
    with tf.GradientTape() as tape:
        score = twin(images, training=False)[0, index]
    gradient = tape.gradient(score, probe.delta.value)
    before = keras.Model(twin.inputs[0], twin.get_layer(kind.middle).output)
    return np.asarray(before(images), np.float64)[0], np.asarray(gradient, np.float64)


def x_grad_cam(a, g):
    weights = [sum((a[..., k] / a[..., k].sum() * g[..., k]).ravel()) for k in range(a.shape[-1])]
    return sum(weight * a[..., k] for k, weight in enumerate(weights))


def grad_cam_plus_plus(a, g):
    below = 2 * g**2 + a.sum(axis=(0, 1)) * g**3
    alpha = np.where(g != 0, g**2 / np.where(g != 0, below, 1), 0)
    weights = (alpha * np.maximum(g, 0)).sum(axis=(0, 1))
    return np.maximum((weights * a).sum(axis=-1), 0)


FORMULAS = {
    "Grad-CAM": (GradCAM(final_relu=False), lambda a, g: (g.mean(axis=(0, 1)) * a).sum(axis=-1)),
    "Grad-CAM++": (GradCAMPlusPlus(), grad_cam_plus_plus),
    "XGrad-CAM": (XGradCAM(final_relu=False), x_grad_cam),
    "HiResCAM": (HiResCAM(final_relu=False), lambda a, g: np.einsum("rck,rck->rc", a, g)),
    "LayerCAM": (LayerCAM(), lambda a, g: np.maximum(np.einsum("rck,rck->rc", a, np.where(g > 0, g, 0)), 0)),
}


@pytest.mark.parametrize("title", FORMULAS)
@pytest.mark.parametrize("name", ["functional", "skip_and_concat", "relu6_activation", "swish"])
def test_the_papers_formula_on_the_tapes_gradients(title, name, opened, image):
    method, formula = FORMULAS[title]
    kind, network = opened(name)
    assert method.title == title
    for index in (0, 3):
        expected = formula(*by_tape(name, image(kind), index))
        array = found(method, network, image(kind), index, kind.middle)
        assert np.abs(array - expected).max() < 1e-4 * np.abs(expected).max()


# ---- Eigen-CAM


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("layer", ["conv1", "relu1", "conv2"])
def test_eigen_cam_is_the_strongest_direction_of_all(centred, layer, small, picture):
    """By NumPy's whole decomposition, and by comparing with random directions."""
    rows = small.activations(picture, layer).astype(np.float64)
    grid, rows = rows.shape[:2], rows.reshape(-1, rows.shape[-1])
    values = rows - rows.mean(axis=0) if centred else rows
    _, strengths, vectors = np.linalg.svd(values, full_matrices=False)
    result = compute(EigenCAM(centred=centred), small, picture, layer=layer)
    expected = (values @ vectors[0]).reshape(grid)
    expected *= np.sign((rows @ vectors[0]).sum())
    assert result.array == pytest.approx(expected, abs=1e-5 * np.abs(expected).max())
    assert result.notes[0].numbers["share"] == pytest.approx(strengths[0] ** 2 / (strengths**2).sum(), rel=1e-6)
    directions = np.random.default_rng(0).normal(size=(100, rows.shape[-1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert ((values @ directions.T) ** 2).sum(axis=0).max() <= (result.array.astype(np.float64) ** 2).sum() * 1.00001
    assert centred or result.array.sum() > 0
    assert not centred or abs(result.array.mean()) < 1e-5 * np.abs(result.array).max()


@pytest.mark.parametrize("places", [1, 5, 30])
def test_few_places_or_few_channels_give_the_vector_of_the_whole_decomposition(places):
    values = np.random.default_rng(0).normal(size=(places, 12))
    vector, share = first_component(values)
    _, strengths, vectors = np.linalg.svd(values)
    assert np.abs(vector) == pytest.approx(np.abs(vectors[0]), abs=1e-10)
    assert abs(vector @ vectors[0]) == pytest.approx(1)
    assert share == pytest.approx(strengths[0] ** 2 / (strengths**2).sum())


@pytest.mark.parametrize("centred", [False, True])
def test_the_sign_that_a_library_gives_does_not_matter(centred, small, picture, monkeypatch):
    before = compute(EigenCAM(centred=centred), small, picture, layer="relu1").array
    decompose = np.linalg.eigh

    def turned(products):
        squares, vectors = decompose(products)
        return squares, -vectors

    monkeypatch.setattr(np.linalg, "eigh", turned)
    small.cache.clear()
    assert np.array_equal(compute(EigenCAM(centred=centred), small, picture, layer="relu1").array, before)


def test_behind_a_relu_eigen_cam_has_nothing_below_zero(small, picture):
    for layer in ("relu1", "conv2"):
        assert compute(EigenCAM(), small, picture, layer=layer).array.min() >= -1e-6


def test_eigen_cam_asks_for_no_target(small, picture):
    result = compute(EigenCAM(), small, picture, target=3, layer="conv2")
    assert result.request.target is None
    assert result is compute(EigenCAM(), small, picture, target=1, layer="conv2")


def test_a_dead_layer_has_no_pattern(picture):
    model = KINDS["functional"].build()
    model.get_layer("conv1").set_weights([np.zeros((3, 3, 3, 4)), -np.ones(4)])
    result = compute(EigenCAM(), Network(model, value_range=(0, 1)), picture, layer="relu1")
    assert not result.array.any()
    assert [note.kind for note in result.notes] == ["first_component", "constant"]
    assert result.notes[0].numbers["share"] == 0


def test_activations_that_are_no_numbers_have_no_singular_vectors(picture):
    model = KINDS["functional"].build()
    model.get_layer("conv1").set_weights([np.full((3, 3, 3, 4), np.nan), np.ones(4)])
    with pytest.raises(ValueError, match=r"Eigen-CAM needs .*finite.* Received: 400 .*'conv1'"):
        compute(EigenCAM(), Network(model, value_range=(0, 1)), picture, layer="conv1")


# ---- Notes that all have


@pytest.mark.parametrize("method", BY_GRADIENT)
def test_a_rule_for_relus_changes_the_map_and_says_so(method, small, picture):
    plain, guided = (found(method(relu=rule), small, picture, 0, "conv1") for rule in ("standard", "guided"))
    assert not np.array_equal(plain, guided)
    assert "relus_rewritten" in notes_of(method(relu="guided"), small, picture, 0, "conv1")
    with pytest.raises(ValueError, match="There is no ReLU to rewrite"):
        compute(method(relu="guided"), small, picture, target=0, layer="conv2")


@pytest.mark.parametrize("method", [*BY_GRADIENT, EigenCAM])
def test_a_layer_of_one_cell_says_that_it_cannot_tell_places_apart(method):
    image = keras.Input((4, 4, 1))
    values = layers.Conv2D(3, 4, name="maps")(image)
    network = Network(keras.Model(image, layers.Dense(2)(layers.Flatten()(values))), value_range=(0, 1))
    result = compute(method(), network, np.ones((4, 4, 1)), target=0, layer="maps")
    assert result.array.shape == (1, 1)
    assert "single_cell" in [note.kind for note in result.notes]


@pytest.mark.parametrize("method", BY_GRADIENT)
def test_a_map_without_anything_positive_says_so(method):
    image = keras.Input((2, 2, 1))
    maps = layers.Conv2D(1, 1, use_bias=False, name="maps")(image)
    model = keras.Model(image, layers.Dense(1, use_bias=False)(layers.Flatten()(maps)))
    model.set_weights([-np.ones((1, 1, 1, 1)), np.ones((4, 1))])  # it speaks for the score, by what it is not
    result = compute(method(), Network(model, value_range=(0, 1)), np.full((2, 2, 1), 0.1), target=0, layer="maps")
    assert not result.array.any()
    assert "nothing_positive" in [note.kind for note in result.notes]
