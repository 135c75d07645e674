"""The Explorer as a person meets it: in Voila and in JupyterLab, with real kernels and real pixels."""

import io

import numpy as np
import pytest
from PIL import Image

EXPLORER = """\
import cnnviz_widgets as cnnviz
explorer = cnnviz.Explorer()
explorer
"""
# What the kernel says of itself, in words on the page, for what pixels cannot tell.
PROBE = """\
import ipywidgets
said = ipywidgets.Label("", layout=ipywidgets.Layout(width="100%"))
said.add_class("said")
def tell(_=None):
    session = explorer.session
    said.value = f"{session.status}|{session.runner.started}|{session.result and session.result.request.caption}"
explorer.session.observe(tell, ["status", "result"])
said
"""
PICTURE = ".cnnviz-picture:visible, .cnnviz-tiles:visible"
DONE = "() => document.querySelector('.said')?.innerText.startsWith('done')"
WAIT = 30_000  # ms; the slowest answer here takes about three seconds
# Eleven moves in half a second, paced by the page itself: a driver's own key presses take as long as they take.
STORM = """async (handle) => {
    for (let move = 0; move < 11; move++) {
        handle.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
        await new Promise((done) => setTimeout(done, 45));
    }
}"""
STATUS = "() => document.querySelector('.said').innerText.split('|')"


class Page:
    """The Explorer on a page, with a person's hands."""

    def __init__(self, notebook):
        self.notebook, self.page = notebook, notebook.page

    def said(self):
        return self.page.evaluate(STATUS)

    def wait_done(self, caption=""):
        self.page.wait_for_function(
            "(caption) => { const s = document.querySelector('.said')?.innerText ?? '';"
            " return s.startsWith('done') && s.includes(caption); }",
            arg=caption,
            timeout=WAIT,
        )
        # The kernel is done; the page has drawn when its title says the same.
        if caption:
            self.page.wait_for_function(
                "(caption) => document.querySelector('.cnnviz-live').innerText.includes(caption)",
                arg=caption,
                timeout=WAIT,
            )

    def choose(self, label, value):
        self.page.locator(f".widget-dropdown:has(label:text-is('{label}')) select").select_option(value)

    def slider(self, label):
        return self.page.locator(f".widget-slider:has(label:text-is('{label}')) .noUi-handle")

    def pixels(self):
        png = self.page.locator(PICTURE).first.screenshot()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.int16)

    def changed(self, before):
        """Share of the picture's pixels that differ visibly."""
        return (np.abs(self.pixels() - before).max(axis=-1) > 8).mean()


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def explorer(request, open_notebook):
    page = Page(open_notebook(request.param, [EXPLORER, PROBE]))
    page.page.wait_for_selector(".cnnviz-live")
    page.wait_done("Grad-CAM · head_activation · Egyptian cat")
    yield page
    page.notebook.close()


@pytest.fixture(autouse=True)
def quiet(explorer):
    yield
    explorer.notebook.assert_quiet()


def test_the_page_opens_with_a_cat_its_classes_and_a_map(explorer):
    rows = explorer.page.locator(".cnnviz-pick-row:has(.cnnviz-pick-bar)").all_inner_texts()
    assert rows[0].split("\n")[0] == "Egyptian cat"
    assert "38.5" in rows[0]
    assert np.ptp(explorer.pixels(), axis=(0, 1)).min() > 100


def test_another_class_gives_another_picture(explorer):
    before = explorer.pixels()
    explorer.page.locator(".cnnviz-pick-row", has_text="tiger cat").first.click()
    explorer.wait_done("tiger cat")
    assert explorer.changed(before) > 0.02
    explorer.page.locator(".cnnviz-pick-row", has_text="Top class").click()
    explorer.wait_done("Egyptian cat")


def test_one_class_rather_than_another_is_asked_by_keyboard_and_given_up_again(explorer):
    alone, page = explorer.pixels(), explorer.page
    rather = page.get_by_role("button", name="rather than")
    assert "not for another one" in rather.get_attribute("title")
    rather.press("Enter")
    search = page.get_by_placeholder("search the other class")
    search.fill("tabby")
    search.press("Enter")
    explorer.wait_done("Egyptian cat rather than tabby")
    assert explorer.changed(alone) > 0.02
    others = page.get_by_role("listbox", name="Rather than")
    assert others.locator("[aria-selected=true]").inner_text().startswith("tabby")
    rather.press("Enter")
    others.wait_for(state="detached")
    explorer.wait_done("· Egyptian cat")
    assert "rather than" not in explorer.said()[2]
    assert explorer.changed(alone) < 0.001
    page.locator(".cnnviz-pick-row", has_text="Top class").click()
    explorer.wait_done("Egyptian cat")


def test_another_layer_gives_another_picture_and_arrow_keys_walk_on(explorer):
    before = explorer.pixels()
    search = explorer.page.get_by_placeholder("search layers")
    search.fill("block10_project_bn")
    search.press("Enter")
    explorer.wait_done("block10_project_bn")
    assert explorer.changed(before) > 0.05
    layers = explorer.page.get_by_role("listbox", name="Layer")
    layers.press("ArrowDown")
    explorer.wait_done("· block10_add ·")
    layers.press("End")
    explorer.wait_done("head_activation")


def test_another_method_and_its_slider_change_the_pixels(explorer):
    before = explorer.pixels()
    explorer.choose("Method", "Occlusion")
    explorer.wait_done("Occlusion")
    assert explorer.changed(before) > 0.2
    coarse = explorer.pixels()
    for _ in range(8):
        explorer.slider("window (px)").press("ArrowRight")
    explorer.wait_done("window=40")
    assert explorer.changed(coarse) > 0.05


def test_a_slider_storm_skips_computations_and_ends_with_the_last(explorer):
    explorer.choose("Method", "Occlusion")
    explorer.wait_done("Occlusion")
    begun = int(explorer.said()[1])
    explorer.slider("window (px)").evaluate(STORM)
    value = int(explorer.page.locator(".widget-slider:has(label:text-is('window (px)')) .widget-readout").inner_text())
    explorer.wait_done(f"window={value}")
    assert int(explorer.said()[1]) - begun < 11


def test_stop_stops_occlusion_and_says_so(explorer):
    explorer.choose("Method", "Occlusion")
    explorer.wait_done("Occlusion")
    handle = explorer.slider("stride (px)")
    for _ in range(10):
        handle.press("ArrowLeft")
    # A first rough picture of the last value: now no slider move is on its way any more.
    explorer.page.wait_for_function(
        "() => { const s = document.querySelector('.said').innerText;"
        " return s.startsWith('running') && s.includes('stride=6'); }"
    )
    explorer.page.get_by_role("button", name="Stop").click()
    explorer.page.wait_for_function("() => document.querySelector('.said').innerText.startsWith('stopped')")
    explorer.page.get_by_text("the picture is unfinished").wait_for()
    explorer.choose("Method", "Grad-CAM")
    explorer.wait_done("Grad-CAM")


def test_guided_differs_from_plain_and_the_notes_say_what_was_done(explorer):
    explorer.choose("Method", "Gradient (saliency)")
    explorer.wait_done("Gradient")
    plain = explorer.pixels()
    explorer.choose("relu", "guided")
    explorer.wait_done("relu=guided")
    assert explorer.changed(plain) > 0.1
    explorer.page.get_by_text("ReLUs were rewritten").wait_for()


def test_a_channel_clicked_becomes_the_target_and_back_undoes_it(explorer):
    explorer.choose("Method", "Activations")
    explorer.wait_done("Activations")
    canvas = explorer.page.locator(PICTURE).first
    canvas.click(position={"x": 30, "y": 30})
    explorer.page.get_by_text("now: channel").wait_for()
    explorer.choose("Method", "Grad-CAM")
    explorer.wait_done("channel 0 of ")
    back = explorer.page.get_by_role("button", name="Back")
    back.click()
    explorer.wait_done("Activations")
    explorer.page.locator(".cnnviz-pick-row", has_text="Top class").click()
    explorer.choose("Method", "Grad-CAM")
    explorer.wait_done("Grad-CAM · head_activation")


def test_a_jpeg_of_ones_own_is_explained_and_a_text_file_is_refused(explorer, tmp_path):
    (tmp_path / "notes.txt").write_text("this is no picture")
    Image.effect_noise((300, 200), 90).convert("RGB").save(tmp_path / "mine.jpg")
    chooser = explorer.page.locator(".cnnviz-upload input[type=file]")
    before = explorer.pixels()
    chooser.set_input_files(tmp_path / "notes.txt")
    explorer.page.get_by_text("is not a picture").wait_for()
    assert explorer.changed(before) == 0
    chooser.set_input_files(tmp_path / "mine.jpg")
    explorer.page.get_by_role("radio", name="mine.jpg").wait_for()
    explorer.page.wait_for_function(DONE)
    assert explorer.page.get_by_text("is not a picture").count() == 0
    explorer.page.get_by_role("radio", name="chelsea").click()
    explorer.wait_done("Egyptian cat")


def test_the_figure_shows_the_same_result(explorer):
    explorer.page.get_by_role("button", name="Figure").click()
    figure = explorer.page.locator(".jupyter-matplotlib-canvas-div canvas").first
    figure.wait_for()
    explorer.page.wait_for_function(
        "() => { const c = document.querySelector('.jupyter-matplotlib-canvas-div canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return new Set(d.filter((_, i) => i % 4 === 0)).size > 50; }"
    )
    explorer.page.get_by_role("button", name="Live").click()
    explorer.page.locator(PICTURE).first.wait_for()


def test_another_network_brings_its_own_images_and_classes(explorer):
    explorer.choose("Network", "digits")
    explorer.page.get_by_role("radio", name="sample").first.wait_for()
    explorer.page.wait_for_function(DONE)
    assert explorer.page.locator(".cnnviz-pick-row:has(.cnnviz-pick-bar)").count() == 10
    explorer.choose("Network", "efficientnet_lite0")
    explorer.wait_done("Egyptian cat")
