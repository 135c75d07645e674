"""The methods on the bundled ImageNet network and a real cat: do the maps show what they should?"""

import numpy as np
import pytest

from cnnviz_widgets.methods.ablation_cam import AblationCAM
from cnnviz_widgets.methods.eigen_cam import EigenCAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.grad_cam_plus_plus import GradCAMPlusPlus
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.hires_cam import HiResCAM
from cnnviz_widgets.methods.layer_cam import LayerCAM
from cnnviz_widgets.methods.lrp import LRP
from cnnviz_widgets.methods.score_cam import ScoreCAM
from cnnviz_widgets.methods.x_grad_cam import XGradCAM
from cnnviz_widgets.networks import load, samples
from cnnviz_widgets.request import compute

pytestmark = pytest.mark.slow

EGYPTIAN_CAT = 285


@pytest.fixture(scope="module")
def network():
    return load("efficientnet_lite0")


@pytest.fixture(scope="module")
def cat():
    return samples("efficientnet_lite0")[0]


@pytest.fixture(scope="module")
def cam(network, cat):
    return compute(GradCAM(), network, cat, target=EGYPTIAN_CAT).on_image()


def face():
    """The cat's face in chelsea's crop of 224 px, drawn by hand: an ellipse."""
    row, column = np.mgrid[:224, :224]
    return ((column - 105) / 85) ** 2 + ((row - 125) / 105) ** 2 < 1


def similarity(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


CAMS = [
    GradCAM(),
    GradCAMPlusPlus(),
    LayerCAM(),
    XGradCAM(),
    HiResCAM(),
    EigenCAM(),
    AblationCAM(),
    ScoreCAM(channels=16),
]


@pytest.mark.parametrize("method", CAMS, ids=str)
def test_class_activation_maps_lie_on_the_cats_face(method, network, cat):
    cam = compute(method, network, cat, target=EGYPTIAN_CAT).on_image()
    assert cam[face()].mean() > 2 * cam[~face()].mean()
    assert face()[np.unravel_index(cam.argmax(), cam.shape)]


def test_a_class_that_the_network_does_not_see_gives_another_map_and_a_note(network, cat, cam):
    unseen = np.argsort(network.probabilities(cat))[:200]
    for index in np.random.default_rng(0).choice(unseen, 5, replace=False):
        result = compute(GradCAM(), network, cat, target=int(index))
        assert similarity(result.on_image(), cam) < 0.5
        assert "unlikely_target" in [note.kind for note in result.notes]


def test_guided_backpropagation_rewrites_relu6_and_differs_from_the_plain_gradient(network, cat):
    plain = compute(Gradient(), network, cat, target=EGYPTIAN_CAT)
    guided = compute(Gradient(relu="guided"), network, cat, target=EGYPTIAN_CAT)
    assert similarity(plain.array, guided.array) < 0.5
    (count,) = [note.numbers["relus"] for note in guided.notes if note.kind == "relus_rewritten"]
    assert count == 33  # stem, head, 15 expansions and 16 depthwise convolutions


def test_relevance_lies_on_the_cats_face(network, cat):
    relevance = np.abs(compute(LRP(), network, cat, target=EGYPTIAN_CAT).array)
    assert relevance[face()].mean() > 2 * relevance[~face()].mean()


def test_relevance_keeps_its_books_through_fifty_layers(network, cat):
    (note, *_) = compute(LRP(rule="alpha-beta"), network, cat, target=EGYPTIAN_CAT).notes
    assert abs(note.numbers["rest"]) < 1e-3 * note.numbers["score"]
