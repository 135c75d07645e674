"""Grad-CAM: numbers done on paper, the class activation map that it generalises, and what it says beside a map."""

import keras
import numpy as np
import pytest
from keras import layers
from kinds import block, fixed

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute


def test_a_worked_example(worked):
    network, image = worked
    # Map 0 holds the sums over 3x3: 45 54 / 81 90; its weight is the mean of 1 2 3 4: 2.5.
    # Map 1 holds minus the middles: -5 -6 / -9 -10; its weight is the mean of 0 -4 0 0: -1.
    expected = [[112.5 + 5, 135 + 6], [202.5 + 9, 225 + 10]]
    result = compute(GradCAM(), network, image, target=0, layer="maps")
    assert result.array.tolist() == expected
    assert not result.signed


def test_without_the_final_relu_what_speaks_against_is_shown(worked):
    network, image = worked
    result = compute(GradCAM(final_relu=False), network, image, target=1, layer="maps")
    assert result.array.tolist() == [[-117.5, -141], [-211.5, -235]]
    assert result.signed


def test_a_map_without_anything_positive_says_so(worked):
    network, image = worked
    result = compute(GradCAM(), network, image, target=1, layer="maps")
    assert not result.array.any()
    assert "nothing_positive" in [note.kind for note in result.notes]
    without = compute(GradCAM(final_relu=False), network, image, target=1, layer="maps")
    assert "nothing_positive" not in [note.kind for note in without.notes]


@pytest.mark.parametrize("index", range(5))
def test_over_a_global_mean_it_is_the_class_activation_map(index, small, picture):
    """Zhou et al. 2016: the weights of the dense layer themselves; Grad-CAM divides them by the number of cells."""
    maps = small.activations(picture, "conv2")
    weights = small.model.get_layer("scores").kernel.numpy()[:, index]
    cam = sum(weight * maps[..., channel] for channel, weight in enumerate(weights))
    result = compute(GradCAM(final_relu=False), small, picture, target=index, layer="conv2")
    assert np.abs(result.array * cam.size - cam).max() < 1e-5 * np.abs(cam).max()
    bias = small.model.get_layer("scores").bias.numpy()[index]
    assert cam.mean() + bias == pytest.approx(small.logits(picture)[index], abs=1e-5)


def test_a_nested_model_gives_the_map_of_the_flat_one(picture):
    base = block("base", 6)
    tail = [layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax")]
    nested = fixed(keras.Sequential([keras.Input((12, 12, 3)), base, *tail]))
    flat = keras.Model(base.inputs, tail[1](tail[0](base.outputs[0])))
    for relu in ("standard", "guided"):
        maps = [
            compute(
                GradCAM(relu, final_relu=False), Network(model, value_range=(0, 1)), picture, target=1, layer=layer
            ).array
            for model, layer in ((nested, "base/conv"), (flat, "conv"))
        ]
        assert np.abs(maps[0]).max() > 0
        assert maps[0] == pytest.approx(maps[1], abs=1e-6)


def test_a_layer_of_one_cell_says_that_it_cannot_tell_places_apart():
    image = keras.Input((4, 4, 1))
    values = layers.Conv2D(3, 4, name="one")(image)
    network = Network(keras.Model(image, layers.Dense(2)(layers.Flatten()(values))), value_range=(0, 1))
    result = compute(GradCAM(), network, np.ones((4, 4, 1)), target=0, layer="one")
    assert result.array.shape == (1, 1)
    assert "single_cell" in [note.kind for note in result.notes]
    assert "constant" not in [note.kind for note in result.notes]


def test_a_channel_is_explained_by_its_own_layer_by_itself(small, picture):
    """The mean of a channel has the gradient 1 / cells in that channel and none in the others."""
    maps = small.activations(picture, "conv1")
    result = compute(GradCAM(final_relu=False), small, picture, target=Target("conv1", 2), layer="conv1")
    assert result.array == pytest.approx(maps[..., 2] / maps[..., 2].size, rel=1e-5)


def test_a_channel_in_front_of_the_layer_is_refused(small, picture):
    with pytest.raises(ValueError, match="channel 0 of conv1 must depend on layer 'conv2'"):
        compute(GradCAM(), small, picture, target=Target("conv1", 0), layer="conv2")


def test_scaling_the_score_scales_the_map(picture):
    from kinds import KINDS

    model = KINDS["functional"].build()
    network = Network(model, value_range=(0, 1))
    before = compute(GradCAM(), network, picture, target=1, layer="relu1").array
    scores = model.get_layer("scores")
    scores.set_weights([3 * weight for weight in scores.get_weights()])
    assert compute(GradCAM(), network, picture, target=1, layer="relu1").array == pytest.approx(3 * before, rel=1e-5)


def test_a_half_precision_network_pools_its_gradients_in_full_precision(opened, image):
    kind, network = opened("mixed_float16")
    activations, gradient = network.layer_gradient(image(kind), 1, "conv1")
    assert activations.dtype == gradient.dtype == np.float32
    result = compute(GradCAM(final_relu=False), network, image(kind), target=1, layer="conv1").array
    assert result == pytest.approx(activations @ gradient.mean(axis=(0, 1)), abs=1e-7)
