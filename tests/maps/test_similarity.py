"""Rank correlation and SSIM against numbers worked out on paper, and a slow route that follows the papers' formulas."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnnviz_widgets.maps.similarity import Similarity, gaussian, ranks, spearman, ssim

whole = arrays.arrays(np.float64, (4, 5), elements=st.integers(-5, 5).map(float))


def maps(seed, shape=(14, 17)):
    random = np.random.default_rng(seed)
    return random.normal(size=shape), random.normal(size=shape)


def test_equal_values_share_the_mean_of_their_places():
    np.testing.assert_array_equal(ranks(np.array([3.0, 1.0, 3.0, 3.0, 0.0])), [3, 1, 3, 3, 0])


@given(whole)
def test_a_rank_is_how_many_are_less_and_half_of_the_others_that_are_equal(values):
    flat = values.ravel()
    slow = [(flat < value).sum() + ((flat == value).sum() - 1) / 2 for value in flat]
    np.testing.assert_array_equal(ranks(flat), slow)


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
def test_without_ties_it_is_the_formula_of_squared_differences(order):
    differences = np.array(order) - np.arange(4)
    expected = 1 - 6 * (differences**2).sum() / (4 * (4**2 - 1))
    assert spearman(np.arange(4.0), np.array(order, float)) == pytest.approx(expected)


def test_with_a_tie_it_is_the_correlation_of_the_ranks():
    # Ranks (0, 1.5, 1.5, 3) and (0, 1, 2, 3): 4.5 / sqrt(4.5 * 5).
    assert spearman(np.array([1, 2, 2, 3.0]), np.array([1, 2, 3, 4.0])) == pytest.approx(4.5 / np.sqrt(22.5))


def test_what_keeps_the_order_gives_one_and_what_turns_it_round_minus_one():
    values, _ = maps(0)
    assert spearman(values, np.exp(3 * values)) == pytest.approx(1)
    assert spearman(values, -(values**3)) == pytest.approx(-1)


def test_a_map_that_is_the_same_everywhere_orders_nothing():
    values, _ = maps(0)
    assert spearman(values, np.ones_like(values)) == 0
    assert spearman(np.zeros(4), np.ones(4)) == 1


@given(whole, whole)
def test_it_is_symmetric_and_no_larger_than_one(one, other):
    assert spearman(one, other) == pytest.approx(spearman(other, one))
    assert ssim(one, other) == pytest.approx(ssim(other, one))
    assert abs(spearman(one, other)) <= 1 + 1e-12
    assert abs(ssim(one, other)) <= 1 + 1e-12


@given(whole)
def test_a_map_is_like_itself(values):
    assert Similarity.of(values, values) == Similarity(*[pytest.approx(1)] * 3)


def test_a_sign_counts_for_the_values_not_for_their_sizes():
    values, _ = maps(0)
    found = Similarity.of(values, -values)
    assert found.spearman == pytest.approx(-1)
    assert found.spearman_absolute == pytest.approx(1)
    assert found.ssim < 0


def slow_ssim(one, other, size):
    """Equation 13 of the paper, window by window, with weights in two dimensions."""
    one, other = ((values - values.min()) / np.ptp(values) for values in (one, other))
    distance = np.arange(size) - size // 2
    sigma = 1.5 * size / 11
    weights = np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * sigma**2))
    weights /= weights.sum()
    found = []
    for row in range(one.shape[0] - size + 1):
        for column in range(one.shape[1] - size + 1):
            x, y = (values[row : row + size, column : column + size] for values in (one, other))
            mx, my = (weights * x).sum(), (weights * y).sum()
            vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            cov = (weights * (x - mx) * (y - my)).sum()
            c1, c2 = 0.01**2, 0.03**2
            found.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return np.mean(found)


@pytest.mark.parametrize(
    ("shape", "size"), [((14, 17), 11), ((11, 30), 11), ((7, 7), 7), ((8, 20), 7), ((2, 5), 1), ((4, 3), 3)]
)
def test_it_is_the_papers_formula_with_the_largest_window_that_fits(shape, size):
    one, other = maps(3, shape)
    assert ssim(one, one + 0.5 * other) == pytest.approx(slow_ssim(one, one + 0.5 * other, size), rel=1e-9)


def test_two_maps_of_two_cells_by_hand():
    # A window of one cell has no variance, so only brightness counts: cells (0, 1) against (1, 0).
    assert ssim(np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])) == pytest.approx(1e-4 / (1 + 1e-4))


def test_scale_and_offset_of_a_map_do_not_count():
    one, other = maps(5)
    assert ssim(one, other) == pytest.approx(ssim(7 * one - 3, other / 9))


def test_a_constant_map_is_like_another_constant_one_and_unlike_what_has_structure():
    values, _ = maps(1)
    assert ssim(np.full((9, 9), 3.0), np.full((9, 9), -8.0)) == 1
    assert abs(ssim(values, np.ones_like(values))) < 0.05


def test_the_window_is_that_of_the_paper():
    weights = gaussian(11)
    assert weights.sum() == pytest.approx(1)
    assert weights[5] / weights[8] == pytest.approx(np.exp(3**2 / (2 * 1.5**2)))


def test_what_is_not_a_number_is_not_compared():
    values, other = maps(0)
    broken = values.copy()
    broken[2, 3] = np.nan
    assert np.isnan([*vars(Similarity.of(broken, other)).values()]).all()
    broken[2, 3] = np.inf
    assert np.isnan([*vars(Similarity.of(other, broken)).values()]).all()


@pytest.mark.parametrize("shapes", [((3, 4), (4, 3)), ((3,), (3,)), ((2, 2, 3), (2, 2, 3)), ((0, 3), (0, 3))])
def test_maps_of_different_sizes_are_refused(shapes):
    with pytest.raises(ValueError, match="of one size are compared. Received: "):
        Similarity.of(*map(np.zeros, shapes))
