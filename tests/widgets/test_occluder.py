import threading

import numpy as np
import pytest

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import FILLS, cover
from cnnviz_widgets.runner import Inline, LatestWins
from cnnviz_widgets.session import Session
from cnnviz_widgets.widgets.front.occluder import Occluder
from cnnviz_widgets.widgets.parts import occlusion_by_hand
from cnnviz_widgets.widgets.parts.occlusion_by_hand import OcclusionByHand, bars_of, caption_of

from .conftest import small_network

RECTANGLE = [4, 6, 10, 8]  # top, left, height, width
SLICES = (slice(4, 14), slice(6, 14))


@pytest.fixture
def occluder():
    widget = Occluder(fills={"grey": "Grey.", "white": "White."}, fill="grey")
    widget.show_image(np.zeros((20, 30, 3), np.uint8), np.ones((20, 30, 3), np.uint8))
    return widget


@pytest.fixture
def by_hand(session):
    return OcclusionByHand(session)


def drag(widget, rectangle, **state):
    """What a browser sends of a drag."""
    widget.set_state({"rectangle": rectangle, "asked": widget.asked + 1, **state})


def expected(session, fill="grey", slices=SLICES, target=None):
    network, image = session.network, session.image
    return cover(
        network, image, FILLS[fill](image.array, network.value_range), slices, network.target(target or None, image)
    )


def now(widget):
    """{name: probability} as the bars show them."""
    return {bar["name"]: bar["now"] for bar in widget.bars}


# ---- The widget alone


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([2, 3, 4, 5], [2, 3, 4, 5]),
        ([-5, -5, 10, 10], [0, 0, 5, 5]),
        ([15, 25, 100, 100], [15, 25, 5, 5]),
        ([50, 50, 4, 4], []),
        ([2, 3, 0, 5], []),
        ([10**12, 0, 1, 1], []),
        ([], []),
    ],
)
def test_a_rectangle_is_cut_to_the_image(occluder, sent, kept):
    occluder.set_state({"rectangle": sent})
    assert occluder.rectangle == kept


@pytest.mark.parametrize("wrong", [[1, 2, 3], [1, 2, 3, 4, 5], "all", [1.5, 2, 3, 4], None])
def test_what_is_no_rectangle_changes_nothing(occluder, wrong):
    occluder.set_state({"rectangle": [2, 3, 4, 5]})
    occluder.set_state({"rectangle": wrong})
    assert occluder.rectangle == [2, 3, 4, 5]


def test_a_browser_writes_the_rectangle_and_the_fill_and_nothing_that_is_shown(occluder):
    occluder.set_state(
        {"caption": "<b>mine</b>", "answered": 99, "image": b"", "window": [0, 0, 1, 1], "fill": "white"}
    )
    assert (occluder.caption, occluder.answered, occluder.window) == ("", 0, [])
    assert occluder.image
    assert occluder.fill == "white"


def test_an_unknown_fill_is_not_taken(occluder):
    occluder.set_state({"fill": "gold"})
    assert occluder.fill == "grey"


def test_a_smaller_image_cuts_the_rectangle(occluder):
    occluder.rectangle = [10, 20, 10, 10]
    occluder.show_image(np.zeros((15, 22, 3), np.uint8), np.zeros((15, 22, 3), np.uint8))
    assert occluder.rectangle == [10, 20, 5, 2]
    occluder.show_image(np.zeros((5, 5, 3), np.uint8), np.zeros((5, 5, 3), np.uint8))
    assert occluder.rectangle == []


# ---- By hand


def test_before_anything_is_covered_the_bars_show_the_image_as_it_is(session, by_hand):
    clean = session.network.probabilities(session.image)
    assert now(by_hand.widget) == pytest.approx(dict(zip(session.network.class_names, clean, strict=True)), abs=1e-6)
    assert all(bar["clean"] == bar["now"] for bar in by_hand.widget.bars)
    assert by_hand.widget.caption.startswith("Nothing is covered")


@pytest.mark.parametrize("fill", FILLS)
def test_a_rectangle_is_answered_with_what_the_network_says_of_the_covered_image(session, by_hand, fill):
    drag(by_hand.widget, RECTANGLE, fill=fill)
    image = session.image.array.copy()
    image[SLICES] = FILLS[fill](session.image.array, session.network.value_range)[SLICES]
    probabilities = session.network.probabilities(image)
    assert now(by_hand.widget) == pytest.approx(
        dict(zip(session.network.class_names, probabilities, strict=True)), abs=1e-6
    )


@pytest.mark.parametrize("fill", ["white", "blur"])
def test_the_page_has_the_pixels_of_the_fill(session, by_hand, fill):
    by_hand.widget.set_state({"fill": fill})
    pixels = np.frombuffer(by_hand.widget.covering, np.uint8).reshape(32, 32, 3)
    wanted = FILLS[fill](session.image.array, (0, 255))
    assert np.abs(pixels - wanted).max() <= 0.51
    assert np.frombuffer(by_hand.widget.image, np.uint8).tobytes() == session.image.rgb().tobytes()


def test_every_question_is_answered_by_its_number(by_hand):
    for number in (1, 2, 3):
        drag(by_hand.widget, [number, 0, 5, 5])
        assert by_hand.widget.answered == by_hand.widget.asked == number


def test_a_rectangle_that_is_removed_leaves_the_clean_image(session, by_hand):
    drag(by_hand.widget, RECTANGLE)
    drag(by_hand.widget, [])
    assert all(bar["clean"] == bar["now"] for bar in by_hand.widget.bars)


def test_another_class_is_told_of_without_another_drag(session, by_hand):
    drag(by_hand.widget, RECTANGLE)
    session.target = Target(2)
    assert "dog" in by_hand.widget.caption
    assert by_hand.widget.bars[0]["name"] == "dog"
    assert by_hand.widget.bars[0]["target"]
    assert by_hand.widget.rectangle == RECTANGLE


def test_another_image_keeps_the_rectangle_and_gets_an_answer_of_its_own(session, by_hand):
    drag(by_hand.widget, RECTANGLE)
    session.image = session.image.array[::-1].copy()
    assert by_hand.widget.rectangle == RECTANGLE
    assert by_hand.widget.bars[0]["now"] == pytest.approx(expected(session).now[by_hand_top(session)], abs=1e-6)
    assert by_hand.widget.image == session.image.rgb().tobytes()


def by_hand_top(session):
    return int(session.network.probabilities(session.image).argmax())


def test_a_question_that_fails_is_answered_in_a_sentence_and_the_next_one_works(session, by_hand, monkeypatch):
    def fails(*_):
        raise ValueError("That is too much. Received: it.")

    before = by_hand.widget.bars
    with monkeypatch.context() as patch:
        patch.setattr(occlusion_by_hand, "cover", fails)
        drag(by_hand.widget, RECTANGLE)
    assert by_hand.widget.failed
    assert by_hand.widget.caption == "That is too much. Received: it."
    assert by_hand.widget.answered == by_hand.widget.asked  # else the browser would wait for ever
    assert by_hand.widget.bars == before
    drag(by_hand.widget, RECTANGLE)
    assert not by_hand.widget.failed


def test_without_a_network_or_an_image_nothing_is_asked_and_nothing_waits():
    by_hand = OcclusionByHand(Session(runner=Inline()))
    drag(by_hand.widget, RECTANGLE)
    assert by_hand.widget.answered == by_hand.widget.asked
    assert by_hand.widget.rectangle == []
    assert by_hand.widget.bars == []


def test_while_one_answer_is_made_only_the_newest_rectangle_waits(network, image, monkeypatch):
    session = Session(network, image, runner=LatestWins())
    covered, reached, go_on, all_done = [], threading.Event(), threading.Event(), threading.Event()

    def slowly(network, image, fill, rectangle, target):
        covered.append(rectangle and rectangle[0].start)
        if covered[-1] == 1:
            reached.set()
            assert go_on.wait(60)
        return cover(network, image, fill, rectangle, target)

    by_hand = OcclusionByHand(session)
    by_hand.widget.observe(lambda change: change["new"] == 5 and all_done.set(), "answered")
    monkeypatch.setattr(occlusion_by_hand, "cover", slowly)
    drag(by_hand.widget, [1, 0, 5, 5])
    assert reached.wait(60)
    for top in (2, 3, 4, 5):
        drag(by_hand.widget, [top, 0, 5, 5])  # returns at once: the kernel is not kept waiting
    go_on.set()
    assert all_done.wait(60)
    assert covered[-2:] == [1, 5]
    by_hand.close()
    session.close()


def test_a_hand_does_not_wait_for_a_map_but_shares_its_lock(network, image):
    session = Session(network, image, runner=LatestWins())
    by_hand = OcclusionByHand(session)
    assert by_hand._runner is not session.runner
    assert by_hand._runner.lock is session.runner.lock
    by_hand.close()
    assert not session.runner._closed
    session.close()


# ---- Words and bars


def test_the_bars_are_the_target_the_top_five_and_the_class_that_wins_now():
    network = small_network(classes=[f"c{k}" for k in range(9)])
    image = np.random.default_rng(3).uniform(0, 255, (32, 32, 3)).astype(np.float32)
    clean = np.array([0.02, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.03], np.float32)
    other = np.roll(clean, 7)  # now c8 wins
    answer = occlusion_by_hand.cover(network, session_image(image), image, None, Target(0))
    answer = type(answer)(clean, other, 1.0, 0.5)
    bars = bars_of(answer, Target(0), network)
    assert [bar["name"] for bar in bars] == ["c0", "c1", "c2", "c3", "c4", "c5", "c8"]
    assert [bar["name"] for bar in bars if bar["target"]] == ["c0"]
    assert [bar["name"] for bar in bars if bar["top"]] == ["c8"]
    assert bars[6]["clean"] == pytest.approx(0.03)
    assert bars[6]["now"] == pytest.approx(0.3)


def session_image(array):
    from cnnviz_widgets.core.image import InputImage

    return InputImage(array)


def test_the_caption_tells_of_a_rise_as_a_rise(session):
    place = occlusion_by_hand.CoveredArea("grey", tuple(RECTANGLE))
    found = expected(session)
    for score, word in ((found.clean_score - 1, "logit drop 1."), (found.clean_score + 1, "logit rise 1.")):
        answer = type(found)(found.clean, found.now, found.clean_score, score)
        assert word in caption_of(answer, Target(0), session.network, place, session.image)


def test_the_caption_of_a_channel_speaks_of_activation_not_of_probability(session, by_hand):
    session.target = Target("conv1", 1)
    drag(by_hand.widget, RECTANGLE)
    assert "channel 1 of conv1" in by_hand.widget.caption
    assert "%" not in by_hand.widget.caption.split("covered")[1]
    assert not any(bar["target"] for bar in by_hand.widget.bars)
