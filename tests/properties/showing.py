"""What is shown: where a cell lies on the image, and maps of which there is nothing to show."""

import warnings

import keras
import numpy as np
from keras import layers

from cnnviz_widgets.core.display import _weights, blend, limits, resize_map
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.notes import on_result
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.network import Network
from cnnviz_widgets.request import compute
from properties.framework import Bug, assert_close, holds, kinds_of
from properties.small_networks import opened

MIDDLES = "(np.arange(pixels) + 0.5) * cells / pixels - 0.5"
HALF_A_CELL = Bug("cells begin where their middle should be", _weights, MIDDLES, "np.arange(pixels) * cells / pixels")
CORNERS = Bug(
    "the outermost middles lie on the border", _weights, MIDDLES, "np.arange(pixels) * (cells - 1) / (pixels - 1)"
)


@holds(
    27,
    "A peak in cell k of 7 lies over the middle of what that cell covers, (k + 0.5) × 32 px of 224.",
    0.5,
    "PAIR saliency, pull request 50",
    [HALF_A_CELL, CORNERS],
)
def middles_of_cells(tolerance):
    image = keras.Input((224, 224, 1))
    grid = layers.AveragePooling2D(32, name="grid")(image)
    model = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(grid)))
    model.layers[-1].kernel.assign([[1.0, -1.0]])
    network = Network(model)
    for row, column in ((1, 1), (3, 3), (5, 2)):
        pixels = np.zeros((224, 224, 1), np.float32)
        pixels[32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = 200
        result = compute(GradCAM(), network, InputImage(pixels), target=0, layer="grid")
        assert np.argwhere(result.array).tolist() == [[row, column]]
        overlay = result.on_image()
        for axis, cell in ((1, row), (0, column)):
            along = overlay.sum(axis=axis, dtype=np.float64)
            middle = (along * (np.arange(224) + 0.5)).sum() / along.sum()  # pixel 0 is from 0 to 1
            assert abs(middle - (cell + 0.5) * 32) <= tolerance


NO_FLOOR = Bug(
    "limits of a map of zeros are zero", limits, "high = 1.0", "high = 0.0", caught_by=(AssertionError, ValueError)
)
SILENT_CONSTANT = Bug("a constant map says nothing", on_result, "values.min() == values.max()", "False")
SILENT_NAN = Bug("values that are none are not counted", on_result, "if wrong:", "if False:")
NAN_IN_COLOUR = Bug(
    "what is not a number gets a colour of the map",
    blend,
    "np.where(finite[..., None], lut[index], NOT_A_NUMBER)",
    "lut[index]",
)


@holds(
    28,
    "A constant map is drawn as nothing, a map that is not a number as grey; both say so, and nothing warns.",
    0,
    "torch-cam issue 186, pytorch-grad-cam issue 214, tf-explain issue 157",
    [NO_FLOOR, SILENT_CONSTANT, SILENT_NAN, NAN_IN_COLOUR],
)
def nothing_to_show(tolerance):
    rgb, lut = np.full((12, 12, 3), 200, np.uint8), np.linspace([0, 0, 255], [255, 0, 0], 11)
    network, image = opened("functional")
    dense = network.model.get_layer("scores")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dense.kernel.assign(dense.kernel * 0)
        result = compute(Gradient(reduce="sum"), network, image, target=0)
        assert not result.array.any()
        assert "constant" in kinds_of(result)
        drawn = blend(rgb, result.on_image(), limits(result.array, True), lut, 1)
        assert_close(drawn, np.broadcast_to(np.rint(lut[5]), rgb.shape), 0.005)  # halves are rounded
        dense.kernel.assign(np.full(dense.kernel.shape, np.nan))
        result = compute(Gradient(reduce="sum"), network, image, target=0)
        assert "not_finite" in kinds_of(result)
        drawn = blend(rgb, resize_map(result.array, 12, 12), limits(result.array, True), lut, 1)
        assert_close(drawn, np.full(rgb.shape, 128), tolerance)
