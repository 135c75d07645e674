"""The filter and the activation explorer as a person meets them, in Voila and in JupyterLab, on the digits."""

import re

import numpy as np
import pytest

PAGE = """\
import ipywidgets, cnnviz_widgets as cnnviz
filters = cnnviz.FilterExplorer("digits", layer="conv2")
filters.add_class("is-filters")
activations = cnnviz.ActivationExplorer("digits", layer="conv2")
activations.add_class("is-activations")
ipywidgets.VBox([filters, activations])
"""
# Where on the filter's map, the first picture that is seen, the outline's colour comes first; 0 for nowhere.
OUTLINE = """() => {
    const canvas = [...document.querySelectorAll('.is-filters .cnnviz-picture')].find((c) => c.offsetParent);
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) if (data[i] === 255 && data[i + 1] === 176 && data[i + 2] === 0) return i;
    return 0;
}"""
WAIT = 40_000  # ms; two networks are opened, and a picture is made


class Part:
    """One of the two explorers, with a person's hands."""

    def __init__(self, notebook, name):
        self.notebook, self.page = notebook, notebook.page
        self.node = self.page.locator(f".is-{name}")

    def says(self, text):
        self.node.get_by_text(text).first.wait_for(timeout=WAIT)

    @property
    def tiles(self):
        return self.node.locator(".cnnviz-tiles").first

    def order(self, value):
        self.node.locator(".widget-dropdown:has(label:text-is('order')) select").select_option(value)

    def readings(self):
        """The numbers in the last line of the grids, with what stands below them."""
        line = self.node.locator(".cnnviz-numbers-line").last
        values = line.locator(".cnnviz-numbers-value").evaluate_all("all => all.map((e) => e.title)")
        return list(map(float, values)), line.locator(".cnnviz-numbers-title").all_inner_texts()


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def notebook(request, open_notebook):
    opened = open_notebook(request.param, [PAGE])
    Part(opened, "filters").says("9 silent, struck through")
    Part(opened, "activations").says("9 silent, struck through")
    yield opened
    opened.close()


@pytest.fixture
def filters(notebook):
    yield Part(notebook, "filters")
    notebook.assert_quiet()


@pytest.fixture
def activations(notebook):
    yield Part(notebook, "activations")
    notebook.assert_quiet()


def test_a_filter_that_is_clicked_shows_numbers_map_and_patches(filters):
    filters.says("conv2 · filter 0")
    filters.tiles.click(position={"x": 100, "y": 20})
    filters.says("conv2 · filter 1")
    cells = filters.node.locator(".cnnviz-numbers td").all_inner_texts()
    assert len(cells) == 9
    assert all(re.fullmatch(r"−?[\d.]+(e−\d)?", cell) for cell in cells)
    filters.says("A unit sees 5×5 px")
    outlined = filters.page.wait_for_function(OUTLINE, timeout=WAIT).json_value()
    filters.node.locator(".cnnviz-tiles:visible").last.click(position={"x": 120, "y": 30})
    filters.page.wait_for_function(f"(before) => ({OUTLINE})() !== before", arg=outlined, timeout=WAIT)
    assert 0 not in (outlined, filters.page.evaluate(OUTLINE))


def test_by_activation_another_filter_stands_first_and_the_keyboard_walks_on(filters):
    filters.order("activation on this image")
    filters.says("by activation on this image")
    filters.tiles.focus()
    for _ in range(3):
        filters.page.keyboard.press("ArrowLeft")
    before = filters.node.locator(".cnnviz-readout").first.inner_text()
    filters.page.keyboard.press("Enter")
    filters.says(f"conv2 · {before.split(' ·')[0]}")
    filters.order("channel")


def test_the_image_that_excites_a_filter_is_made_and_can_be_stopped(filters):
    filters.node.get_by_role("button", name="Make the image that excites it").click()
    filters.says("The picture scores")
    assert filters.node.locator(".cnnviz-picture:visible").count() == 2


def test_a_cell_of_a_map_shows_what_it_sees_and_its_arithmetic(activations):
    activations.tiles.click(position={"x": 100, "y": 20})
    activations.says("Click a cell of the enlarged map")
    stage = activations.node.locator(".cnnviz-picture").first
    box = stage.bounding_box()
    # Row 15, column 11 of 24×24.
    stage.click(position={"x": box["width"] * 11.5 / 24, "y": box["height"] * 15.5 / 24})
    activations.says("row 15, column 11")
    activations.says("rows 15 to 19, columns 11 to 15")
    values, words = activations.readings()
    total = words.index("sum")
    assert np.isclose(sum(values[:total]), values[total], atol=1e-5)
    assert np.isclose(max(values[total], 0), values[-1], atol=1e-5)
    stage.press("ArrowUp")  # by a pixel of the image, which is less than a cell
    stage.press("ArrowUp")
    stage.press("Enter")
    activations.says("row 14, column 11")


def test_a_layer_without_arithmetic_says_so(activations):
    search = activations.node.get_by_placeholder("search layers")
    search.fill("pool1")
    search.press("Enter")
    activations.says("Activations · pool1")
    activations.tiles.click(position={"x": 100, "y": 20})
    activations.node.locator(".cnnviz-picture").first.click(position={"x": 100, "y": 100})
    activations.says("needs a convolution in two dimensions")
    activations.node.get_by_role("button", name="Use unit as target").click()
    activations.says("target: unit")
