"""The photographs of `07_the_tanks` are what its story says: three things drawn that know nothing of each other."""

import importlib.util
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
STORIES = ("07_the_tanks", "08_your_model")


@pytest.fixture(scope="module")
def tanks():
    specification = importlib.util.spec_from_file_location("tanks", NOTEBOOKS / "tanks.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def markdown(name):
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_a_place_looks_the_same_every_time_and_like_no_other(tanks):
    first, again, other = (tanks.draw(place, tank=True, sunny=True).image for place in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first.shape, first.dtype) == ((tanks.HEIGHT, tanks.WIDTH, 3), np.uint8)


def test_the_weather_moves_neither_the_tank_nor_the_skyline(tanks):
    for place in range(10):
        grey, sunny = tanks.draw(place, tank=True, sunny=False), tanks.draw(place, tank=True, sunny=True)
        assert np.array_equal(grey.tank, sunny.tank)
        assert np.array_equal(grey.sky, sunny.sky)


def test_the_tank_changes_its_own_place_and_neither_sky_nor_the_rest(tanks):
    for place in range(10):
        there, empty = tanks.draw(place, tank=True, sunny=False), tanks.draw(place, tank=False, sunny=False)
        changed = (there.image != empty.image).any(axis=-1)
        assert not empty.tank.any()
        assert changed[there.tank].mean() > 0.95
        rows, columns = np.nonzero(there.tank)
        near = np.zeros_like(changed)
        near[max(0, rows.min() - 2) : rows.max() + 3, max(0, columns.min() - 2) : columns.max() + 3] = True
        assert not changed[~near].any()


def test_a_tank_is_there_to_be_found_and_partly_hidden(tanks, monkeypatch):
    behind_a_bush = [tanks.draw(place, tank=True, sunny=False).tank.sum() for place in range(20)]
    draw_it = tanks.Canvas.clump

    def of_glass(canvas, *where):
        kept = canvas.of_tank.copy()
        draw_it(canvas, *where)
        canvas.of_tank = kept

    monkeypatch.setattr(tanks.Canvas, "clump", of_glass)
    whole = [tanks.draw(place, tank=True, sunny=False).tank.sum() for place in range(20)]
    seen = np.array(behind_a_bush) / whole
    assert seen.min() > 0.35
    assert seen.max() < 1


def test_weather_is_told_by_the_sky_and_hardly_by_the_colour_of_the_ground(tanks):
    def mean_colour(sunny, what):
        pictures = [tanks.draw(place, tank=False, sunny=sunny) for place in range(30)]
        return np.mean([picture.image[what(picture)].mean(axis=0) for picture in pictures], axis=0)

    def difference(what):
        return np.abs(mean_colour(True, what) - mean_colour(False, what)).max()

    assert difference(lambda picture: picture.sky) > 40
    assert difference(lambda picture: ~picture.sky) < 15


def test_photographs_are_labelled_by_what_is_on_them(tanks):
    tank = np.array([True, False, True])
    first = tanks.photographs([5, 6, 7], tank, sunny=~tank)
    assert first.labels.tolist() == [0, 1, 0]
    assert [picture.name for picture in first.pictures][:2] == ["place 5, tank, grey", "place 6, no tank, sunny"]
    both = first + tanks.photographs([5], [False], [False])
    assert both.images.shape == (4, tanks.HEIGHT, tanks.WIDTH, 3)
    assert both.labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("name", STORIES)
def test_three_exercises_have_solutions_that_are_folded_and_are_python(name):
    text = markdown(name)
    assert len(re.findall(r"^\*\*\d\. ", text, re.MULTILINE)) == 3
    solutions = re.findall(r"<details><summary>Solution</summary>\n\n```python\n(.*?)```.*?</details>", text, re.DOTALL)
    assert len(solutions) == 3
    for solution in solutions:
        compile(solution, name, "exec")


@pytest.mark.parametrize("name", STORIES)
def test_the_notebook_ends_by_holding_itself_to_its_numbers(name):
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    *_, last = (cell for cell in cells if cell.cell_type == "code")
    assert last.source.startswith("assert ")
