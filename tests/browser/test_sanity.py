"""The sanity checks as a person meets them: a slider that destroys the network, curves that fill in, areas."""

import io

import numpy as np
import pytest
from PIL import Image

EXPLORER = "import cnnviz_widgets as cnnviz\nexplorer = cnnviz.SanityExplorer('digits')\nexplorer"
WAIT = 60_000  # ms
PICTURES = ".cnnviz-panel:not(.cnnviz-bare) canvas.cnnviz-picture"
HANDLE = ".widget-slider:has(label:text-is('Randomise weights from the top')) .noUi-handle"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    notebook = open_notebook("voila", [EXPLORER])
    wait_measured(notebook.page)
    yield notebook
    notebook.close()


@pytest.fixture(autouse=True)
def quiet(notebook):
    yield
    notebook.assert_quiet()


def wait_measured(page):
    page.locator("text=measured >> visible=true").wait_for(timeout=WAIT)


def wait_for_rows(page, *rows):
    """Until these words stand in the legend that is seen, and all that belongs to them has been measured."""
    for row in rows:
        page.locator(f"text={row} >> visible=true").first.wait_for(timeout=WAIT)
    wait_measured(page)


def pixels(page, panel):
    page.locator(PICTURES).nth(panel).scroll_into_view_if_needed()
    png = page.locator(PICTURES).nth(panel).screenshot()
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.int16)


def changed(before, after):
    """Share of pixels that differ visibly."""
    return (np.abs(after - before).max(axis=-1) > 8).mean()


def choose(page, what, option):
    page.locator(f".widget-dropdown:has(label:text-is('{what}')) select").select_option(option)


def test_it_opens_with_the_top_layer_shuffled_and_a_whole_curve(notebook):
    page = notebook.page
    page.get_by_text("1 of 5 · down to probabilities").wait_for()
    page.get_by_text("A map that does not change when the network's weights are destroyed").wait_for()
    assert changed(pixels(page, 0), pixels(page, 1)) > 0.05
    for measure in ("Spearman", "SSIM"):
        curve = page.get_by_role("img", name=f"{measure} over layers shuffled, from the top: 1 curves")
        assert curve.locator("circle").count() == 6


def test_the_slider_destroys_layer_by_layer_and_leaves_the_left_map_alone(notebook):
    page = notebook.page
    before = [pixels(page, panel) for panel in (0, 1)]
    page.locator(HANDLE).press("End")
    page.get_by_text("5 of 5 · down to conv1").wait_for()
    page.get_by_text("top 5 randomised", exact=True).first.wait_for()
    page.wait_for_function(
        f"() => document.querySelectorAll('{PICTURES}')[1].getAttribute('aria-label').includes('top 5 randomised')"
    )
    wait_measured(page)
    after = [pixels(page, panel) for panel in (0, 1)]
    assert changed(before[0], after[0]) < 0.01
    assert changed(before[1], after[1]) > 0.05


def test_a_second_method_is_a_second_line(notebook):
    page = notebook.page
    choose(page, "Method", "Grad-CAM")
    page.get_by_role("img", name="Spearman over layers shuffled, from the top: 2 curves").wait_for(timeout=WAIT)
    wait_for_rows(page, "Gradient (saliency)", "Grad-CAM · pool_dropout")
    curve = page.get_by_role("img", name="SSIM over layers shuffled, from the top: 2 curves")
    assert curve.locator("circle").count() == 12


def test_deletion_and_insertion_stand_beside_random_orders(notebook):
    page = notebook.page
    page.get_by_role("button", name="Deletion and insertion").click()
    wait_for_rows(page, "5 random orders")
    choose(page, "Method", "Gradient (saliency)")
    page.get_by_role("img", name="probability over share of pixels deleted: 3 curves").wait_for(timeout=WAIT)
    wait_for_rows(page, "Grad-CAM · pool_dropout", "5 random orders")
    assert page.locator("text=/0\\.\\d+ ± 0\\.\\d+/ >> visible=true").count() == 2
