"""The places of an image that excite a channel most."""

import numpy as np

from cnnviz_widgets.maps.patches import cut_out, strongest_cells


class Window:
    """A receptive field of 4 px that moves by 2 px and begins a pixel outside of the image."""

    def box(self, row, column, height, width):
        top, left = 2 * row - 1, 2 * column - 1
        return max(top, 0), max(left, 0), min(top + 4, height), min(left + 4, width)


def test_the_strongest_come_first_and_what_overlaps_by_more_than_half_is_left_out():
    channel = np.zeros((10, 10))
    channel[4, 4], channel[4, 5], channel[8, 1], channel[6, 4] = 3, 2.9, 1, 2
    crowded = strongest_cells(channel, Window(), 20, 20)
    # The cell beside the strongest sees half of what that sees: a third of what both cover.
    assert [(place.row, place.column, place.value) for place in crowded] == [
        (4, 4, 3), (4, 5, 2.9), (6, 4, 2), (8, 1, 1)
    ]  # fmt: skip
    assert crowded[0].box == (7, 7, 11, 11)


class Wide(Window):
    def box(self, row, column, height, width):
        return 0, 0, height, width


def test_where_every_cell_sees_everything_there_is_one_place():
    assert len(strongest_cells(np.ones((5, 5)), Wide(), 20, 20)) == 1


def test_what_is_not_above_zero_excites_nothing():
    assert strongest_cells(-np.ones((5, 5)), Window(), 20, 20) == ()
    assert strongest_cells(np.full((5, 5), np.nan), Window(), 20, 20) == ()


def test_at_most_so_many_are_found():
    assert len(strongest_cells(np.arange(100.0).reshape(10, 10), Window(), 20, 20, count=4)) == 4


def test_patches_are_the_images_own_pixels_in_grey_where_the_border_cut_them():
    rgb = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    patches = cut_out(rgb, [(7, 7, 11, 11), (0, 5, 3, 9)])
    assert np.array_equal(patches[0], rgb[7:11, 7:11])
    assert np.array_equal(patches[1, :3], rgb[0:3, 5:9])
    assert (patches[1, 3] == 128).all()
