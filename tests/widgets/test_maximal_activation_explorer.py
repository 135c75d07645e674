import time
from dataclasses import replace

import numpy as np
import pytest

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.charts.score_curve import curve
from cnnviz_widgets.widgets.explorers.maximal_activation_explorer import MaximalActivationExplorer

from .conftest import CLASSES, small_network

QUICK = replace(MaximalActivation.suited_to(32), steps=9)


@pytest.fixture(scope="module")
def network():
    network = small_network()
    pixels = np.random.default_rng(1).uniform(0, 255, (3, 32, 32, 3))
    network.samples = tuple(InputImage(each, name=f"noise {number}") for number, each in enumerate(pixels))
    return network


@pytest.fixture
def explorer(network, monkeypatch):
    """An explorer that computes at once, in this thread."""
    monkeypatch.setattr("cnnviz_widgets.session.LatestWins", Inline)
    network.cache.clear()
    explorer = MaximalActivationExplorer(network, method=QUICK)
    yield explorer
    explorer.close()


def large(explorer):
    view = explorer.pictures.live_image
    return np.frombuffer(view.image, np.uint8).reshape(*view.image_shape, 3)


def words(paragraph):
    return paragraph.value


def test_it_opens_with_a_picture_of_the_first_class_and_says_so(explorer):
    result = explorer.result
    assert result.complete
    assert result.request.target == Target(0)
    np.testing.assert_array_equal(large(explorer), InputImage(result.array).rgb())
    assert explorer.pictures.live_image.title.startswith("cat · ")
    assert "The picture scores" in words(explorer.pictures.notes)
    assert "<svg" in explorer.pictures.course.value


def test_the_best_sample_stands_beside_the_picture(explorer, network):
    best = max(network.samples, key=lambda image: network.scores(image, 0))
    shown = explorer.pictures.sample.children[1]
    np.testing.assert_array_equal(np.frombuffer(shown.image, np.uint8), best.rgb().ravel())
    assert shown.title == best.name


def test_picking_a_class_makes_its_picture(explorer):
    explorer.score_picker.classes.selected = 2
    assert explorer.result.request.target == Target(2)
    assert explorer.pictures.live_image.title.startswith("dog · ")


@pytest.mark.slow
def test_a_channel_and_a_unit_can_be_picked_by_number(explorer, network):
    picker = explorer.score_picker
    picker.kind.value = "channel"
    layer = explorer.session.target.layer
    assert explorer.result.request.target == Target(layer, 0)
    picker.layer.selected = picker.layer.names.index("conv2")
    picker.channel.value = 5
    assert explorer.result.request.target == Target("conv2", 5)
    assert picker.channel.max == 5
    picker.kind.value = "unit"
    assert explorer.result.request.target == Target("conv2", 5, (6, 6))
    picker.row.value = 0
    assert explorer.result.request.target == Target("conv2", 5, (0, 6))
    assert picker.row.max == 12
    picker.kind.value = "class"
    assert explorer.result.request.target == Target(0)


def test_all_classes_become_a_grid_and_one_is_chosen_by_a_click(explorer):
    explorer.show_all(True)
    assert [result.request.target for result in explorer.session.results] == [Target(0), Target(1), Target(2)]
    grid = explorer.pictures.grid
    assert [name.split(" · ")[0] for name in grid.names] == CLASSES
    assert explorer.result.request.target == Target(2)
    grid.selected = 1
    assert explorer.result.request.target == Target(1)
    assert "<img" not in words(explorer.pictures.notes)  # escaped, it is not markup
    explorer.show_all(False)
    assert explorer.result.request.target == Target(0)
    assert not explorer.pictures.many


def test_the_set_of_classes_can_be_edited(explorer):
    explorer.show_all(True)
    explorer.class_set.tags.value = ["dog", "cat"]
    assert [result.request.target.index for result in explorer.session.results] == [2, 0]


def test_classes_can_be_given_by_name(network, monkeypatch):
    monkeypatch.setattr("cnnviz_widgets.session.LatestWins", Inline)
    explorer = MaximalActivationExplorer(network, method=QUICK, classes=["dog"])
    assert explorer.result.request.target == Target(2)
    with pytest.raises(ValueError, match="No class named 'dgo'"):
        MaximalActivationExplorer(network, method=QUICK, classes=["dgo"]).usual_classes(network)


def test_continue_makes_more_steps_of_the_same_picture(explorer):
    before = explorer.result.course
    explorer.more.steps.value = 7
    explorer.more.button.click()
    assert explorer.session.method.steps == 16
    assert explorer.result.course[: len(before) - 1] == before[:-1]
    assert explorer.result.course[-1][0] == 16


def test_continue_after_stop_ends_what_was_begun(network):
    network.cache.clear()
    session = Session(network, method=replace(QUICK, steps=2000), target=1)
    explorer = MaximalActivationExplorer(session=session, method=replace(QUICK, steps=2000))
    making = explorer.session
    wait(lambda: making.result is not None and making.progress > 0.02)
    making.stop()
    reached = making.progress
    assert making.status == "stopped"
    assert not explorer.more.button.disabled
    later = []
    making.observe(lambda change: later.append(change.new) if change.new else None, "progress")
    explorer.more.button.click()
    wait(lambda: later)
    assert later[0] > reached
    explorer.close()
    session.close()


def wait(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_on_a_session_from_outside_the_method_stays_its_own(network, image):
    session = Session(network, image, runner=Inline())
    before = session.method
    explorer = MaximalActivationExplorer(session=session, method=QUICK)
    session.target = Target(1)
    assert session.method == before
    assert explorer.result.request.target == Target(1)
    explorer.show_all(True)
    assert len(explorer.session.results) == 3
    assert len(session.results) == 1


def test_a_network_of_another_shape_gets_parameters_that_suit_it(explorer):
    explorer.session.open(small_network("other", side=12))
    assert explorer.result.array.shape == (12, 12, 3)
    assert explorer.session.method == MaximalActivation.presets(explorer.session.network)["clear"]


def test_the_curve_goes_from_the_first_score_to_the_last_and_marks_the_level():
    drawn = curve(((1, 0.0), (8, 10.0), (16, 5.0)), level=20.0)
    assert 'points="' in drawn
    assert drawn.count("stroke-dasharray") == 1
    heights = [float(point.split(",")[1]) for point in drawn.split('points="')[1].split('"')[0].split()]
    assert heights[1] < heights[2] < heights[0]
    assert "from 0 to 5 in 16 steps" in drawn
    assert "stroke-dasharray" not in curve(((1, 3.0),))
