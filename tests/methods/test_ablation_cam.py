"""Ablation-CAM: numbers done on paper, models with a channel really taken out, and scores below zero."""

from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import layers
from kinds import KINDS

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods import ablation_cam
from cnnviz_widgets.methods.ablation_cam import AblationCAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute, steps

MAP_0, MAP_1 = np.array([[45, 54], [81, 90]]), -np.array([[5, 6], [9, 10]])


def test_a_worked_example(worked):
    # Map 0 gives 45 + 108 + 243 + 360 = 756 of the score, map 1 gives -6 * -4 = 24.
    result = compute(AblationCAM(), *worked, target=0, layer="maps")
    assert result.array == pytest.approx((756 * MAP_0 + 24 * MAP_1) / 780, rel=1e-6)
    assert (result.signed, result.unit) == (False, "activation")
    assert {note.kind for note in result.notes} == {"saturated"}


def test_a_negative_score_does_not_turn_the_map_round(worked):
    """Score 1 is the negative of score 0, so what raised that lowers this."""
    result = compute(AblationCAM(final_relu=False), *worked, target=1, layer="maps")
    assert result.array == pytest.approx(-(756 * MAP_0 + 24 * MAP_1) / 780, rel=1e-6)
    assert result.signed
    (note,) = [note for note in result.notes if note.kind == "negative_score"]
    assert note.numbers["score"] == -780
    assert "The score is negative, −780" in note.text


def test_a_map_without_anything_positive_says_so(worked):
    result = compute(AblationCAM(), *worked, target=1, layer="maps")
    assert not result.array.any()
    assert "nothing_positive" in [note.kind for note in result.notes]


def without(name, channel, image):
    """The logits of a kind of model whose middle layer has a channel less, built with Keras from its own layers."""
    twin = KINDS[name].build(None)
    kept = np.ones(4, np.float32)
    kept[channel] = 0
    mask = layers.Rescaling(kept)
    if name == "functional":
        values = twin.get_layer("conv2")(mask(twin.get_layer("relu1").output))
    else:
        stem, side = twin.get_layer("stem").output, mask(twin.get_layer("conv1").output)
        (reader,) = [layer for layer in twin.layers if layer.name.startswith("conv2d")]
        values = layers.Concatenate()([layers.Add()([stem, side]), reader(side), twin.inputs[0]])
    logits = twin.get_layer("scores")(layers.GlobalAveragePooling2D()(values))
    return np.asarray(keras.Model(twin.inputs[0], logits)(image.array[None]))[0]


@pytest.mark.parametrize("name", ["functional", "skip_and_concat"])
def test_it_is_what_models_without_a_channel_tell(name, opened, image):
    kind, network = opened(name)
    activations = network.activations(image(kind), kind.middle)
    lost = np.stack([network.logits(image(kind)) - without(name, channel, image(kind)) for channel in range(4)])
    assert np.abs(lost).max() > 0.01
    for index in range(5):
        score = abs(float(network.logits(image(kind))[index]))
        result = compute(AblationCAM(final_relu=False), network, image(kind), target=index, layer=kind.middle)
        assert result.array == pytest.approx(activations @ lost[:, index] / score, abs=2e-5 / score)


def test_where_all_behind_the_layer_is_linear_a_channel_loses_its_gradients_share(small, picture):
    activations, gradient = small.layer_gradient(picture, 1, "conv2")
    weights = (activations * gradient).sum(axis=(0, 1)) / float(abs(small.logits(picture)[1]))
    result = compute(AblationCAM(final_relu=False), small, picture, target=1, layer="conv2")
    assert result.array == pytest.approx(activations @ weights, abs=1e-5)
    assert result.array != pytest.approx(
        compute(GradCAM(final_relu=False), small, picture, target=1, layer="conv2").array, rel=0.1
    )


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_the_batch_does_not_change_the_map(batch, opened, image, monkeypatch):
    kind, network = opened("skip_and_concat")
    network.cache.clear()
    expected = compute(AblationCAM(final_relu=False), network, image(kind), target=0, layer="conv1").array
    network.cache.clear()
    monkeypatch.setattr(ablation_cam, "BATCH", batch)
    result = compute(AblationCAM(final_relu=False), network, image(kind), target=0, layer="conv1").array
    assert result == pytest.approx(expected, abs=1e-5)


def test_every_batch_shows_the_map_of_the_channels_so_far_the_most_varied_first(small, picture, monkeypatch):
    monkeypatch.setattr(ablation_cam, "BATCH", 2)
    small.cache.clear()
    results = list(steps(AblationCAM(final_relu=False), small, picture, target=1, layer="conv2"))
    assert [result.progress for result in results] == pytest.approx([1 / 3, 2 / 3, 1])
    assert all(not np.array_equal(one.array, other.array) for one, other in pairwise(results))
    activations, gradient = small.layer_gradient(picture, 1, "conv2")
    first = np.argsort(-activations.var(axis=(0, 1)))[:2]
    weights = (activations * gradient).sum(axis=(0, 1)) / float(abs(small.logits(picture)[1]))
    assert results[0].array == pytest.approx(activations[..., first] @ weights[first], abs=1e-5)


def test_a_score_of_zero_is_refused(picture):
    model = KINDS["functional"].build()
    model.get_layer("scores").set_weights([np.zeros((6, 5)), np.zeros(5)])
    with pytest.raises(ValueError, match=r"score, which must not be zero. Received: a score of 0"):
        compute(AblationCAM(), Network(model, value_range=(0, 1)), picture, target=0, layer="relu1")


def test_a_channel_is_lost_with_itself_alone(small, picture):
    maps = small.activations(picture, "relu1")
    result = compute(AblationCAM(), small, picture, target=Target("relu1", 2), layer="relu1")
    assert result.array == pytest.approx(maps[..., 2], rel=1e-5)


def test_a_layer_of_one_cell_says_that_it_cannot_tell_places_apart():
    image = keras.Input((4, 4, 1))
    values = layers.Conv2D(3, 4, name="one")(image)
    network = Network(keras.Model(image, layers.Dense(2)(layers.Flatten()(values))), value_range=(0, 1))
    result = compute(AblationCAM(), network, np.ones((4, 4, 1)), target=0, layer="one")
    assert result.array.shape == (1, 1)
    assert "single_cell" in [note.kind for note in result.notes]
