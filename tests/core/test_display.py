"""From numbers to pixels: limits, maps on images, blending, tiles."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnnviz_widgets.core import display
from cnnviz_widgets.core.display import blend, limits, outliers_cut, resize_map, tile

GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
small_maps = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# ---- limits


def test_signed_limits_are_symmetric_at_the_percentile_of_the_sizes():
    values = -np.arange(101.0)
    assert limits(values, signed=True, percentile=90) == (-90.0, 90.0)


def test_unsigned_limits_begin_at_zero_whatever_the_least_value():
    assert limits(np.arange(50.0, 151.0), signed=False, percentile=90) == (0.0, 140.0)


def test_one_hot_pixel_does_not_set_the_limits():
    values = np.ones(1000)
    values[7] = 1e6
    assert limits(values, signed=False) == (0.0, 1.0)


@pytest.mark.parametrize("signed", [True, False])
def test_a_sparse_map_takes_its_greatest_value(signed):
    values = np.zeros((100, 100))
    values[3, 4] = 5.0
    assert limits(values, signed) == (-5.0 if signed else 0.0, 5.0)


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan, np.inf], np.zeros((3, 0))])
def test_a_map_with_nothing_in_it_gets_limits_of_one(values):
    assert limits(values, signed=True) == (-1.0, 1.0)
    assert limits(values, signed=False) == (0.0, 1.0)


def test_an_unsigned_map_of_negative_values_gets_limits_of_one():
    assert limits([-3.0, -2.0], signed=False) == (0.0, 1.0)


def test_values_that_are_not_finite_do_not_move_the_limits():
    values = [1.0, 2.0, np.nan, np.inf, -np.inf]
    assert limits(values, signed=True, percentile=100) == (-2.0, 2.0)


@pytest.mark.parametrize("percentile", [-1, 101, float("nan")])
def test_a_percentile_that_is_none_is_refused(percentile):
    with pytest.raises(ValueError, match=r"between 0 and 100\. Received"):
        limits([1.0], signed=True, percentile=percentile)


@given(
    hnp.arrays(np.float32, st.integers(0, 30), elements=st.floats(width=32)),
    st.booleans(),
    st.floats(0, 100),
)
def test_low_is_always_below_high_and_both_are_finite(values, signed, percentile):
    low, high = limits(values, signed, percentile)
    assert low < high
    assert np.isfinite([low, high]).all()
    assert low == (-high if signed else 0)


def test_outliers_cut_is_the_share_beyond_the_limits():
    values = [-5.0, -1.0, 0.0, 1.0, 5.0, np.nan, np.inf, 6.0]
    assert outliers_cut(values, (-1.0, 1.0)) == pytest.approx(3 / 6)
    assert outliers_cut([np.nan], (0, 1)) == 0.0


# ---- resize_map


@pytest.mark.parametrize("k", range(7))
def test_the_peak_of_a_cell_lies_over_the_middle_of_what_the_cell_covers(k):
    cells = np.zeros((7, 7))
    cells[k, 3] = 1
    profile = resize_map(cells, 224, 224)[:, 3 * 32 + 16]
    centres = np.flatnonzero(profile == profile.max()) + 0.5
    middle = (k + 0.5) * 32
    if 0 < k < 6:
        assert centres.mean() == middle
        assert np.abs(centres - middle).max() <= 0.5
    else:  # the edge goes on outwards, so that the peak is a plateau which ends at the middle
        assert centres[-1 if k == 0 else 0] == pytest.approx(middle, abs=0.5)


def test_enlarging_is_the_bilinear_interpolation_of_the_formula():
    cells = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    out = resize_map(cells, 11, 16)
    for row, column in [(0, 0), (5, 7), (10, 15), (3, 12), (8, 1)]:
        y = min(max((row + 0.5) * 5 / 11 - 0.5, 0), 4)
        x = min(max((column + 0.5) * 3 / 16 - 0.5, 0), 2)
        top, left = int(y), int(x)
        below, right = min(top + 1, 4), min(left + 1, 2)
        upper = cells[top, left] * (1 - x % 1) + cells[top, right] * (x % 1)
        lower = cells[below, left] * (1 - x % 1) + cells[below, right] * (x % 1)
        assert out[row, column] == pytest.approx(upper * (1 - y % 1) + lower * (y % 1), rel=1e-5)


def test_a_whole_factor_keeps_the_mean_of_what_lies_inside():
    cells = np.zeros((7, 7))
    cells[2:5, 2:5] = np.random.default_rng(1).normal(size=(3, 3))
    assert resize_map(cells, 224, 224).mean() == pytest.approx(cells.mean(), rel=1e-5)


def test_shrinking_by_a_whole_factor_is_the_mean_of_each_block():
    values = np.random.default_rng(2).normal(size=(6, 8)).astype(np.float32)
    blocks = values.reshape(3, 2, 2, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(resize_map(values, 3, 2), blocks, atol=1e-6)


def test_one_axis_may_grow_while_the_other_shrinks():
    values = np.array([[1.0, 3.0], [1.0, 3.0]])
    np.testing.assert_array_equal(resize_map(values, 1, 4), [[1.0, 1.5, 2.5, 3.0]])


@settings(max_examples=60)
@given(small_maps, st.integers(1, 40), st.integers(1, 40))
def test_a_resized_map_stays_between_its_least_and_greatest_value(values, height, width):
    out = resize_map(values, height, width)
    assert out.shape == (height, width)
    assert out.dtype == np.float32
    assert values.min() <= out.min()
    assert out.max() <= values.max()


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(1, 40))
def test_a_constant_map_stays_exactly_constant(value, side):
    assert (resize_map(np.full((7, 5), value, np.float32), side, 2 * side) == value).all()


@given(small_maps)
def test_the_same_size_gives_the_same_numbers(values):
    np.testing.assert_array_equal(resize_map(values, *values.shape), values)


@given(small_maps, st.integers(1, 30), st.integers(1, 30))
def test_turning_the_map_turns_the_result(values, height, width):
    turned = resize_map(values[::-1, ::-1], height, width)[::-1, ::-1]
    scale = float(np.abs(values).max()) or 1.0
    straight = resize_map(values, height, width).astype(float)
    np.testing.assert_allclose(turned / scale, straight / scale, atol=1e-6)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_cell_that_is_no_number_spoils_only_the_pixels_it_has_a_part_in(odd):
    cells = np.ones((7, 7))
    cells[3, 3] = odd
    out = resize_map(cells, 21, 21)
    # Between the middles of cells 2 and 4, which are the pixels 7 and 13 themselves.
    assert np.isnan(out[8:13, 8:13]).all()
    out[8:13, 8:13] = 1
    assert (out == 1).all()


def test_the_callers_map_is_not_changed():
    values = np.array([[1.0, np.nan]], np.float32)
    resize_map(values, 3, 3)
    np.testing.assert_array_equal(values, np.array([[1.0, np.nan]], np.float32))


@pytest.mark.parametrize(("shape", "size"), [((3,), (4, 4)), ((2, 2, 1), (4, 4)), ((2, 2), (0, 4))])
def test_what_cannot_be_resized_is_refused(shape, size):
    with pytest.raises(ValueError, match="Received: a map of"):
        resize_map(np.ones(shape), *size)


# ---- blend


def test_without_opacity_the_picture_stays_and_with_all_of_it_only_colours_are_left():
    picture = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    values = np.linspace(0, 1, 16).reshape(4, 4)
    np.testing.assert_array_equal(blend(picture, values, (0, 1), GREYS, 0), picture)
    alone = blend(picture, values, (0, 1), GREYS, 1)
    assert alone[0, 0].tolist() == [0, 0, 0]
    assert alone[3, 3].tolist() == [255, 255, 255]


def test_a_mixed_pixel_worked_by_hand():
    # share 0.75 of 0..255 is 191.25, colour 191; 100 * 0.6 + 191 * 0.4 = 136.4
    pixel = blend(np.full((1, 1, 3), 100, np.uint8), [[0.5]], (-1, 1), GREYS, 0.4)
    assert pixel.tolist() == [[[136, 136, 136]]]


def test_values_beyond_the_limits_take_the_outermost_colour_and_never_wrap_round():
    picture = np.zeros((1, 4, 3), np.uint8)
    out = blend(picture, [[-1e30, -0.1, 1.1, 1e30]], (0, 1), GREYS, 1)
    assert out[0, :, 0].tolist() == [0, 0, 255, 255]


def test_a_half_goes_up_as_in_the_browser():
    two = np.array([[0, 0, 0], [200, 200, 200]])
    assert blend(np.zeros((1, 1, 3)), [[0.5]], (0, 1), two, 1)[0, 0, 0] == 200
    # numpy.rint would take both 0.5 and 1.5 to the even neighbour
    assert blend(np.zeros((1, 1, 3)), [[0.5]], (0, 255), GREYS, 1)[0, 0, 0] == 1


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_grey_and_never_a_colour_of_the_map(odd):
    red = np.tile([255, 0, 0], (256, 1))
    assert blend(np.zeros((1, 1, 3)), [[odd]], (0, 1), red, 1).tolist() == [[[128, 128, 128]]]
    assert blend(np.zeros((1, 1, 3)), [[odd]], (0, 1), red, 0.5).tolist() == [[[64, 64, 64]]]


def test_zero_of_a_signed_map_takes_the_middle_colour_of_an_odd_table():
    table = np.array([[0, 0, 255], [255, 255, 255], [255, 0, 0]])
    low_high = limits(np.array([-3.0, 1.0]), signed=True)
    assert blend(np.zeros((1, 1, 3)), [[0.0]], low_high, table, 1).tolist() == [[[255] * 3]]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"values": np.zeros((2, 3))}, "of one size"),
        ({"lut": np.zeros((256, 4))}, "colours, 3"),
        ({"limits": (1, 1)}, "low below high"),
        ({"limits": (0, np.nan)}, "low below high"),
        ({"opacity": 1.5}, "opacity 1.5"),
    ],
)
def test_what_cannot_be_blended_is_refused(change, match):
    good = {
        "rgb": np.zeros((2, 2, 3)),
        "values": np.zeros((2, 2)),
        "limits": (0, 1),
        "lut": GREYS,
        "opacity": 0.5,
    }
    with pytest.raises(ValueError, match=match):
        blend(**(good | change))


# ---- tile


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("gap", [0, 1, 3])
def test_every_tile_is_found_where_its_number_says(channels, gap):
    tiles = np.random.default_rng(0).normal(size=(7, 4, 5, *channels))
    mosaic = tile(tiles, columns=3, gap=gap)
    assert mosaic.shape == (3 * 4 + 2 * gap, 3 * 5 + 2 * gap, *channels)
    for number, picture in enumerate(tiles):
        top, left = number // 3 * (4 + gap), number % 3 * (5 + gap)
        np.testing.assert_array_equal(mosaic[top : top + 4, left : left + 5], picture)
    assert np.isfinite(mosaic).sum() == tiles.size  # nothing twice, the rest is NaN


def test_gaps_of_integers_are_white_unless_told_otherwise():
    tiles = np.zeros((2, 1, 1), np.uint8)
    assert tile(tiles, columns=2).tolist() == [[0, 255, 0]]
    assert tile(tiles, columns=2, fill=9).tolist() == [[0, 9, 0]]


def test_a_mosaic_is_about_as_wide_as_high():
    assert tile(np.zeros((16, 8, 8)), gap=0).shape == (32, 32)
    assert tile(np.zeros((16, 2, 8)), gap=0).shape == (16, 16)
    assert tile(np.zeros((1, 9, 3))).shape == (9, 3)


@pytest.mark.parametrize("shape", [(3, 3), (0, 3, 3), (1, 2, 3, 4, 5)])
def test_what_are_no_tiles_is_refused(shape):
    with pytest.raises(ValueError, match="Tiles are"):
        tile(np.zeros(shape))


@pytest.mark.parametrize("change", [{"columns": 0}, {"gap": -1}])
def test_a_mosaic_without_columns_is_refused(change):
    with pytest.raises(ValueError, match="at least one column"):
        tile(np.zeros((2, 2, 2)), **change)


def test_the_examples_in_the_docstrings_are_true():
    import doctest

    assert doctest.testmod(display).failed == 0
