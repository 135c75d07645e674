"""The colour tables."""

import matplotlib
import numpy as np
import pytest

from cnnviz_widgets.core.colours import COLORMAPS, LUT_ENTRIES, TABLES, family_of, lookup_table

NAMES = [name for family in COLORMAPS.values() for name in family]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_matplotlibs(name):
    theirs = matplotlib.colormaps[name].resampled(LUT_ENTRIES)(np.linspace(0, 1, LUT_ENTRIES))
    np.testing.assert_array_equal(lookup_table(name), np.rint(theirs[:, :3] * 255))


@pytest.mark.parametrize("name", COLORMAPS["diverging"])
def test_a_diverging_table_is_neutral_at_zero(name):
    assert np.ptp(lookup_table(name)[LUT_ENTRIES // 2].astype(int)) <= 2


def test_signed_values_have_diverging_colours():
    assert (family_of(signed=True), family_of(signed=False)) == ("diverging", "sequential")


def test_the_file_holds_these_tables_and_no_other():
    with np.load(TABLES, allow_pickle=False) as tables:
        assert sorted(tables.files) == sorted(NAMES)


def test_nobody_can_change_a_table():
    with pytest.raises(ValueError, match="read-only"):
        lookup_table("viridis")[0] = 0
