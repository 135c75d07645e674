"""What other tools for Keras get wrong without a word, or fail at; each case by name. Here it is right.

Seen with tf-keras-vis 0.8.7, xplique 2.0.2 and tf-explain 0.3.1 on Keras 3.15: a guided gradient that is the plain one,
layers that are not found, rows and columns exchanged.
"""

import keras
import numpy as np
import pytest
from keras import layers
from kinds import KINDS

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute


@pytest.mark.parametrize(
    "name",
    [
        *("nested_in_sequential", "nested_in_functional", "nested_twice", "relu6_activation", "relu6_layer"),
        *("relu_from_ops", "relu_layer", "relu_lambda", "subclassed_block", "time_distributed", "saved_model"),
    ],
)
def test_guided_is_not_silently_the_plain_gradient(name, opened, image):
    kind, network = opened(name)
    plain, guided = (network.gradient(image(kind), 0, rule) for rule in ("standard", "guided"))
    assert np.abs(guided - plain).max() > 0.05 * np.abs(plain).max()


@pytest.mark.parametrize("name", ["gelu", "swish", "leaky_relu"])
def test_guided_is_refused_where_there_is_no_relu(name, opened, image):
    kind, network = opened(name)
    with pytest.raises(ValueError, match="There is no ReLU to rewrite"):
        network.gradient(image(kind), 0, "guided")


@pytest.mark.parametrize("method", [CAM(), GradCAM()], ids=lambda method: method.title)
@pytest.mark.parametrize("name", ["nested_in_sequential", "sequential", "lazily_built_sequential", "not_square"])
def test_class_activation_maps_need_no_flat_functional_model(name, method, opened, image):
    kind, network = opened(name)
    result = compute(method, network, image(kind), target=0)
    assert np.isfinite(result.array).all()
    assert result.array.any()
    assert result.on_image().shape == image(kind).shape[:2]


def test_occlusion_of_an_image_that_is_not_square_keeps_rows_and_columns_apart():
    model = keras.Sequential([keras.Input((6, 10, 1)), layers.Flatten(), layers.Dense(1, use_bias=False)])
    weights = np.zeros((6, 10))
    weights[1, 8] = 3  # what counts is one pixel, up and to the right
    model.layers[-1].kernel.assign(weights.reshape(60, 1))
    network = Network(model, value_range=(0, 1))
    array = compute(
        Occlusion(window=1, stride=1, fill="black"), network, InputImage(np.ones((6, 10, 1))), target=0
    ).array
    assert array.shape == (6, 10)
    assert array == pytest.approx(weights, abs=1e-6)


def test_a_model_in_a_model_needs_no_rebuilding(opened, image):
    kind, network = opened("nested_twice")
    plain = opened(kind.plain[0])[1]
    for own, others in kind.plain[1].items():
        found, expected = (
            compute(GradCAM(), each, image(kind), target=0, layer=layer).array
            for each, layer in ((network, own), (plain, others))
        )
        assert found == pytest.approx(expected, abs=1e-6)


def test_the_score_is_the_logit_also_where_the_softmax_is_saturated(image):
    kind = KINDS["relu_layer"]
    model = kind.build()
    kernel, bias = model.get_layer("scores").get_weights()
    model.get_layer("scores").set_weights([kernel * 4000, bias])
    network = Network(model, value_range=(0, 1))
    assert compute(GradCAM(final_relu=False), network, image(kind), target=None, layer="conv1").array.any()
