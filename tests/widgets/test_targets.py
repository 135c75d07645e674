"""Sums, sides and quantities on their way through the explorers."""

from dataclasses import replace

import keras
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.maximal_activation import MaximalActivation
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.runner import Inline
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.explorers.cam_explorer import CAMExplorer
from cnnviz_widgets.widgets.explorers.explorer import Explorer
from cnnviz_widgets.widgets.explorers.occlusion_explorer import OcclusionExplorer
from cnnviz_widgets.widgets.explorers.saliency_explorer import SaliencyExplorer
from cnnviz_widgets.widgets.front.pick_list import NOTHING
from cnnviz_widgets.widgets.parts.occlusion_by_hand import OcclusionByHand
from cnnviz_widgets.widgets.parts.score_picker import ScorePicker
from cnnviz_widgets.words import number

from .conftest import CLASSES, ending_in


@pytest.fixture(scope="module")
def quantities():
    return ending_in(2, task="regression", class_names=["age", "height"])


@pytest.fixture(scope="module")
def two_sided():
    return ending_in(1, "sigmoid", class_names=["cat", "dog"])


RECTANGLE = [4, 6, 10, 8]  # top, left, height, width


def cover(by_hand):
    by_hand.widget.set_state({"rectangle": RECTANGLE, "asked": by_hand.widget.asked + 1})


def covered(image):
    array = image.array.copy()
    array[4:14, 6:14] = 127.5
    return array


# ---- By hand


def test_the_bars_of_a_difference_begin_with_both_classes_and_the_caption_tells_its_score(session):
    by_hand = OcclusionByHand(session)
    session.target = difference = Target(2) - Target(0)
    cover(by_hand)
    assert [bar["name"] for bar in by_hand.widget.bars[:2] if bar["target"]] == ["dog", "cat"]
    assert sum(bar["target"] for bar in by_hand.widget.bars) == 2
    clean, now = (session.network.scores(seen, difference) for seen in (session.image, covered(session.image)))
    told = f"{number(clean)} → {number(now)}, drop {number(clean - now)}"
    assert by_hand.widget.caption.endswith(f"dog rather than cat: {told}.")


def test_quantities_are_told_as_values_of_which_none_wins(quantities, image):
    by_hand = OcclusionByHand(Session(quantities, image, method=Gradient, target="height", runner=Inline()))
    cover(by_hand)
    widget = by_hand.widget
    assert widget.quantities
    assert [(bar["name"], bar["target"], bar["top"]) for bar in widget.bars] == [
        ("height", True, False),
        ("age", False, False),
    ]
    values = quantities.logits(covered(image))
    assert [bar["now"] for bar in widget.bars] == pytest.approx([values[1], values[0]], abs=1e-5)
    assert "%" not in widget.caption.split("covered")[1]


def test_the_caption_of_a_no_side_tells_its_own_probability(two_sided, image):
    by_hand = OcclusionByHand(Session(two_sided, image, method=Gradient, target="cat", runner=Inline()))
    assert [(bar["name"], bar["target"]) for bar in by_hand.widget.bars if bar["target"]] == [("cat", True)]
    share = two_sided.probabilities(image)[0]
    assert by_hand.widget.caption == f"Nothing is covered. cat: {100 * share:.1f} %."


# ---- Explorers


def test_every_explorer_takes_a_regression_network(quantities, image):
    for explorer in (Explorer, OcclusionExplorer, SaliencyExplorer, CAMExplorer):
        session = Session(quantities, image, runner=Inline())
        shown = explorer(session=session)
        shown.session.target = Target(1)
        assert shown.session.status == "done", shown.session.message
        assert "height" in shown.result.request.caption
        assert shown.session.probabilities is None
        shown.close()


def test_there_is_no_class_map_of_quantities(quantities, image, session):
    explorer = OcclusionExplorer(session=Session(quantities, image, method=Occlusion(8, 8), runner=Inline()))
    assert len(explorer.pictures.widget.children) == 2
    explorer.session.open(session.network)
    assert len(explorer.pictures.widget.children) == 3


def test_a_probability_that_does_not_exist_is_a_sentence_in_the_status_line(quantities, image):
    session = Session(quantities, image, method=Occlusion(8, 8, score="probability"), runner=Inline())
    assert session.status == "failed"
    assert session.message.startswith("A regression network has no probabilities")


def test_a_difference_stands_first_in_the_row_of_classes(session):
    explorer = CAMExplorer(session=session)
    session.target = Target(2) - Target(0)
    explorer.mode.value = "classes"
    titles = [panel.picture.title for panel in explorer.panels.panels[: len(explorer.results)]]
    assert titles[0] == "dog rather than cat"
    assert len(titles) == len(CLASSES) + 1


def test_both_sides_of_a_sigmoid_stand_in_the_row_of_classes(two_sided, image):
    explorer = CAMExplorer(session=Session(two_sided, image, runner=Inline()))
    explorer.mode.value = "classes"
    assert [result.request.target for result in explorer.results] == [-Target(0), Target(0)]
    no, yes = two_sided.probabilities(image)
    titles = [panel.picture.title for panel in explorer.panels.panels[:2]]
    assert titles == [f"{100 * no:.1f} % · cat", f"{100 * yes:.1f} % · dog"]


# ---- What a picture is made for


@pytest.fixture
def score_picker(network):
    method = replace(MaximalActivation.suited_to(32), steps=1)
    session = Session(network, None, method=method, runner=Inline(), variants=lambda settings: ())
    picker = ScorePicker(session, lambda network: Target(0))
    yield picker
    picker.close()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(0) - Target(2), "cat rather than dog"),
        (Target("conv1", 1, region=((0, 2), (1, 4))), "channel 1 of conv1 in rows 0 to 1, columns 1 to 3"),
        (Target("conv1", 1) + Target("conv1", 2), "channel 1 of conv1 + channel 2 of conv1"),
    ],
)
def test_a_score_that_cannot_be_picked_is_told_of_and_left_by_a_click(target, words, score_picker):
    session = score_picker.session
    session.target = target
    assert score_picker.kind.value is None
    assert words in score_picker.other.value
    assert score_picker.classes.selected == NOTHING
    score_picker.kind.value = "class"
    assert session.target == Target(0)
    assert score_picker.classes.selected == 0


def test_a_time_step_is_told_of_and_not_shown_as_a_cell_of_a_grid(score_picker):
    image = keras.Input((6, 8, 3))
    steps = keras.layers.Reshape((6, 32), name="steps")(keras.layers.Conv2D(4, 1)(image))
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(steps)))
    score_picker.session.network = Network(model, value_range=(0, 1))
    score_picker.session.target = Target("steps", 3, position=(2,))
    assert score_picker.kind.value is None
    assert "unit 2 of channel 3 of steps" in score_picker.other.value


def test_a_unit_given_as_a_box_of_one_cell_is_a_unit(score_picker):
    score_picker.session.target = Target("conv1", 2, region=((3, 4), (5, 6)))
    assert score_picker.kind.value == "unit"
    assert (score_picker.channel.value, score_picker.row.value, score_picker.column.value) == (2, 3, 5)


def test_both_sides_of_a_sigmoid_can_be_picked_to_make_a_picture_for(two_sided, score_picker):
    score_picker.session.open(two_sided)
    assert score_picker.classes.names == ["cat", "dog"]
    score_picker.classes.selected = 0
    assert score_picker.session.target == -Target(0)
    assert score_picker.classes.selected == 0
