"""Guided Grad-CAM: the product of two methods that have tests of their own, and a refusal where it would be neither."""

import numpy as np
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.guided_grad_cam import GuidedGradCAM
from cnnviz_widgets.request import compute


@pytest.mark.parametrize("layer", ["conv1", "relu1", "conv2"])
@pytest.mark.parametrize("reduce", ["max_abs", "sum", "none"])
def test_it_is_the_guided_gradient_where_grad_cam_sees_the_target(reduce, layer, small, picture):
    guided = compute(Gradient("guided", reduce), small, picture, target=1)
    cam = compute(GradCAM(), small, picture, target=1, layer=layer)
    result = compute(GuidedGradCAM(reduce), small, picture, target=1, layer=layer)
    factor = cam.on_image()[..., None] if reduce == "none" else cam.on_image()
    assert np.array_equal(result.array, guided.array * factor)
    assert (result.signed, result.axes) == (guided.signed, guided.axes)
    assert result.unit == "score / pixel unit × score / cell"


def test_grad_cam_itself_takes_the_plain_gradient(small, picture):
    """Section 3 of the paper; with guided gradients inside it would be another map."""
    result = compute(GuidedGradCAM("sum"), small, picture, target=2, layer="conv1").array
    guided = small.gradient(picture, 2, "guided").sum(axis=-1)
    cams = [
        compute(GradCAM(relu), small, picture, target=2, layer="conv1").on_image() for relu in ("standard", "guided")
    ]
    assert np.array_equal(result, guided * cams[0])
    assert not np.allclose(result, guided * cams[1], atol=1e-3 * np.abs(result).max())


def test_where_grad_cam_is_zero_nothing_is_left(small, picture):
    cams = {index: compute(GradCAM(), small, picture, target=index, layer="conv1").on_image() for index in range(5)}
    index = max(cams, key=lambda index: (cams[index] == 0).mean() * cams[index].any())
    silent = cams[index] == 0
    assert 0 < silent.mean() < 1
    result = compute(GuidedGradCAM(), small, picture, target=index, layer="conv1").array
    assert not result[silent].any()
    assert result[~silent].any()


def test_it_says_what_both_of_its_factors_say(small, picture):
    negative = next(k for k in range(5) if not compute(GradCAM(), small, picture, target=k, layer="conv2").array.any())
    notes = [note.kind for note in compute(GuidedGradCAM(), small, picture, target=negative, layer="conv2").notes]
    assert {"relus_rewritten", "barely_about_weights", "nothing_positive"} <= set(notes)


@pytest.mark.parametrize("kind", ["gelu", "swish", "leaky_relu"])
def test_a_network_without_a_relu_is_refused(kind, opened, image):
    kind, network = opened(kind)
    with pytest.raises(
        ValueError, match="Guided Grad-CAM needs ReLUs .*; Grad-CAM does without. Received: "
    ) as refusal:
        compute(GuidedGradCAM(), network, image(kind), target=1, layer="conv1")
    assert "\n" not in str(refusal.value)
    assert compute(GradCAM(), network, image(kind), target=1, layer="conv1").complete


def test_a_channel_in_front_of_the_first_relu_is_refused(small, picture):
    with pytest.raises(ValueError, match="Received: the score of channel 0 of conv1 in functional."):
        compute(GuidedGradCAM(), small, picture, target=Target("conv1", 0))
