"""Integrated gradients: exact for a linear network, complete for one with biases, and honest where it is not."""

import numpy as np
import pytest
from weighted_sums import WEIGHTS, weighted_sum

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import blurred
from cnnviz_widgets.methods import integrated_gradients
from cnnviz_widgets.methods.integrated_gradients import NOISES, RULES, IntegratedGradients, completeness
from cnnviz_widgets.request import compute, steps

IMAGE = np.array([[[10, 20], [30, 40]], [[50, 60], [70, 80]]], np.float32)
BASELINES = ("black", "grey", "white", "blur", "noise")


@pytest.fixture(scope="module")
def linear():
    """The score is the sum of the pixels, each times its weight, and a bias."""
    return weighted_sum(bias=5, value_range=(0, 100))


class Power:
    """A network of one pixel whose score is its power: what each pixel adds is known without any sum."""

    value_range = (0, 2)

    def __init__(self, power):
        self.power = power

    def gradient(self, images, target):
        return self.power * images ** (self.power - 1)

    def scores(self, images, target):
        return (getattr(images, "array", images) ** self.power).sum(axis=(-3, -2, -1))


def last(method, network, image):
    *_, result = method.run(network, image, Target(0))
    return result


def numbers(result):
    """What the note about completeness tells."""
    (note,) = [note for note in result.notes if note.kind == "completeness"]
    return note.numbers


def kinds(result):
    return [note.kind for note in result.notes]


# ---- Exact where it can be


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("baseline", "level"), [("black", 0), ("grey", 50), ("white", 100)])
def test_of_a_linear_network_each_pixel_adds_its_weight_times_its_distance(rule, baseline, level, linear):
    result = compute(IntegratedGradients(baseline, rule, steps=7), linear, IMAGE, target=0)
    assert result.array == pytest.approx((WEIGHTS * (IMAGE - level)).sum(axis=-1), rel=1e-6, abs=1e-4)
    assert numbers(result)["error"] == pytest.approx(0, abs=1e-3)  # of scores of some hundred
    assert result.signed
    assert result.unit == "score"


def test_the_blurred_image_and_noise_are_baselines_too(linear):
    blur = compute(IntegratedGradients("blur", steps=7), linear, IMAGE, target=0)
    assert blur.array == pytest.approx((WEIGHTS * (IMAGE - blurred(IMAGE))).sum(axis=-1), rel=1e-5, abs=1e-4)
    method = IntegratedGradients("noise", steps=7, seed=4)
    noise = method.baselines(IMAGE, (0, 100))
    assert noise.shape == (NOISES, 2, 2, 2)
    assert len(np.unique(noise)) == noise.size
    assert (noise.min() >= 0, noise.max() <= 100, noise.max() > 50) == (True, True, True)
    expected = (WEIGHTS * (IMAGE - noise.mean(axis=0))).sum(axis=-1)
    assert compute(method, linear, IMAGE, target=0).array == pytest.approx(expected, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(("rule", "power"), [("midpoint", 2), ("gauss-legendre", 2), ("gauss-legendre", 9)])
def test_a_power_is_integrated_exactly_as_far_as_the_rule_reaches(rule, power):
    """Midpoints are exact for a gradient that is linear, n Gauss-Legendre nodes below a degree of 2 n."""
    image = InputImage(np.array([[[1.5]], [[0.5]]]))
    result = last(IntegratedGradients("black", rule, steps=5), Power(power), image)
    assert result.array[:, 0] == pytest.approx([1.5**power, 0.5**power], rel=1e-5)


def test_the_midpoint_rule_comes_nearer_with_the_square_of_the_steps():
    image = InputImage(np.full((1, 1, 1), 1.0))
    errors = [numbers(last(IntegratedGradients("black", "midpoint", n), Power(3), image))["error"] for n in (5, 10)]
    assert errors == pytest.approx([-1 / 100, -1 / 400], rel=1e-3)  # -1 / (4 n²) for x³


# ---- Complete


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_map_sums_to_the_scores_difference_in_a_network_with_biases(baseline, small, picture):
    biased = [small.model.get_layer(name).bias.numpy() for name in ("conv1", "conv2", "scores")]
    assert all(np.abs(bias).max() > 0.1 for bias in biased)  # without any, one step would be exact
    for index in range(5):
        told = numbers(compute(IntegratedGradients(baseline, "midpoint", 50), small, picture, target=index))
        assert told["score"] == pytest.approx(small.logits(picture)[index], abs=1e-6)
        assert told["difference"] == pytest.approx(told["score"] - told["from"])
        # From a grey, a blur or noise the score hardly changes here, so that some differences are near zero.
        allowed = 1e-2 * abs(told["difference"]) if baseline in ("black", "white") else 1e-3
        assert abs(told["sum"] - told["difference"]) < allowed
        assert told["error"] == pytest.approx(told["sum"] - told["difference"])


@pytest.mark.parametrize("rule", RULES)
def test_more_steps_do_not_miss_by_more(rule, small, picture):
    few, many = (
        sum(
            abs(numbers(compute(IntegratedGradients("black", rule, n), small, picture, target=k))["error"])
            for k in range(5)
        )
        for n in (10, 200)
    )
    assert many < few


def test_the_sum_is_that_of_the_map(small, picture):
    result = compute(IntegratedGradients(), small, picture, target=3)
    assert numbers(result)["sum"] == pytest.approx(result.array.sum(dtype=np.float64), rel=1e-5)


def test_a_channel_of_a_layer_is_complete_too(small, picture):
    target = Target("conv2", 1)
    told = numbers(compute(IntegratedGradients(), small, picture, target=target))
    assert told["difference"] == pytest.approx(
        small.scores(picture, target) - small.scores(np.full((1, 12, 12, 3), 0.5), target)[0], abs=1e-6
    )
    assert told["error"] == pytest.approx(0, abs=1e-2 * abs(told["difference"]))


# ---- Honest


def notes_of(array, score, from_score):
    return [note.kind for note in completeness(np.array(array, np.float64), score, from_score)]


def test_an_error_beyond_five_percent_is_called_incomplete():
    assert notes_of([[1.04]], 1.0, 0.0) == ["completeness"]
    assert notes_of([[1.06]], 1.0, 0.0) == ["completeness", "incomplete"]
    assert notes_of([[-0.94]], 0.0, 1.0) == ["completeness", "incomplete"]


def test_where_the_difference_is_near_zero_the_error_is_held_against_the_map():
    assert notes_of([[10, -9.995]], 0.0, 0.0) == ["completeness"]  # 0.005 of 20
    assert notes_of([[10, -9.9]], 0.0, 0.0) == ["completeness", "incomplete"]  # 0.1 of 20
    assert notes_of([[0.0]], 1.0 + 1e-7, 1.0) == ["completeness"]  # rounding
    assert notes_of([[0.0]], 0.0, 0.0) == ["completeness"]


def test_too_few_steps_over_a_jump_are_told():
    class Jump(Power):
        """Rises from 0 to 1 between 0.30 and 0.31, between two steps, where no gradient sees it."""

        def gradient(self, images, target):
            return np.where((images > 0.3) & (images < 0.31), 100.0, 0)

        def scores(self, images, target):
            return np.clip((getattr(images, "array", images) - 0.3) * 100, 0, 1).sum(axis=(-3, -2, -1))

    result = last(IntegratedGradients("black", "midpoint", 10), Jump(1), InputImage(np.full((1, 1, 1), 1.0)))
    assert kinds(result) == ["completeness", "incomplete"]
    assert not result.array.any()


def test_pixels_that_equal_the_baseline_are_counted(small):
    half = np.zeros((12, 12, 3))
    half[:6] = 0.7
    black = compute(IntegratedGradients("black", steps=5), small, half, target=1)
    (note,) = [note for note in black.notes if note.kind == "equals_baseline"]
    assert note.numbers == {"share": 0.5}
    assert not black.array[6:].any()
    assert "equals_baseline" not in kinds(compute(IntegratedGradients("grey", steps=5), small, half, target=1))
    assert "equals_baseline" not in kinds(compute(IntegratedGradients("noise", steps=5), small, half, target=1))


# ---- On the way


@pytest.mark.parametrize("baseline", ["black", "noise"])
def test_the_size_of_a_batch_changes_nothing(baseline, small, picture, monkeypatch):
    before = compute(IntegratedGradients(baseline, steps=23), small, picture, target=2).array
    for batch in (1, 9):
        small.cache.clear()
        monkeypatch.setattr(integrated_gradients, "BATCH", batch)
        after = compute(IntegratedGradients(baseline, steps=23), small, picture, target=2).array
        assert after == pytest.approx(before, abs=1e-5 * float(np.abs(before).max()))


def test_the_first_step_is_a_rough_picture_of_the_whole_way(small, picture):
    small.cache.clear()
    first, *_, exact = steps(IntegratedGradients("black", steps=64), small, picture, target=2)
    assert first.progress == 8 / 64
    assert np.corrcoef(first.array.ravel(), exact.array.ravel())[0, 1] > 0.95
    assert first.array.sum() == pytest.approx(exact.array.sum(), rel=0.2)
    assert "completeness" not in kinds(first)
