"""SanityExplorer: two maps side by side, curves that fill in and stay, measurements that make way for the person."""

import keras
import numpy as np
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.faithfulness import ORDERS
from cnnviz_widgets.maps.similarity import Similarity
from cnnviz_widgets.methods.activations import Activations
from cnnviz_widgets.methods.filters import Filters
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.charts.line_chart import LOOKS
from cnnviz_widgets.widgets.charts.similarity_curves import MEANING, coarse_first
from cnnviz_widgets.widgets.explorers.sanity_explorer import SanityExplorer, maps_of_an_image

from .conftest import ByHand

LAYERS = ("predictions", "conv2", "conv1")


@pytest.fixture
def explorer(session):
    return SanityExplorer(session=session)


def shown(explorer):
    pictures = [panel.picture for panel in explorer.panels.panels]
    return [np.frombuffer(picture.values, "<f4").reshape(picture.values_shape) for picture in pictures]


def names(part):
    return [name for name, _, _ in part.lines]


def points(explorer, which=-1):
    return list(explorer.similarity.lines)[which][2].points


# ---- The two maps


def test_it_shows_the_network_s_map_and_that_of_the_network_with_its_top_layer_shuffled(explorer, network, image):
    top = int(network.logits(image).argmax())
    expected = [np.abs(each.gradient(image, top)).max(axis=-1) for each in (network, network.randomised(1))]
    for values, map_ in zip(shown(explorer), expected, strict=True):
        np.testing.assert_allclose(values, map_, atol=1e-7)
    assert [panel.picture.title for panel in explorer.panels.panels] == ["as trained", "top 1 randomised"]
    assert explorer.panels.scale.value == "own"


def test_the_slider_walks_down_the_layers_by_name_and_the_left_map_stays(explorer, network, image):
    left = shown(explorer)[0]
    slider = explorer.randomization.slider
    assert (slider.min, slider.max, slider.value) == (0, len(LAYERS), 1)
    for count, path in enumerate(LAYERS, 1):
        slider.value = count
        assert f"{count} of 3 · down to {path}" in explorer.randomization.words.value
        np.testing.assert_array_equal(shown(explorer)[0], left)
        top = int(network.logits(image).argmax())
        np.testing.assert_allclose(
            shown(explorer)[1], np.abs(network.randomised(count).gradient(image, top)).max(axis=-1), atol=1e-7
        )
    slider.value = 0
    assert "the network as it is" in explorer.randomization.words.value
    np.testing.assert_array_equal(shown(explorer)[1], left)


def test_one_layer_can_lose_its_weights_alone_and_another_seed_is_another_shuffle(explorer, network, image):
    explorer.randomization.slider.value = 2
    cascade = shown(explorer)[1]
    explorer.randomization.alone.value = True
    top = int(network.logits(image).argmax())
    alone = np.abs(network.randomised(2, alone=True).gradient(image, top)).max(axis=-1)
    np.testing.assert_allclose(shown(explorer)[1], alone, atol=1e-7)
    assert not np.allclose(alone, cascade)
    assert "only conv2" in explorer.randomization.words.value
    assert explorer.panels.panels[1].picture.title == "layer 2 randomised"
    explorer.randomization.seed.value = 5
    assert not np.allclose(shown(explorer)[1], alone)


def test_both_maps_explain_the_class_that_the_trained_network_sees(explorer, network, image):
    top = int(network.logits(image).argmax())
    assert {result.request.target for result in explorer.results} == {Target(top)}
    explorer.target_picker.list.selected = 2
    assert {result.request.target for result in explorer.results} == {Target(2)}


def test_only_methods_that_explain_an_image_by_a_map_are_offered():
    offered = maps_of_an_image()
    assert {Gradient, GradCAM, Occlusion} <= set(offered)
    assert not {Activations, Filters, MaximalActivation} & set(offered)


def test_a_map_of_several_channels_is_refused_in_a_sentence(explorer):
    explorer.session.method = Gradient(reduce="none")
    assert "maps with one number for each place" in explorer.panels.panels[1].words.value
    assert explorer.similarity.measurement.state == "idle"
    assert names(explorer.similarity) == ["Gradient (saliency)"]
    explorer.session.method = Gradient()
    assert explorer.similarity.measurement.state == "done"
    assert explorer.panels.panels[1].words.value == ""


# ---- How similar they are


def test_the_curve_holds_the_similarity_for_every_number_of_layers(explorer, network, image):
    top = int(network.logits(image).argmax())
    maps = [np.abs(network.randomised(count).gradient(image, top)).max(axis=-1) for count in range(4)]
    assert points(explorer) == {count: Similarity.of(maps[0], map_) for count, map_ in enumerate(maps)}
    assert explorer.similarity.measurement.state == "done"


def test_a_sentence_says_what_it_means_and_what_the_shown_pair_is(explorer):
    texts = [child.value for child in explorer.similarity.widget.children if hasattr(child, "value")]
    assert any(MEANING.replace("'", "&#x27;") in text for text in texts)
    found = points(explorer)[1]
    assert f"Spearman {found.spearman:.2f}, SSIM {found.ssim:.2f}" in explorer.similarity.now.value


def test_another_method_adds_a_line_and_the_first_one_stays(explorer):
    first = points(explorer)
    explorer.session.choose_method(GradCAM)
    assert names(explorer.similarity) == ["Gradient (saliency)", "Grad-CAM · conv2"]
    assert points(explorer, 0) is first
    assert len(points(explorer)) == 4
    looks = [look for _, look, _ in explorer.similarity.lines]
    assert len(set(looks)) == 2
    for colour, _ in looks:
        assert explorer.similarity.charts.value.count(colour) >= 2  # one line in each of two charts


def test_names_stand_in_the_legend_as_text_and_never_in_the_charts(image):
    layers = keras.layers
    first = layers.Conv2D(3, 3, activation="relu", name="bold>er")
    model = keras.Sequential([keras.Input((32, 32, 3)), first, layers.GlobalAveragePooling2D(), layers.Dense(2)])
    explorer = SanityExplorer(session=Session(Network(model), image, runner=Inline()), method=GradCAM())
    legend = "".join(cell.value for cell in explorer.similarity.legend.widget.children)
    assert "bold&gt;er" in legend
    assert "bold" not in explorer.similarity.charts.value


def test_another_class_image_or_seed_begins_afresh(explorer):
    explorer.session.choose_method(GradCAM)
    explorer.session.target = 2
    assert names(explorer.similarity) == ["Grad-CAM · conv2"]
    explorer.randomization.seed.value = 1
    assert names(explorer.similarity) == ["Grad-CAM · conv2"]
    assert len(points(explorer)) == 4


def test_clear_keeps_only_the_method_that_is_shown(explorer):
    explorer.session.choose_method(GradCAM)
    explorer.similarity.clear.click()
    assert names(explorer.similarity) == ["Grad-CAM · conv2"]
    assert len(points(explorer)) == 4


def test_the_oldest_line_goes_when_there_are_as_many_as_looks(explorer):
    for window in range(8, 8 + len(LOOKS)):
        explorer.session.method = Occlusion(window=window, stride=8)
    assert len(names(explorer.similarity)) == len(LOOKS)
    assert "Gradient (saliency)" not in names(explorer.similarity)


def test_coarse_steps_come_first_and_none_is_left_out():
    assert coarse_first(9) == [0, 9, 1, 8, 4, 2, 6, 3, 5, 7]
    for count in (0, 1, 2, 50):
        assert sorted(coarse_first(count)) == list(range(count + 1))


# ---- Deletion and insertion


def test_deletion_and_insertion_are_measured_once_they_are_looked_at(explorer):
    assert names(explorer.faithfulness) == []
    explorer.question.value = "faithfulness"
    ((_, look, found),) = explorer.faithfulness.lines
    assert found.progress == pytest.approx(1)
    assert explorer.faithfulness.widget.layout.display is None
    assert explorer.similarity.widget.layout.display == "none"
    assert f"{found.deletion_area:.3f}" in "".join(cell.value for cell in explorer.faithfulness.legend.widget.children)
    assert look == next(iter(explorer.similarity.lines))[1]  # a method looks the same in all charts


def test_the_map_s_curve_stands_beside_the_random_orders_and_stays_for_comparison(explorer, network, image):
    explorer.question.value = "faithfulness"
    explorer.session.choose_method(GradCAM)
    gradient, cam = (found for _, _, found in explorer.faithfulness.lines)
    top = int(network.logits(image).argmax())
    for found in (gradient, cam):
        assert found.deletion[0] == pytest.approx(float(network.probabilities(image)[top]), abs=1e-6)
        assert np.isfinite(found.random_insertion).all()
    assert not np.allclose(gradient.deletion, cam.deletion)
    assert explorer.faithfulness.charts.value.count("<polyline") == 2 * 3
    assert explorer.faithfulness.charts.value.count("<polygon") == 2
    assert f"{ORDERS} random orders" in "".join(cell.value for cell in explorer.faithfulness.legend.widget.children)


def test_another_fill_or_score_begins_afresh(explorer):
    explorer.question.value = "faithfulness"
    explorer.session.choose_method(GradCAM)
    explorer.faithfulness.score.value = "logit"
    ((name, _, found),) = explorer.faithfulness.lines
    assert name == "Grad-CAM · conv2"
    assert found.unit == "logit"
    explorer.faithfulness.fill.value = "black"
    ((_, _, black),) = explorer.faithfulness.lines
    assert not np.allclose(black.deletion[1:], found.deletion[1:])


# ---- What else may happen


def test_without_an_image_it_says_so_and_measures_nothing(network):
    explorer = SanityExplorer(session=Session(network, None, runner=Inline()))
    assert explorer.session.status == "empty"
    assert "Choose an image" in explorer.status.message.value
    assert explorer.similarity.measurement.state == "idle"
    assert explorer.randomization.slider.max == len(LAYERS)


def test_another_network_has_its_own_layers_on_the_slider(explorer):
    explorer.randomization.slider.value = 3
    layers = keras.layers
    first = layers.Conv2D(3, 3, name="only")
    two = keras.Sequential([keras.Input((32, 32, 3)), first, layers.Flatten(), layers.Dense(2)])
    explorer.session.open(Network(two, name="two"))
    assert explorer.session.status == "done"
    assert explorer.randomization.slider.max == 2
    assert "2 of 2 · down to only" in explorer.randomization.words.value
    assert len(points(explorer)) == 3


def test_a_method_that_refuses_is_one_sentence_and_nothing_is_measured(session):
    layers = keras.layers
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)])
    method = Gradient(relu="guided")
    explorer = SanityExplorer(session=Session(Network(model), session.image, runner=Inline()), method=method)
    assert explorer.session.status == "failed"
    assert "no ReLU to rewrite" in explorer.status.message.value
    assert explorer.similarity.measurement.state == "idle"


def test_the_user_s_model_is_as_it_was(session):
    model = session.network.model
    before = [np.asarray(weight).tobytes() for weight in model.weights], sorted(vars(model)), str(model.get_config())
    explorer = SanityExplorer(session=session)
    for count in (0, 3):
        explorer.randomization.slider.value = count
    explorer.question.value = "faithfulness"
    after = [np.asarray(weight).tobytes() for weight in model.weights], sorted(vars(model)), str(model.get_config())
    assert after == before


def test_beside_another_explorer_it_shares_all_but_the_method(session):
    session.choose_method(Occlusion)
    explorer = SanityExplorer(session=session)
    session.target = 1
    assert {result.request.target for result in explorer.results} == {Target(1)}
    explorer.session.choose_method(GradCAM)
    assert isinstance(session.method, Occlusion)
    explorer.close()


@pytest.fixture
def slow(network, image):
    """An explorer whose measurements advance only when told so."""
    return SanityExplorer(session=Session(network, image, runner=ByHand(held=3)))


def test_the_curve_fills_in_point_by_point(slow):
    runner = slow.similarity.measurement.runner
    assert slow.similarity.measurement.state == "running"
    runner.step(2)
    assert sorted(points(slow)) == [0, 3]
    assert slow.similarity.measurement.progress.value == pytest.approx(0.5)
    runner.step(3)
    assert slow.similarity.measurement.state == "done"


def test_it_makes_way_for_the_slider_and_goes_on_with_what_is_missing(slow):
    slow.similarity.measurement.runner.step(2)
    slow.randomization.slider.value = 2
    assert sorted(points(slow)) == [0, 3]
    slow.similarity.measurement.runner.step(1)
    assert sorted(points(slow)) == [0, 1, 3]


def test_stop_lasts_until_the_person_goes_on_or_chooses_another_method(slow):
    measurement = slow.similarity.measurement
    measurement.runner.step(1)
    measurement.button.click()
    assert (measurement.state, measurement.button.description) == ("stopped", "Continue")
    slow.randomization.slider.value = 3
    assert measurement.runner.steps is None
    measurement.button.click()
    measurement.runner.step(1)
    assert sorted(points(slow)) == [0, 3]
    measurement.button.click()
    slow.session.choose_method(GradCAM)
    assert measurement.state == "running"


def test_an_unfinished_line_makes_room_for_the_same_method_with_other_parameters(slow):
    slow.similarity.measurement.runner.step(1)
    slow.session.method = Gradient(reduce="sum")
    assert names(slow.similarity) == ["Gradient (saliency) (reduce=sum)"]
    slow.session.choose_method(GradCAM)
    assert names(slow.similarity) == ["Gradient (saliency) (reduce=sum)", "Grad-CAM · conv2"]


def test_a_line_that_is_complete_is_not_measured_again(slow):
    slow.similarity.measurement.runner.step(5)
    slow.session.choose_method(GradCAM)
    slow.session.choose_method(Gradient)
    assert slow.similarity.measurement.state == "done"
    assert slow.similarity.measurement.runner.steps is None


def test_what_is_not_looked_at_is_not_measured(slow):
    slow.question.value = "faithfulness"
    assert slow.similarity.measurement.runner.steps is None
    assert slow.faithfulness.measurement.runner.steps is not None
    slow.question.value = "similarity"
    assert slow.similarity.measurement.runner.steps is not None
    assert slow.faithfulness.measurement.runner.steps is None


@pytest.mark.parametrize("question", ["similarity", "faithfulness"])
def test_training_in_the_middle_of_a_line_ends_it(question, image):
    layers = keras.layers
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)])
    explorer = SanityExplorer(session=Session(Network(model), image, runner=ByHand(held=3)))
    explorer.question.value = question
    measurement = getattr(explorer, question).measurement
    measurement.runner.step(1)
    model.layers[-1].bias.assign([1.0, 2.0])
    measurement.runner.step(1)
    assert measurement.state == "failed"
    assert "trained meanwhile" in measurement.words.value
    explorer.randomization.slider.value = 2
    assert measurement.state == "running"


def test_a_measurement_that_fails_says_so_in_a_sentence(slow, monkeypatch):
    def broken(*_):
        raise ValueError("The map must be known. Received: nothing.")

    monkeypatch.setattr(Similarity, "of", broken)
    slow.similarity.measurement.runner.step(1)
    assert slow.similarity.measurement.state == "failed"
    assert "The map must be known." in slow.similarity.measurement.words.value
