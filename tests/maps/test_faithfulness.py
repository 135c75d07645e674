"""Deletion and insertion, on a network whose score is a weighted sum of the pixels: every curve is known on paper."""

import itertools

import numpy as np
import pytest
from weighted_sums import weighted_sum

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.faithfulness import changed, deletion_and_insertion, ranked
from cnnviz_widgets.maps.masking import blurred

SIDE = 6
PIXELS = SIDE * SIDE
WEIGHTS = np.random.default_rng(1).normal(size=(PIXELS, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def linear():
    """logits = pixels @ WEIGHTS + (1, -1); grey, no softmax."""
    return weighted_sum(WEIGHTS.reshape(SIDE, SIDE, 1, 2), (1, -1))


@pytest.fixture(scope="module")
def grey():
    return InputImage(np.random.default_rng(2).uniform(0, 1, (SIDE, SIDE, 1)))


def last(*arguments, **options):
    *_, found = deletion_and_insertion(*arguments, **options)
    return found


def oracle(grey, fill=0.0):
    """(rows, columns): what each pixel adds to class 0 beyond what the fill would add."""
    return (grey.array.ravel() - fill).reshape(SIDE, SIDE) * WEIGHTS[:, 0].reshape(SIDE, SIDE)


def test_deleting_by_the_true_shares_loses_the_largest_ones_first(linear, grey):
    found = last(linear, grey, 0, oracle(grey), steps=PIXELS, fill="black", score="logit")
    shares = np.sort(oracle(grey), axis=None)[::-1]
    expected = float(linear.logits(grey)[0]) - np.concatenate([[0], np.cumsum(shares)])
    np.testing.assert_allclose(found.deletion, expected, atol=1e-4)
    np.testing.assert_allclose(found.shares, np.arange(PIXELS + 1) / PIXELS)
    assert found.deletion_area == pytest.approx((expected[1:] + expected[:-1]).mean() / 2, abs=1e-4)
    assert found.unit == "logit"


def test_inserting_begins_with_the_blurred_image_and_ends_with_the_image(linear, grey):
    found = last(linear, grey, 0, oracle(grey), steps=9, score="logit")
    blur = float(linear.logits(blurred(grey.array))[0])
    own = float(linear.logits(grey)[0])
    for curve in (found.insertion, *found.random_insertion):
        np.testing.assert_allclose(curve[[0, -1]], [blur, own], atol=1e-5)
    gains = np.sort((grey.array - blurred(grey.array)).ravel() * WEIGHTS[:, 0])[::-1]
    by_gain = last(
        linear,
        grey,
        0,
        ((grey.array - blurred(grey.array)).ravel() * WEIGHTS[:, 0]).reshape(SIDE, SIDE),
        steps=PIXELS,
        score="logit",
    )
    np.testing.assert_allclose(by_gain.insertion, blur + np.concatenate([[0], np.cumsum(gains)]), atol=1e-4)
    assert (by_gain.random_insertion_areas < by_gain.insertion_area).all()


@pytest.mark.parametrize("fill", ["black", "mean", "blur"])
def test_deletion_ends_where_nothing_of_the_image_is_left(linear, grey, fill):
    empty = {"black": 0, "mean": grey.array.mean(), "blur": blurred(grey.array)}[fill]
    end = float(linear.logits(np.broadcast_to(empty, grey.shape).astype(np.float32))[0])
    found = last(linear, grey, 0, oracle(grey), steps=5, fill=fill, score="logit")
    for curve in (found.deletion, *found.random_deletion):
        np.testing.assert_allclose(curve[[0, -1]], [linear.logits(grey)[0], end], atol=1e-5)


def test_a_random_order_loses_the_shares_as_it_meets_them(linear, grey):
    found = last(linear, grey, 0, oracle(grey), steps=PIXELS, fill="black", score="logit", orders=2, seed=7)
    for number, curve in enumerate(found.random_deletion):
        order = np.random.default_rng([7, number]).permutation(PIXELS)
        expected = float(linear.logits(grey)[0]) - np.concatenate([[0], np.cumsum(oracle(grey).ravel()[order])])
        np.testing.assert_allclose(curve, expected, atol=1e-4)


def test_random_orders_fall_along_a_straight_line_on_average(linear, grey):
    found = last(linear, grey, 0, oracle(grey), steps=PIXELS, fill="black", score="logit", orders=200)
    start, end = found.deletion[[0, -1]]
    # A sum of k of n numbers drawn without putting back: its variance is that of the numbers times k (n - k) / (n - 1).
    middle, half = found.random_deletion[:, PIXELS // 2], PIXELS // 2
    deviation = np.sqrt(oracle(grey).var() * half * half / (PIXELS - 1))
    assert middle.mean() == pytest.approx((start + end) / 2, abs=4 * deviation / np.sqrt(200))
    assert middle.std() == pytest.approx(deviation, rel=0.25)
    assert found.deletion_area < found.random_deletion_areas.min()


def test_the_probability_is_watched_unless_the_logit_is_asked_for(linear, grey):
    found = last(linear, grey, 1, oracle(grey), steps=4)
    assert found.unit == "probability"
    assert found.deletion[0] == pytest.approx(float(linear.probabilities(grey)[1]), abs=1e-6)


def test_a_channel_is_watched_by_its_own_score(small, picture):
    found = last(small, picture, Target("conv1", 1), np.zeros((12, 12)), steps=3)
    assert found.unit == "activation"
    assert found.insertion[-1] == pytest.approx(float(small.scores(picture, Target("conv1", 1))), rel=1e-5)


def test_a_coarse_map_is_laid_over_the_image(linear, grey):
    quarters = np.array([[0.0, 3.0], [1.0, 2.0]])
    found = last(linear, grey, 0, quarters, steps=4, fill="black", score="logit", seed=1)
    top_right = grey.array[..., 0] * WEIGHTS[:, 0].reshape(SIDE, SIDE)
    # Bilinear between the middles of the quarters: the nine highest pixels are not exactly the quarter, its corner is.
    assert found.deletion[0] - found.deletion[-1] == pytest.approx(float(top_right.sum()), abs=1e-4)
    fine = last(linear, grey, 0, np.kron(quarters, np.ones((3, 3))), steps=4, fill="black", score="logit", seed=1)
    assert fine.deletion[1] == pytest.approx(fine.deletion[0] - float(top_right[:3, 3:].sum()), abs=1e-4)


def test_chance_decides_among_equal_values_and_numbers_go_before_what_is_none():
    values = np.array([[0.0, 5.0, np.nan], [0.0, 0.0, 7.0]])
    orders = [tuple(ranked(values, np.random.default_rng(seed))) for seed in range(20)]
    assert {order[:2] for order in orders} == {(5, 1)}
    assert {order[-1] for order in orders} == {2}
    assert len({order[2:5] for order in orders}) > 3


def test_so_many_pixels_are_changed_and_no_others():
    start, end = np.zeros((2, 2, 3), np.float32), np.ones((2, 2, 3), np.float32)
    pictures = changed(start, end, np.array([3, 0, 1, 2]), [0, 1, 3])
    np.testing.assert_array_equal(pictures[..., 0], [[[0, 0], [0, 0]], [[0, 0], [0, 1]], [[1, 1], [0, 1]]])
    assert not start.any()


def test_progress_rises_to_one_and_known_points_stay(linear, grey):
    linear.cache.clear()
    found = list(deletion_and_insertion(linear, grey, 0, oracle(grey), steps=PIXELS, orders=2))
    progress = [each.progress for each in found]
    assert progress == sorted(set(progress))
    assert progress[-1] == pytest.approx(1)
    for before, after in itertools.pairwise(found):
        known = np.isfinite(before.deletion)
        np.testing.assert_array_equal(before.deletion[known], after.deletion[known])
    assert np.isnan(found[0].insertion).all()
    assert np.isnan(found[0].deletion_area)


def test_another_map_of_the_same_image_finds_the_random_orders_there(linear, grey, monkeypatch):
    linear.cache.clear()
    first = last(linear, grey, 0, oracle(grey), steps=4)
    asked = []
    scores = linear.scores
    monkeypatch.setattr(
        linear, "scores", lambda batch, *rest, **of: asked.append(len(batch)) or scores(batch, *rest, **of)
    )
    second = last(linear, grey, 0, -oracle(grey), steps=4)
    assert asked == [5, 5]
    np.testing.assert_array_equal(first.random_deletion, second.random_deletion)
    last(linear, grey, 0, oracle(grey), steps=4, fill="black")
    assert len(asked) == 2 + 2 * 6


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"steps": 0}, "steps must be a whole number, 1 or more. Received: steps=0."),
        ({"orders": -1}, "orders must be a whole number, 0 or more. Received: orders=-1."),
        ({"fill": "pink"}, "fill must be one of grey, mean, black, white, blur. Received: fill='pink'."),
        ({"score": "loss"}, "score must be one of probability, logit. Received: score='loss'."),
    ],
)
def test_what_makes_no_sense_is_refused(linear, grey, wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        last(linear, grey, 0, oracle(grey), **wrong)
