"""Gradient: how the channels become one number, and that it follows the network's gradient."""

import numpy as np
import pytest

from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.request import compute


@pytest.mark.parametrize(
    ("reduce", "by_hand", "signed"),
    [
        ("none", lambda g: g, True),
        ("sum", lambda g: g[..., 0] + g[..., 1] + g[..., 2], True),
        ("max_abs", lambda g: np.maximum(np.maximum(abs(g[..., 0]), abs(g[..., 1])), abs(g[..., 2])), False),
    ],
)
def test_the_channels_become_one_number_a_pixel(reduce, by_hand, signed, small, picture):
    result = compute(Gradient(reduce=reduce), small, picture, target=2)
    assert result.array == pytest.approx(by_hand(small.gradient(picture, 2)), abs=1e-7)
    assert result.signed == signed


def test_it_predicts_what_a_small_step_does_to_the_score(small, picture):
    gradient = compute(Gradient(reduce="none"), small, picture, target=2).array
    step = 1e-3 * gradient / np.linalg.norm(gradient)
    rise = small.logits(picture.array + step)[2] - small.logits(picture.array)[2]
    assert rise == pytest.approx(1e-3 * np.linalg.norm(gradient), rel=0.05)


def test_gradients_are_per_unit_of_the_images_own_range(opened, image):
    """A network that scales its images inside has gradients as much smaller."""
    import keras

    from cnnviz_widgets.core.image import InputImage
    from cnnviz_widgets.network import Network

    kind, network = opened("functional")
    scaled = Network(network.model, preprocess=lambda images: images / 255, value_range=(0, 255))
    inside = keras.Sequential([keras.Input(kind.shape), keras.layers.Rescaling(1 / 255), network.model])
    bright = InputImage(image(kind).array * 255)
    expected = network.gradient(image(kind), 1) / 255
    assert scaled.gradient(bright, 1) == pytest.approx(expected, rel=1e-3, abs=1e-7)
    assert Network(inside).gradient(bright, 1) == pytest.approx(expected, rel=1e-3, abs=1e-7)


def test_the_top_layers_weights_matter(small, picture, opened):
    """Adebayo et al. 2018: a map that survives a random top layer does not speak of the network."""
    import kinds

    from cnnviz_widgets.network import Network

    model = kinds.KINDS["functional"].build()
    scores = model.get_layer("scores")
    scores.set_weights([np.random.default_rng(9).normal(size=weight.shape) for weight in scores.get_weights()])
    one = compute(Gradient(reduce="sum"), small, picture, target=2).array.ravel()
    other = compute(Gradient(reduce="sum"), Network(model, value_range=(0, 1)), picture, target=2).array.ravel()
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    assert abs(np.corrcoef(ranks)[0, 1]) < 0.5
