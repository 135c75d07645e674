"""Class activation maps: numbers done on paper, and what joins CAM, Grad-CAM and the score."""

import keras
import numpy as np
from keras import layers
from kinds import KINDS

from cnnviz_widgets.engine.tensorflow_engine import TensorFlowEngine, _weighted
from cnnviz_widgets.maps.cams import finished
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute
from properties.framework import Bug, assert_close, holds
from properties.shared_bugs import PROBABILITY
from properties.small_networks import opened

SUM_OF_GRADIENTS = Bug(
    "a channel's weight is a sum", GradCAM.run, "gradient.mean(axis=(0, 1))", "gradient.sum(axis=(0, 1))"
)
UNSIGNED_WEIGHTS = Bug("weights lose their sign", GradCAM.run, "gradient.mean(", "abs(gradient).mean(")


def by_hand(network, image, index):
    """The original CAM by Keras alone: the last maps, weighted by the dense layer."""
    last = keras.Model(network.model.inputs, network.model.get_layer("conv2").output)
    return np.asarray(last(image.array[None]))[0] @ network.model.get_layer("scores").kernel.numpy()[:, index]


@holds(
    9,
    "Over global average pooling and a dense layer, Grad-CAM times the number of cells is the original CAM.",
    1e-5,
    "Selvaraju et al. 2017, section 3",
    [SUM_OF_GRADIENTS, UNSIGNED_WEIGHTS, PROBABILITY],
)
def grad_cam_is_cam(tolerance):
    network, image = opened("functional")
    for index in range(3):
        found = compute(GradCAM(final_relu=False), network, image, target=index, layer="conv2").array
        assert_close(found * found.size, by_hand(network, image, index), tolerance)


SUM_OF_CELLS = Bug(
    "the weights forget the pooling's mean",
    TensorFlowEngine.pooled_maps,
    "_weighted(matrix, objective)",
    "_weighted(matrix, objective) / 64",
)
NEXT_WEIGHTS = Bug("the weights are those of the class before", _weighted, "matrix[:, unit]", "matrix[:, unit - 1]")


@holds(
    10,
    "The mean of the original CAM and the dense layer's bias make the logit.",
    1e-5,
    "Zhou et al. 2016, section 2",
    [SUM_OF_CELLS, NEXT_WEIGHTS],
)
def cam_shares_the_score(tolerance):
    network, image = opened("functional")
    bias = network.model.get_layer("scores").bias.numpy()
    logits = KINDS["functional"].build(head=None)(image.array[None])[0]
    maps = [compute(CAM(), network, image, target=index).array for index in range(4)]
    assert_close([found.mean() for found in maps] + bias[:4], logits[:4], tolerance)


NO_FINAL_RELU = Bug("the final ReLU is forgotten", finished, "np.maximum(cam, 0)", "cam")
ALWAYS_RELU = Bug("the final ReLU cannot be left out", finished, "if final_relu:", "if True:")


@holds(
    12,
    "Grad-CAM of a 3×3 image gives the numbers done on paper, with and without its final ReLU.",
    1e-6,
    "Selvaraju et al. 2017, equations 1 and 2",
    [NO_FINAL_RELU, ALWAYS_RELU, SUM_OF_GRADIENTS],
)
def on_paper(tolerance):
    # Map 0 sums 2×2 pixels, map 1 is minus their upper left one, of the image 0 1 2 / 3 4 5 / 6 7 8.
    # Map 0: 8 12 / 20 24. Map 1: 0 -1 / -3 -4. The score weighs the cells of map 0 by 1 2 3 6, mean 3,
    # those of map 1 by 4 8 8 20, mean 10: 24-0 36-10 / 60-30 72-40.
    image = keras.Input((3, 3, 1))
    maps = layers.Conv2D(2, 2, use_bias=False, name="maps")(image)
    model = keras.Model(image, layers.Dense(2, use_bias=False)(layers.Flatten()(maps)))
    sums, corner = np.ones((2, 2)), np.array([[-1, 0], [0, 0]])
    weights = np.array([1, 4, 2, 8, 3, 8, 6, 20])
    model.set_weights([np.stack([sums, corner], -1)[:, :, None], np.stack([weights, -weights], -1)])
    network, numbers = Network(model, value_range=(0, 8)), np.arange(9.0).reshape(3, 3, 1)
    expected = np.array([[24, 26], [30, 32]])
    assert_close(compute(GradCAM(), network, numbers, target=0, layer="maps").array, expected, tolerance)
    assert not compute(GradCAM(), network, numbers, target=1, layer="maps").array.any()
    assert_close(
        compute(GradCAM(final_relu=False), network, numbers, target=1, layer="maps").array, -expected, tolerance
    )
