"""`07_the_tanks` as a page: it is there from top to bottom, and a hand in its explorer meets what the story tells."""

import shutil
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LONG = 300_000  # ms; the page trains two networks before it is there
COVERED = 0.45  # share of the picture's height, from the top: all of the sky
# Sheets of photographs, the answers of both networks, where both look, and two charts.
FIGURES = 8


@pytest.fixture(scope="module")
def page(servers, open_notebook):
    shutil.copy(NOTEBOOKS / "tanks.py", servers("voila").notebooks)
    opened = open_notebook("voila", NOTEBOOKS / "07_the_tanks.ipynb", timeout=LONG)
    opened.page.wait_for_selector(".cnnviz-occluder-frame:visible")
    yield opened
    opened.close()


def test_the_figures_and_all_three_explorers_are_on_the_page_and_nothing_complains(page):
    assert page.page.locator("img[src^='data:image/png']").count() == FIGURES
    networks = page.page.locator(".widget-dropdown:has(label:text-is('Network')) select:visible")
    shown = networks.evaluate_all("all => all.map((one) => one.selectedOptions[0].text)")
    shown = [name.replace("\N{NO-BREAK SPACE}", " ") for name in shown]
    assert shown == ["the fooled network", "the mended network", "the mended network"]
    page.assert_quiet()


def test_the_fooled_network_finds_the_tank_when_a_hand_covers_the_sky(page):
    verdict = page.page.locator(".cnnviz-occluder-verdict")
    verdict.get_by_text("no tank", exact=True).wait_for()
    frame = page.page.locator(".cnnviz-occluder-frame")
    frame.scroll_into_view_if_needed()
    picture = page.page.locator(".cnnviz-occluder-picture").bounding_box()
    mouse = page.page.mouse
    mouse.move(picture["x"] + 1, picture["y"] + 1)
    mouse.down()
    mouse.move(picture["x"] + picture["width"] - 1, picture["y"] + COVERED * picture["height"], steps=6)
    mouse.up()
    verdict.get_by_text("tank", exact=True).wait_for()
    assert verdict.inner_text() == "Top class now: tank, it was no tank"
    page.assert_quiet()
