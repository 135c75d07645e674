"""CAMExplorer: three rules and the original CAM, every class in a row, and the way through the layers."""

import keras
import numpy as np
import pytest

from cnnviz_widgets.core.failures import Refusal
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.cam import CAM
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import load, samples
from cnnviz_widgets.request import compute
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.cam_explorer import CAMExplorer
from cnnviz_widgets.words import percent

from .conftest import small_network


@pytest.fixture
def explorer(session):
    return CAMExplorer(session=session)


def titles(explorer):
    return [panel.picture.title for panel in explorer.panels.panels[: len(explorer.results)]]


def test_it_shows_grad_cam_under_each_rule_and_the_original(explorer, network, image):
    *ruled, original = explorer.results
    layer = CAMExplorer.opening_layer(network)
    for rule, result in zip(("standard", "guided", "deconvnet"), ruled, strict=True):
        np.testing.assert_array_equal(
            result.array, compute(GradCAM(relu=rule), network, image, target=None, layer=layer).array
        )
    np.testing.assert_array_equal(original.array, compute(CAM(), network, image).array)
    assert titles(explorer) == ["standard (vanilla)", "guided", "deconvnet (relu)", "Original CAM"]


def test_it_opens_at_the_last_layer_behind_which_the_rules_differ(network):
    assert CAMExplorer.opening_layer(network) == "pool1"  # conv2 reads it; behind conv2 itself there is no ReLU left
    assert CAMExplorer.opening_layer(load("digits")) == "pool_dropout"  # the dense layer has a ReLU


def test_without_any_relu_it_opens_at_the_methods_own_layer(image):
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(3, 3, activation="silu", name="only"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    explorer = CAMExplorer(session=Session(Network(model), image, runner=Inline()))
    assert "only · Conv2D" in explorer.layer_slider.name.value
    assert [isinstance(answer, Refusal) for answer in explorer.results] == [False, True, True, False]


def test_the_slider_walks_from_the_first_layer_to_the_last_and_names_them(explorer, session, network):
    slider, paths = explorer.layer_slider.slider, [info.path for info in network.spatial_layers]
    assert slider.max == len(paths) - 1
    for index in (1, len(paths) - 1, 0):
        slider.value = index
        info = network.spatial_layers[index]
        assert session.layer == paths[index]
        assert explorer.results[0].array.shape == info.output_shape[:2]
        assert f"{info.path} · {info.kind} · {info.size} · {index + 1} of {len(paths)}" in (
            explorer.layer_slider.name.value
        )


def test_at_the_last_layer_two_rules_are_refused_and_the_plain_one_is_the_original_but_for_a_factor(explorer, session):
    explorer.controls.of_parameter["final_relu"].value = False
    session.layer = "conv2"
    plain, guided, deconvnet, original = explorer.results
    assert isinstance(guided, Refusal)
    assert isinstance(deconvnet, Refusal)
    np.testing.assert_allclose(plain.array * plain.array.size, original.array, atol=1e-4)


def test_every_class_in_a_row_on_one_scale(explorer, network, image):
    explorer.mode.value = "classes"
    assert [result.request.target for result in explorer.results] == [Target(index) for index in range(3)]
    shares = network.probabilities(image)
    assert titles(explorer) == [f"{percent(shares[k])} · {name}" for k, name in enumerate(network.class_names)]
    assert len({tuple(panel.picture.limits) for panel in explorer.panels.panels[:3]}) == 1
    explorer.mode.value = "rules"
    assert titles(explorer)[-1] == "Original CAM"


def test_in_a_row_the_rule_is_chosen(explorer):
    explorer.mode.value = "classes"
    explorer.rule.widget.value = "guided"
    assert all(result.request.method == GradCAM(relu="guided") for result in explorer.results)


def test_of_many_classes_the_likeliest_are_shown_and_the_chosen_one_first(image):
    network = small_network("many", classes=[f"kind {index}" for index in range(20)])
    session = Session(network, image, runner=Inline())
    explorer = CAMExplorer(session=session)
    explorer.mode.value = "classes"
    explorer.count.value = 4
    order = network.probabilities(image).argsort()[::-1]
    assert [result.request.target.index for result in explorer.results] == order[:4].tolist()
    session.target = int(order[-1])
    assert [result.request.target.index for result in explorer.results] == [order[-1], *order[:4]]
    session.target = int(order[2])
    assert [result.request.target.index for result in explorer.results] == order[:4].tolist()


def test_a_set_of_classes_of_ones_own(session):
    explorer = CAMExplorer(session=session, classes=["dog", 0])
    explorer.mode.value = "classes"
    assert [result.request.target for result in explorer.results] == [Target(2), Target(0)]


def test_where_the_head_does_not_allow_the_original_a_sentence_says_why():
    session = Session(load("digits"), samples("digits")[0], runner=Inline())
    explorer = CAMExplorer(session=session)
    assert explorer.session.status == "done"
    sentence = explorer.panels.panels[3].words.value
    assert "needs global average pooling" in sentence
    assert "Grad-CAM does without" in sentence
    explorer.mode.value = "classes"
    assert len(explorer.results) == 10


def test_another_explorers_layer_that_is_no_grid_is_not_taken_over(session):
    explorer = CAMExplorer(session=session)
    session.layer = "predictions"
    assert explorer.session.status == "done"
    assert explorer.results[0].request.layer == CAMExplorer.opening_layer(session.network)


def test_another_image_is_explained_by_all_panels(explorer, session, network):
    other = InputImage(np.random.default_rng(7).uniform(0, 255, (32, 32, 3)), name="other")
    session.image = other
    assert all(result.request.image == network.fit(other) for result in explorer.results)
