"""The notebooks as they are in git; that they run is nbmake's affair (see CONTRIBUTING)."""

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
LONGEST = 14  # lines of a cell


def cells(path, kind=None):
    return [cell for cell in nbformat.read(path, as_version=4).cells if kind in (None, cell.cell_type)]


def test_there_are_an_app_and_a_quickstart():
    assert [path.stem for path in NOTEBOOKS] == ["explorer", "quickstart"]


@each_notebook
def test_it_is_valid_and_of_today(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)


@each_notebook
def test_it_runs_on_the_kernel_that_everybody_has_and_has_a_title(path):
    metadata = nbformat.read(path, as_version=4).metadata
    assert metadata.kernelspec.name == "python3"
    assert metadata.title


@each_notebook
def test_it_carries_nothing_that_running_left_behind(path):
    for cell in cells(path, "code"):
        assert (cell.outputs, cell.execution_count) == ([], None)
        assert not cell.metadata
    assert "widgets" not in nbformat.read(path, as_version=4).metadata


@each_notebook
def test_its_cells_are_short_and_it_begins_with_a_heading(path):
    assert cells(path)[0].source.startswith("# ")
    for cell in cells(path, "code"):
        assert 0 < len(cell.source.splitlines()) <= LONGEST


def test_the_app_is_one_cell_of_code():
    (path,) = (path for path in NOTEBOOKS if path.stem == "explorer")
    assert len(cells(path, "code")) == 1


def test_nothing_in_the_quickstart_shadows_or_reaches_behind_the_public_names():
    (path,) = (path for path in NOTEBOOKS if path.stem == "quickstart")
    code = "\n".join(cell.source for cell in cells(path, "code"))
    assert "import cnnviz_widgets as cnnviz\n" in code + "\n"
    assert "cnnviz_widgets." not in code
    assert "._" not in code
