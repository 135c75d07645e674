"""Score-CAM: masks done on paper, masked images sent through the model itself, and channels that are no mask."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import KINDS

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import blurred
from cnnviz_widgets.methods import score_cam
from cnnviz_widgets.methods.score_cam import ScoreCAM, masks_of
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute, steps


def test_masks_on_paper():
    channels = np.stack([[[1.0, 3.0]], [[-2.0, -10.0]]], axis=-1)
    # Enlarged bilinearly to four pixels: 1, 1.5, 2.5, 3; then from 0 to 1.
    expected = [[[0, 0.25, 0.75, 1]] * 2, [[1, 0.75, 0.25, 0]] * 2]
    assert masks_of(channels, 2, 4).tolist() == expected


def slowly(network, image, target, layer, fill):
    """(map, probabilities' map) by plain masks, TensorFlow's own resizing and the model itself, one at a time."""
    activations = network.activations(image, layer).astype(np.float64)
    twin = KINDS["functional"].build(None)  # the same weights, without the softmax
    scores, probabilities = [], []
    for channel in np.moveaxis(activations, -1, 0):
        large = tf.image.resize(channel[..., None], image.shape[:2], "bilinear").numpy().astype(np.float64)
        mask = (large - large.min()) / (large.max() - large.min())
        seen = (image.array * mask + fill * (1 - mask)).astype(np.float32)[None]
        scores.append(twin(seen).numpy()[0, target])
        probabilities.append(network.model(seen).numpy()[0, target])
    powers = np.exp(np.array(scores, np.float64))
    return np.maximum(activations @ (powers / powers.sum()), 0), np.maximum(activations @ probabilities, 0)


FILLS = {
    "grey": lambda image: 0.5,
    "mean": lambda image: image.array.mean(axis=(0, 1)),
    "black": lambda image: 0.0,
    "white": lambda image: 1.0,
    "blur": lambda image: blurred(image.array),
}


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("layer", ["conv1", "relu1"])
def test_it_is_what_plain_masks_through_the_model_tell(fill, layer, small, picture):
    for index in (0, 3):
        expected, by_probability = slowly(small, picture, index, layer, FILLS[fill](picture))
        result = compute(ScoreCAM(fill=fill), small, picture, target=index, layer=layer)
        assert result.array == pytest.approx(expected, rel=1e-4)
        assert (result.unit, result.signed) == ("activation", False)
        other = compute(ScoreCAM(fill=fill, weights="probability"), small, picture, target=index, layer=layer)
        assert other.array == pytest.approx(by_probability, rel=1e-4)
        assert other.unit == "probability × activation"


def test_the_weights_of_the_softmax_sum_to_one(small, picture):
    result = compute(ScoreCAM(), small, picture, target=0, layer="relu1").array
    activations = small.activations(picture, "relu1")
    assert (result >= activations.min(axis=-1) - 1e-6).all()
    assert (result <= activations.max(axis=-1) + 1e-6).all()


def test_large_scores_do_not_overflow(picture):
    model = KINDS["functional"].build()
    scores = model.get_layer("scores")
    scores.set_weights([1e6 * weight for weight in scores.get_weights()])
    network = Network(model, value_range=(0, 1))
    result = compute(ScoreCAM(), network, picture, target=1, layer="relu1").array
    best = [np.allclose(result, channel) for channel in np.moveaxis(network.activations(picture, "relu1"), -1, 0)]
    assert sum(best) == 1  # one channel takes it all


def test_a_limit_takes_the_channels_that_vary_most_and_says_how_many(small, picture):
    order = np.argsort(-small.activations(picture, "relu1").var(axis=(0, 1)))
    limited = compute(ScoreCAM(channels=2, weights="probability"), small, picture, target=0, layer="relu1")
    note = next(note for note in limited.notes if note.kind == "channels_left_out")
    assert note.numbers == {"count": 2, "channels": 4}
    total = np.zeros_like(limited.array)
    for channel in order[:2]:
        masked = masks_of(small.activations(picture, "relu1")[..., [channel]], 12, 12)[0, ..., None]
        seen = 0.5 + masked * (picture.array - 0.5)
        total += small.probabilities(seen[None])[0, 0] * small.activations(picture, "relu1")[..., channel]
    assert limited.array == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("channels", [0, 4, 1000])
def test_nothing_and_all_and_more_than_there_are_take_all(channels, small, picture):
    result = compute(ScoreCAM(channels=channels), small, picture, target=0, layer="relu1")
    assert np.array_equal(result.array, compute(ScoreCAM(), small, picture, target=0, layer="relu1").array)
    assert "channels_left_out" not in [note.kind for note in result.notes]


def test_the_slider_ends_where_the_layers_channels_do(small):
    assert ScoreCAM.slider_ends("channels", 224)[:2] == (0, 256)
    assert ScoreCAM.slider_ends("channels", 224, small.layer("conv2"))[:2] == (0, 5)


@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize("weights", ["softmax", "probability"])
def test_the_batch_does_not_change_the_map(batch, weights, small, picture, monkeypatch):
    small.cache.clear()
    expected = compute(ScoreCAM(weights=weights), small, picture, target=0, layer="conv2").array
    small.cache.clear()
    monkeypatch.setattr(score_cam, "BATCH", batch)
    assert compute(ScoreCAM(weights=weights), small, picture, target=0, layer="conv2").array == pytest.approx(
        expected, rel=1e-5
    )


def test_every_batch_shows_the_map_of_the_channels_so_far(small, picture, monkeypatch):
    monkeypatch.setattr(score_cam, "BATCH", 2)
    small.cache.clear()
    results = list(steps(ScoreCAM(), small, picture, target=0, layer="relu1"))
    assert [result.progress for result in results] == [0.5, 1]
    assert results[0].array == pytest.approx(
        compute(ScoreCAM(channels=2), small, picture, target=0, layer="relu1").array, rel=1e-6
    )


def test_a_channel_that_is_the_same_everywhere_counts_as_nothing(picture):
    """It would be a mask of nothing, or of everything."""
    model = KINDS["functional"].build()
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[..., 1], bias[1] = 0, 5
    model.get_layer("conv1").set_weights([kernel, bias])
    network = Network(model, value_range=(0, 1))
    activations = network.activations(picture, "relu1")
    assert np.ptp(activations[..., 1]) == 0
    result = compute(ScoreCAM(), network, picture, target=0, layer="relu1").array
    assert result.max() <= activations[..., [0, 2, 3]].max() + 1e-6


def test_a_layer_without_a_mask_says_so():
    image = keras.Input((4, 4, 1))
    values = layers.Conv2D(3, 4, name="one")(image)
    network = Network(keras.Model(image, layers.Dense(2)(layers.Flatten()(values))), value_range=(0, 1))
    result = compute(ScoreCAM(), network, np.ones((4, 4, 1)), target=0, layer="one")
    assert result.array.tolist() == [[0]]
    assert [note.kind for note in result.notes][:2] == ["no_mask", "single_cell"]


def test_a_layer_below_zero_says_that_nothing_is_positive():
    image = keras.Input((2, 2, 1))
    maps = layers.Conv2D(1, 1, use_bias=False, name="maps")(image)
    model = keras.Model(image, layers.Dense(1)(layers.Flatten()(maps)))
    model.set_weights([-np.ones((1, 1, 1, 1)), np.ones((4, 1)), np.zeros(1)])
    picture = np.array([[[0.1], [0.2]], [[0.3], [0.4]]])
    result = compute(ScoreCAM(), Network(model, value_range=(0, 1)), picture, target=0, layer="maps")
    assert not result.array.any()
    assert "nothing_positive" in [note.kind for note in result.notes]


def test_of_a_channel_as_target_its_activation_is_the_weight(small, picture):
    result = compute(ScoreCAM(weights="probability"), small, picture, target=Target("conv2", 1), layer="relu1")
    assert result.unit == "activation²"
    masks = masks_of(small.activations(picture, "relu1"), 12, 12)[..., None]
    weights = small.scores(0.5 + masks * (picture.array - 0.5), Target("conv2", 1))
    assert result.array == pytest.approx(small.activations(picture, "relu1") @ weights, rel=1e-4)
