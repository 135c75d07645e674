"""Pictures side by side as a person meets them: one set of controls, one reading, layers under the arrow keys."""

import io

import numpy as np
import pytest
from PIL import Image

EXPLORERS = {
    "saliency": "import cnnviz_widgets as cnnviz\nexplorer = cnnviz.SaliencyExplorer('digits')\nexplorer",
    "cam": "import cnnviz_widgets as cnnviz\nexplorer = cnnviz.CAMExplorer('digits')\nexplorer",
}
# What the kernel says of itself, in words on the page.
PROBE = """\
import ipywidgets
said = ipywidgets.Label("", layout=ipywidgets.Layout(width="100%"))
said.add_class("said")
def tell(_=None):
    session = explorer.session
    captions = [getattr(answer, "sentence", None) or answer.request.caption for answer in session.results]
    said.value = f"{session.status}|{'; '.join(captions)}"
explorer.session.observe(tell, ["status", "results"])
tell()
said
"""
PANELS = ".cnnviz-panel:not(.cnnviz-bare)"
WAIT = 60_000  # ms


class Page:
    """An explorer that compares, with a person's hands."""

    def __init__(self, notebook):
        self.notebook, self.page = notebook, notebook.page

    def wait_done(self, caption=""):
        self.page.wait_for_function(
            "(caption) => { const s = document.querySelector('.said')?.innerText ?? '';"
            " return s.startsWith('done') && s.includes(caption); }",
            arg=caption,
            timeout=WAIT,
        )

    def wait_for_titles(self, *titles):
        """Until these stand above pictures that have been drawn."""
        self.page.wait_for_function(
            """(titles) => {
                const there = [...document.querySelectorAll('.cnnviz-panel:not(.cnnviz-bare) .cnnviz-live')];
                const drawn = there.filter((node) => node.querySelector('.cnnviz-picture').clientWidth > 50);
                const names = drawn.map((node) => node.querySelector('.cnnviz-title').textContent);
                return titles.every((title) => names.includes(title));
            }""",
            arg=list(titles),
            timeout=WAIT,
        )

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def pixels(self, panel):
        png = self.page.locator(f"{PANELS} canvas.cnnviz-picture").nth(panel).screenshot()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.int16)

    def readings(self):
        return self.page.locator(f"{PANELS} .cnnviz-readout").all_inner_texts()


def changed(before, after):
    """Share of pixels that differ visibly."""
    return (np.abs(after - before).max(axis=-1) > 8).mean()


def opened(request, open_notebook, name):
    page = Page(open_notebook(request.param, [EXPLORERS[name], PROBE]))
    page.wait_done()
    page.wait_for_titles("standard (vanilla)", "guided", "deconvnet (relu)")
    return page


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def saliency(request, open_notebook):
    page = opened(request, open_notebook, "saliency")
    yield page
    page.notebook.assert_quiet()
    page.notebook.close()


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def cam(request, open_notebook):
    page = opened(request, open_notebook, "cam")
    yield page
    page.notebook.assert_quiet()
    page.notebook.close()


def test_three_rules_give_three_pictures(saliency):
    pictures = [saliency.pixels(panel) for panel in range(3)]
    assert changed(pictures[0], pictures[1]) > 0.02
    assert changed(pictures[1], pictures[2]) > 0.02


def test_a_control_moves_all_pictures_and_needs_no_kernel(saliency):
    before = [saliency.pixels(panel) for panel in range(3)]
    saliency.page.get_by_role("combobox", name="Colour map").locator("visible=true").select_option("magma")
    for panel in range(3):
        assert changed(before[panel], saliency.pixels(panel)) > 0.1
    saliency.page.get_by_role("combobox", name="Colour map").locator("visible=true").select_option("viridis")
    assert all(changed(before[panel], saliency.pixels(panel)) == 0 for panel in range(3))


def test_zooming_in_one_picture_zooms_in_all(saliency):
    before = [saliency.pixels(panel) for panel in range(3)]
    canvas = saliency.page.locator(f"{PANELS} canvas.cnnviz-picture").nth(1)
    canvas.press("+")
    canvas.press("+")
    saliency.page.locator(f"{PANELS} canvas.cnnviz-picture").nth(0).focus()
    assert all(changed(before[panel], saliency.pixels(panel)) > 0.05 for panel in range(1, 3))
    canvas.press("0")
    canvas.blur()


def test_pointing_at_one_picture_reads_all_of_them_at_that_place(saliency):
    saliency.page.locator(f"{PANELS} canvas.cnnviz-picture").nth(0).hover(position={"x": 60, "y": 60})
    saliency.page.wait_for_function(
        f"() => [...document.querySelectorAll('{PANELS} .cnnviz-readout')].every((o) => o.innerText.startsWith('map'))"
    )
    assert all("score / pixel unit" in reading for reading in saliency.readings())
    saliency.page.mouse.move(0, 0)
    saliency.page.wait_for_function(
        f"() => [...document.querySelectorAll('{PANELS} .cnnviz-readout')].every((o) => !o.textContent)"
    )


def test_a_shared_scale_stands_once_and_own_scales_below_each_picture(saliency):
    scales = saliency.page.locator(".cnnviz-scale:visible")
    assert scales.count() == 3
    saliency.press("Shared scale")
    saliency.page.wait_for_function(
        "() => [...document.querySelectorAll('.cnnviz-scale')].filter((s) => s.clientHeight).length === 1"
    )
    saliency.press("Own scales")
    saliency.page.wait_for_function(
        "() => [...document.querySelectorAll('.cnnviz-scale')].filter((s) => s.clientHeight).length === 3"
    )


def test_another_convention_gives_other_pictures(saliency):
    before = saliency.pixels(0)
    convention = saliency.page.locator(".widget-dropdown:has(label:text-is('Convention')) select")
    convention.select_option("gradient × input")
    saliency.wait_done("Gradient × input (relu=deconvnet)")
    saliency.page.get_by_text("A pixel at the baseline adds nothing").wait_for()
    saliency.page.wait_for_function(
        f"() => document.querySelector('{PANELS} .cnnviz-picture').getAttribute('aria-label')"
        ".includes('Gradient × input')"
    )
    assert changed(before, saliency.pixels(0)) > 0.1
    convention.select_option("absolute (article)")
    saliency.wait_done("Gradient (saliency)")


def test_arrow_keys_walk_through_the_layers(cam):
    before = cam.pixels(0)
    handle = cam.page.locator(".widget-slider:has(label:text-is('Layer')) .noUi-handle")
    handle.press("Home")
    cam.wait_done("Grad-CAM · input_scaling")
    handle.press("ArrowRight")
    cam.wait_done("Grad-CAM · conv1")
    cam.page.get_by_text("conv1 · Conv2D · 26×26×32 · 2 of 7").wait_for()
    cam.page.wait_for_function(
        f"() => document.querySelector('{PANELS} .cnnviz-picture').getAttribute('aria-label').includes('conv1')"
    )
    assert changed(before, cam.pixels(0)) > 0.1
    handle.press("End")
    cam.wait_done("Grad-CAM · pool_dropout")


def test_the_original_is_a_sentence_where_the_head_does_not_allow_it(cam):
    sentence = "A class activation map needs global average pooling"
    cam.page.locator(".widget-html", has_text=sentence).wait_for()


def test_every_digit_in_a_row_and_back(cam):
    cam.press("Class by class")
    cam.wait_done("Grad-CAM · pool_dropout · 9")
    cam.wait_for_titles("< 0.1 % · 9")
    assert cam.page.locator(f"{PANELS}:visible").count() == 10
    cam.press("Three rules")
    cam.wait_done("(relu=deconvnet)")
    cam.wait_for_titles("standard (vanilla)", "guided")
    assert cam.page.locator(f"{PANELS}:visible").count() == 3
