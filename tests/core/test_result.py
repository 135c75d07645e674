"""Result: raw numbers that nobody can change, laid over the image where they lie on it."""

from types import SimpleNamespace

import numpy as np
import pytest

from cnnviz_widgets.core.result import COLOUR_MAP, COLOUR_TILES, TILES, Result


def result(array, shape=(6, 8, 3), **facts):
    image = SimpleNamespace(shape=shape, array=np.zeros(shape, np.float32))
    return Result(
        np.asarray(array, np.float32), signed=True, unit="score", **facts, request=SimpleNamespace(image=image)
    )


def test_the_numbers_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        result([[1, 2]]).array[0, 0] = 5


def test_a_result_is_complete_at_the_end_of_its_progress():
    assert result([[1]]).complete
    assert not result([[1]], progress=0.99).complete


def test_a_map_is_laid_over_the_image_with_cell_centres_half_a_cell_inside():
    laid = result([[0, 4]], shape=(1, 4, 3)).on_image()
    assert laid.tolist() == [[0, 1, 3, 4]]


def test_a_map_of_the_images_size_is_laid_over_it_as_it_is():
    one = result(np.arange(48).reshape(6, 8))
    assert one.on_image() is one.array


def test_a_colour_map_is_laid_over_the_image_plane_by_plane():
    planes = np.random.default_rng(0).normal(size=(3, 4, 2))
    laid = result(planes, axes=COLOUR_MAP).on_image()
    assert laid.shape == (6, 8, 2)
    for channel in range(2):
        assert np.array_equal(laid[..., channel], result(planes[..., channel]).on_image())


@pytest.mark.parametrize(("axes", "shape"), [(TILES, (2, 3, 3)), (COLOUR_TILES, (2, 3, 3, 3))])
def test_tiles_lie_nowhere_on_the_image(axes, shape):
    with pytest.raises(ValueError, match="Only maps lie over the image. Received: a result with axes"):
        result(np.zeros(shape), axes=axes).on_image()


def test_the_bytes_of_a_result_are_those_of_its_arrays():
    assert result(np.zeros((2, 3))).nbytes == 2 * 3 * 4
    assert result(np.zeros((2, 3)), class_map=np.zeros((6, 8), np.int32)).nbytes == 2 * 3 * 4 + 6 * 8 * 4
