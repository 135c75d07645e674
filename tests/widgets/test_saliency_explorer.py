"""SaliencyExplorer: three rules at once, the conventions, and how it stands beside another explorer."""

import keras
import numpy as np
import pytest

from cnnviz_widgets.core.failures import Refusal
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.gradient_times_input import GradientTimesInput
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.saliency_explorer import SaliencyExplorer
from cnnviz_widgets.widgets.parts.convention_picker import CONVENTIONS

RULES = ("standard", "guided", "deconvnet")


@pytest.fixture
def explorer(session):
    return SaliencyExplorer(session=session)


def shown(explorer):
    pictures = [panel.picture for panel in explorer.panels.panels]
    return [np.frombuffer(picture.values, "<f4").reshape(picture.values_shape) for picture in pictures]


def test_it_shows_the_gradient_under_each_rule(explorer, network, image):
    top = int(network.logits(image).argmax())
    for values, rule in zip(shown(explorer), RULES, strict=True):
        expected = np.abs(network.gradient(image, top, rule)).max(axis=-1)
        np.testing.assert_allclose(values, expected, atol=1e-7)
    assert [panel.picture.title for panel in explorer.panels.panels] == [
        "standard (vanilla)",
        "guided",
        "deconvnet (relu)",
    ]


def test_a_convention_changes_all_panels(explorer, network, image):
    top = int(network.logits(image).argmax())
    explorer.convention.dropdown.value = "signed sum"
    for values, rule in zip(shown(explorer), RULES, strict=True):
        np.testing.assert_allclose(values, network.gradient(image, top, rule).sum(axis=-1), atol=1e-7)
    assert all(panel.picture.signed for panel in explorer.panels.panels)
    explorer.convention.dropdown.value = "gradient × input"
    for values, rule in zip(shown(explorer), RULES, strict=True):
        expected = (network.gradient(image, top, rule) * image.array).sum(axis=-1)
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-6)


def test_every_convention_is_explained_in_the_tooltip_and_the_chosen_one_below(explorer):
    for name, (_, sentence) in CONVENTIONS.items():
        assert sentence in explorer.convention.dropdown.tooltip
        explorer.convention.dropdown.value = name
        assert sentence[:20] in explorer.convention.sentence.value


def test_the_baseline_has_a_slider_and_keeps_the_convention(explorer):
    explorer.convention.dropdown.value = "gradient × input"
    explorer.controls.of_parameter["baseline"].value = 0.5
    assert explorer.session.method == GradientTimesInput(baseline=0.5)
    assert explorer.convention.dropdown.value == "gradient × input"
    assert "relu" not in explorer.controls.of_parameter


def test_a_network_without_relu_shows_the_plain_gradient_and_two_sentences(image):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Conv2D(3, 3, activation="silu"), layers.Flatten(), layers.Dense(2)]
    )
    explorer = SaliencyExplorer(session=Session(Network(model), image, runner=Inline()))
    plain, guided, deconvnet = explorer.results
    assert explorer.session.status == "done"
    assert plain.array.any()
    for refusal in (guided, deconvnet):
        assert isinstance(refusal, Refusal)
        assert "no ReLU to rewrite" in refusal.sentence
    assert "no ReLU to rewrite" in explorer.panels.panels[1].words.value


def test_beside_another_explorer_it_follows_its_choices_but_has_its_own_method(session):
    session.choose_method(Occlusion)
    explorer = SaliencyExplorer(session=session)
    assert isinstance(explorer.session.method, Gradient)
    session.target = 2
    assert all(result.request.target == Target(2) for result in explorer.results)
    explorer.target_picker.list.selected = 1  # and the other way: the given session is told
    assert session.target == Target(1)
    assert all(result.request.target == Target(1) for result in explorer.results)
    explorer.convention.dropdown.value = "signed sum"
    assert isinstance(session.method, Occlusion)


def test_a_session_that_is_still_opening_says_so_and_is_followed_when_it_is_open(network, image):
    session = Session(None, image, runner=Inline())
    explorer = SaliencyExplorer(session=session)
    session.update_status("loading", "Loading TensorFlow and small …")
    assert (explorer.session.status, explorer.session.message) == ("loading", "Loading TensorFlow and small …")
    session.status = "empty"
    session.open(network)
    assert explorer.session.status == "done"
    assert len(explorer.results) == 3


def test_alone_it_needs_one_session_only(network, image):
    explorer = SaliencyExplorer(network, image, method=Gradient(reduce="sum"), target="dog")
    try:
        assert explorer.session is explorer.session
        assert explorer.session.settings.method == Gradient(reduce="sum")
        assert explorer.panels.scale.value == "own"
    finally:
        explorer.close()
        explorer.session.close()


def test_closed_it_follows_no_more(session):
    explorer = SaliencyExplorer(session=session)
    before = explorer.results
    explorer.close()
    session.target = 2
    assert explorer.results is before
