"""Maximal activation as a person meets it: a picture that grows, Stop, Continue, all digits at once."""

import pytest

EXPLORER = """\
import cnnviz_widgets as cnnviz
explorer = cnnviz.MaximalActivationExplorer("digits")
explorer
"""
WAIT = 60_000  # ms
DREW = """() => {
    const canvas = document.querySelector('canvas.cnnviz-picture');
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const bright = data.filter((value, place) => place % 4 === 0 && value > 128).length;
    return 4 * bright / data.length;
}"""


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def notebook(request, open_notebook):
    notebook = open_notebook(request.param, [EXPLORER])
    notebook.page.get_by_text("done", exact=True).wait_for(timeout=WAIT)
    yield notebook
    notebook.close()


@pytest.fixture(autouse=True)
def quiet(notebook):
    yield
    notebook.assert_quiet()


def test_the_page_opens_with_ink_on_paper_a_score_and_a_curve(notebook):
    page = notebook.page
    page.get_by_text("The picture scores").wait_for()
    page.get_by_text("The network takes it for 0").wait_for()
    assert page.get_by_role("img", name="score by step").is_visible()
    assert 0.01 < page.evaluate(DREW) < 0.5


def test_all_digits_become_a_grid_that_can_be_stopped_and_continued_and_of_which_one_is_enlarged(notebook):
    page = notebook.page
    steps = page.locator(".widget-slider:has(label:text-is('steps')) .widget-readout")
    steps.fill("400")  # long enough for a hand to stop it
    steps.press("Enter")
    page.get_by_role("button", name="All classes").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("stopped", exact=True).wait_for(timeout=WAIT)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("done", exact=True).wait_for(timeout=WAIT)
    pictures = page.get_by_role("radiogroup", name="Pictures").get_by_role("radio")
    page.wait_for_function("() => document.querySelectorAll('.cnnviz-named button').length === 10", timeout=WAIT)
    pictures.nth(3).click()
    page.get_by_text("The network takes it for 3").wait_for(timeout=WAIT)
    assert pictures.nth(3).get_attribute("aria-checked") == "true"
    page.get_by_role("img", name="in 400 steps").wait_for()
    page.get_by_role("button", name="One", exact=True).click()
    page.get_by_text("The network takes it for 0").wait_for(timeout=WAIT)
