"""Chapters as Voila pages: the story, its pictures, and an explorer that answers to a hand."""

from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TIMEOUT = 240_000  # ms; a page is there when all its cells have run
# Chapter: the dropdown that is used, and the value that is chosen.
CHAPTERS = {"03_maximal_activation": ("preset", "article"), "04_occlusion": ("fill", "black")}
PIXELS = "(canvas) => canvas.toDataURL()"


class Chapter:
    """A chapter on the page, with a person's hands on its first explorer."""

    def __init__(self, name, notebook):
        self.name, self.notebook, self.page = name, notebook, notebook.page
        self.explorer = self.page.locator(".jp-CodeCell:has(.cnnviz-live)").first
        self.picture = self.explorer.locator("canvas.cnnviz-picture").first

    def wait_done(self):
        self.explorer.get_by_text("done", exact=True).wait_for()

    def colours(self):
        """How many different colours the picture has."""
        return self.picture.evaluate(
            "(c) => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
        )

    def wait_for_another_picture(self, before):
        handle = self.picture.element_handle()
        self.page.wait_for_function("([canvas, before]) => canvas.toDataURL() !== before", arg=[handle, before])


@pytest.fixture(scope="module", params=CHAPTERS)
def chapter(request, open_notebook):
    notebook = open_notebook("voila", NOTEBOOKS / f"{request.param}.ipynb", timeout=TIMEOUT)
    notebook.page.get_by_role("link", name="all pages").wait_for()
    yield Chapter(request.param, notebook)
    notebook.close()


@pytest.fixture(autouse=True)
def quiet(chapter):
    yield
    chapter.notebook.assert_quiet()


def test_the_page_tells_its_story_with_pictures_and_without_code(chapter):
    body = chapter.page.inner_text("body")
    assert "What can mislead" in body
    assert "cnnviz.load" not in body
    assert chapter.page.locator(".jp-OutputArea img").count() >= 5


def test_the_picture_of_the_explorer_appears(chapter):
    chapter.wait_done()
    assert chapter.colours() > 20


def test_a_control_changes_the_picture(chapter):
    chapter.wait_done()
    before = chapter.picture.evaluate(PIXELS)
    label, value = CHAPTERS[chapter.name]
    chapter.explorer.locator(f".widget-dropdown:has(label:text-is('{label}')) select").first.select_option(value)
    chapter.wait_for_another_picture(before)
    chapter.wait_done()


def test_a_solution_unfolds_and_holds_code(chapter):
    solution = chapter.page.locator("details:has(summary:text-is('Solution'))").first
    code = solution.locator("pre").first
    assert not code.is_visible()
    solution.locator("summary").click()
    code.wait_for()
