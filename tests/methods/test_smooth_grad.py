"""SmoothGrad: exact where the gradient is constant, a plain average where it is not, and honest about chance."""

import numpy as np
import pytest
from weighted_sums import WEIGHTS, weighted_sum

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.methods import smooth_grad
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.methods.smooth_grad import SmoothGrad
from cnnviz_widgets.request import compute, steps


@pytest.fixture(scope="module")
def linear():
    return weighted_sum(bias=5, value_range=(0, 100))


class Quadratic:
    """A network whose score is the sum of the squared pixels: its gradient, twice the image, is linear in the noise."""

    value_range = (0, 10)

    def gradient(self, images, target):
        return 2 * images


def last(method, network, image):
    *_, result = method.run(network, image, None)
    return result


def reduced(values, reduce):
    return np.abs(values).max(axis=-1) if reduce == "max_abs" else values.sum(axis=-1)


@pytest.mark.parametrize("reduce", ["max_abs", "sum"])
def test_without_noise_it_is_the_gradient(reduce, small, picture):
    smooth = compute(SmoothGrad(noise=0, reduce=reduce), small, picture, target=2)
    plain = compute(Gradient(reduce=reduce), small, picture, target=2)
    assert np.array_equal(smooth.array, plain.array)
    assert (smooth.signed, smooth.unit) == (plain.signed, plain.unit)
    assert "standard_error" not in [note.kind for note in smooth.notes]


@pytest.mark.parametrize("reduce", ["max_abs", "sum"])
def test_of_a_linear_network_every_form_is_known(reduce, linear):
    image = np.full((2, 2, 2), 50.0)
    expected = {"plain": WEIGHTS, "squared": WEIGHTS**2, "variance": 0 * WEIGHTS}
    for form, values in expected.items():
        result = compute(SmoothGrad(noise=0.3, samples=11, form=form, reduce=reduce), linear, image, target=0)
        assert result.array.tolist() == reduced(values, reduce).tolist()


def test_it_is_the_average_over_noisy_copies(small, picture):
    """By a loop: one copy after the other, its gradient, then mean, mean square and variance as NumPy has them."""
    noise = [np.random.default_rng((3, k)).standard_normal(picture.shape, np.float32) for k in range(20)]
    gradients = np.array([small.gradient(picture.array + 0.2 * each, 2) for each in noise], np.float64)
    for form, values in {
        "plain": gradients.mean(axis=0),
        "squared": (gradients**2).mean(axis=0),
        "variance": gradients.var(axis=0),
    }.items():
        for reduce in ("max_abs", "sum"):
            result = compute(SmoothGrad(0.2, 20, form, reduce, seed=3), small, picture, target=2)
            expected = reduced(values, reduce)
            assert result.array == pytest.approx(expected, abs=1e-5 * float(np.abs(expected).max()))


def test_the_variance_is_the_mean_square_less_the_square_of_the_mean(opened, image):
    kind, network = opened("one_channel")  # whose only channel is the sum over all
    plain, squared, variance = (
        compute(SmoothGrad(samples=12, form=form, reduce="sum"), network, image(kind), target=2).array
        for form in ("plain", "squared", "variance")
    )
    assert variance.max() > 0
    assert variance == pytest.approx(squared - plain**2, abs=1e-5 * float(squared.max()))


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_the_size_of_a_batch_changes_nothing(batch, small, picture, monkeypatch):
    before = compute(SmoothGrad(samples=20), small, picture, target=2).array
    small.cache.clear()
    monkeypatch.setattr(smooth_grad, "BATCH", batch)
    assert compute(SmoothGrad(samples=20), small, picture, target=2).array == pytest.approx(before, rel=1e-5)


def test_each_step_is_the_map_of_the_copies_so_far(small, picture):
    small.cache.clear()
    results = list(steps(SmoothGrad(samples=20), small, picture, target=2))
    assert [result.progress for result in results] == [8 / 20, 16 / 20, 1]
    fewer = compute(SmoothGrad(samples=8), small, picture, target=2)
    assert results[0].array == pytest.approx(fewer.array, rel=1e-6)


def test_the_noise_is_a_share_of_the_value_range():
    """Of a quadratic score the gradient scatters by twice the noise: 2 x 0.1 x 10."""
    image = InputImage(np.full((8, 8, 3), 5.0))
    result = last(SmoothGrad(noise=0.1, samples=256, form="variance", reduce="sum"), Quadratic(), image)
    assert result.array.mean() == pytest.approx(3 * 2**2, rel=0.02)
    assert result.unit == "(score / pixel unit)²"


def test_it_says_how_much_of_the_map_is_chance():
    """Of a quadratic score the mean of n gradients has the standard error 2 x noise / root of n."""
    for level, share in ((5.0, 0.04 / 100), (0.0, 1.0)):  # 2 x 5 everywhere, or nothing but noise
        result = last(SmoothGrad(noise=0.1, samples=100), Quadratic(), InputImage(np.full((20, 20, 3), level)))
        (note,) = [note for note in result.notes if note.kind == "standard_error"]
        assert note.numbers["standard_error"] == pytest.approx(0.2, rel=0.03)
        assert note.numbers["share"] == pytest.approx(share, rel=0.06)
        assert ("take more samples" in note.text) == (share > 0.5)


def test_of_one_copy_it_does_not_tell_how_much_is_chance(small, picture):
    result = compute(SmoothGrad(samples=1), small, picture, target=2)
    assert "standard_error" not in [note.kind for note in result.notes]
