"""The notebooks as they are in git; that they run is nbmake's affair (see CONTRIBUTING)."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ARTICLE = [path for path in NOTEBOOKS if re.match(r"0[1-6]_", path.name)]
LONGEST = 14  # lines of a cell
FOLDED = re.compile(r"<details>\s*<summary>Solution</summary>(.*?)</details>", re.DOTALL)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_chapter_of_the_article = pytest.mark.parametrize("path", ARTICLE, ids=lambda path: path.stem)


def cells(path, kind=None):
    return [cell for cell in nbformat.read(path, as_version=4).cells if kind in (None, cell.cell_type)]


def text(path):
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


def code(path):
    return "\n".join(cell.source for cell in cells(path, "code"))


def solutions(path):
    """What is folded away under each exercise."""
    return FOLDED.findall(text(path).partition("## Exercises")[2])


def test_all_pages_are_there():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_architecture",
        "02_filters",
        "03_maximal_activation",
        "04_occlusion",
        "05_saliency",
        "06_cam",
        "07_the_tanks",
        "08_your_model",
        "explorer",
        "gallery",
        "quickstart",
    ]


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


@each_notebook
def test_nothing_in_it_reaches_behind_the_public_names(path):
    everything = code(path) + "\n".join(CODE.findall(text(path)))
    assert "._" not in everything
    assert re.findall(r"cnnviz_widgets\.\w+|from cnnviz_widgets import (?!app\b)", everything) == []


@each_notebook
def test_its_links_lead_to_files_that_exist(path):
    for target in LINK.findall(text(path)):
        assert target.startswith("https://") or (FOLDER / target).is_file(), target


@each_chapter_of_the_article
def test_it_has_three_exercises_each_with_its_solution_folded_away(path):
    exercises = re.findall(r"^\*\*(\d)\.\*\* ", text(path).partition("## Exercises")[2], re.MULTILINE)
    assert exercises == ["1", "2", "3"]
    assert len(solutions(path)) == 3


@each_chapter_of_the_article
def test_the_code_in_its_solutions_parses(path):
    for solution in solutions(path):
        (source,) = CODE.findall(solution)
        ast.parse(source)


@each_chapter_of_the_article
def test_it_asks_says_why_it_matters_and_what_misleads_and_leads_on(path):
    story = text(path)
    assert re.search(r"^\*\*[^*]+\?\*\*$", story, re.MULTILINE)  # the question, in one sentence
    for heading in ("## The digits network", "## The same on ImageNet", "## Why it matters", "## What can mislead"):
        assert f"\n{heading}\n" in f"\n{story}\n"
    chapters = [other.name for other in NOTEBOOKS]
    assert f"({chapters[chapters.index(path.name) + 1]})" in story.rpartition("---")[2]


def test_the_app_is_one_cell_of_code():
    assert len(cells(FOLDER / "explorer.ipynb", "code")) == 1


def test_the_quickstart_calls_the_package_by_the_name_that_all_examples_use():
    assert "import cnnviz_widgets as cnnviz\n" in code(FOLDER / "quickstart.ipynb") + "\n"
