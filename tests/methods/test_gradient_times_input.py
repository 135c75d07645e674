"""Gradient × input: exact for a linear network, and what its baseline and its rule change."""

from pathlib import Path

import numpy as np
import pytest
from weighted_sums import weighted_sum

import cnnviz_widgets
from cnnviz_widgets.methods.gradient_times_input import GradientTimesInput
from cnnviz_widgets.request import compute

IMAGE = np.array([[[10, 20], [30, 40]], [[50, 60], [70, 80]]], np.float32)


@pytest.fixture(scope="module")
def linear():
    """The score is the sum of the pixels, each times its weight, and a bias."""
    return weighted_sum(bias=5, value_range=(0, 100))


def test_each_pixel_adds_its_weight_times_its_value(linear):
    result = compute(GradientTimesInput(), linear, IMAGE, target=0)
    assert result.array.tolist() == [[10 - 20, 80], [150, -140 + 80]]
    assert result.signed


def test_from_a_grey_baseline_only_the_difference_counts(linear):
    result = compute(GradientTimesInput(baseline=0.5), linear, IMAGE, target=0)  # the grey of 50
    assert result.array.tolist() == [[-40 + 30, -20], [0, -40 + 30]]


@pytest.mark.parametrize("baseline", [0, 0.25, 1])
def test_the_sum_is_the_scores_difference_from_the_baselines(linear, baseline):
    grey = np.full_like(IMAGE, 100 * baseline)
    result = compute(GradientTimesInput(baseline=float(baseline)), linear, IMAGE, target=0)
    assert result.array.sum() == linear.logits(IMAGE)[0] - linear.logits(grey)[0]


def test_it_is_the_gradient_times_the_pixels(small, picture):
    for rule in ("standard", "guided"):
        expected = (small.gradient(picture, 2, rule) * picture.array).sum(axis=-1)
        result = compute(GradientTimesInput(relu=rule), small, picture, target=2)
        assert result.array == pytest.approx(expected, abs=1e-7)
        assert ("relus_rewritten" in [note.kind for note in result.notes]) == (rule == "guided")


def test_the_guide_for_contributors_shows_the_file_as_it_is():
    package = Path(cnnviz_widgets.__file__).parent
    guide = package.parent / "CONTRIBUTING.md"
    if not guide.exists():
        pytest.skip("installed without the repository around it")
    assert (package / "methods/gradient_times_input.py").read_text("utf-8") in guide.read_text("utf-8")
