"""Table and diagram as a person meets them: in Voila and in JupyterLab, with a nested model and a linked explorer."""

import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

PAGE = """\
import keras
from keras import layers
import cnnviz_widgets as cnnviz

inside = keras.Input((32, 32, 3))
first = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inside)
second = layers.Conv2D(4, 3, padding="same", activation="relu", name="second")(first)
base = keras.Model(inside, layers.Add(name="add")([first, second]), name="base")
image = keras.Input((32, 32, 3))
pooled = layers.GlobalAveragePooling2D(name="pooling")(base(image))
model = keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(pooled), name="mine")
explorer = cnnviz.ArchitectureExplorer(model)
explorer
"""
# What the kernel says of itself, in words on the page.
PROBE = """\
import ipywidgets
said = ipywidgets.Label("")
said.add_class("said")
def tell(_=None):
    said.value = f"{explorer.session.status}|{explorer.session.layer}|{explorer.session.result}"
explorer.session.observe(tell, ["settings", "status"])
tell()
said
"""
SAYS = "(piece) => document.querySelector('.said')?.innerText.includes(piece)"
DRAWN = "(count) => document.querySelector('.cnnviz-diagram')?.dataset.nodes === String(count)"
SCALE = """() => {
    const world = document.querySelector('.cnnviz-diagram svg > g');
    return Number(world.getAttribute('transform').match(/scale\\((.*)\\)/)[1]);
}"""


class Page:
    """The explorer on a page, with a person's hands."""

    def __init__(self, notebook):
        self.notebook, self.page = notebook, notebook.page

    def wait_until_drawn(self, boxes):
        self.page.wait_for_function(DRAWN, arg=boxes)

    def wait_until_kernel_says(self, piece):
        self.page.wait_for_function(SAYS, arg=piece)

    def row(self, name):
        return self.page.locator(".cnnviz-table tbody tr", has=self.page.get_by_text(name, exact=True))

    def box(self, name):
        return self.page.locator(".cnnviz-node", has=self.page.locator(f"text:text-is('{name}')"))

    def window(self):
        return self.page.get_by_role("application", name="Diagram of the network")


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def explorer(request, open_notebook):
    page = Page(open_notebook(request.param, [PAGE, PROBE]))
    page.wait_until_drawn(6)  # the image, three layers in the base, two behind it
    yield page
    page.notebook.close()


@pytest.fixture(autouse=True)
def quiet(explorer):
    yield
    explorer.notebook.assert_quiet()


def test_a_row_clicked_is_the_layer_of_session_diagram_and_words(explorer):
    explorer.row("second").click()
    explorer.wait_until_kernel_says("|base/second|")
    explorer.page.locator(".cnnviz-node.cnnviz-chosen text:text-is('second')").wait_for()
    explorer.page.get_by_text("Each cell sees 5×5 px of the image").wait_for()


def test_a_box_clicked_is_the_layer_of_session_and_table(explorer):
    explorer.box("classes").click()
    explorer.wait_until_kernel_says("|classes|")
    explorer.page.locator("tr[aria-selected=true]", has_text="classes").wait_for()


def test_a_group_closes_and_opens_by_its_sign_and_by_a_double_click(explorer):
    explorer.box("base").locator(".cnnviz-knob").click()
    explorer.wait_until_drawn(4)
    explorer.box("base").dblclick()
    explorer.wait_until_drawn(6)


def test_the_table_is_walked_opened_and_picked_from_the_keyboard(explorer):
    row = explorer.row("base")
    row.focus()
    row.press("ArrowLeft")
    assert row.get_attribute("aria-expanded") == "false"
    assert explorer.row("first").is_hidden()
    row.press("ArrowRight")
    row.press("ArrowDown")
    explorer.page.keyboard.press("Enter")
    explorer.wait_until_kernel_says("|base/first|")


def test_a_search_finds_by_kind_inside_of_closed_groups(explorer):
    search = explorer.page.get_by_role("searchbox", name="Search layers")
    search.fill("add")
    explorer.row("add").wait_for()
    assert explorer.row("first").is_hidden()
    explorer.page.get_by_text("1 of 5 layers").wait_for()
    search.press("Enter")
    explorer.wait_until_kernel_says("|base/add|")
    search.press("Escape")


def test_the_diagram_is_walked_zoomed_and_moved(explorer):
    window = explorer.window()
    explorer.box("pooling").click()
    explorer.wait_until_kernel_says("|pooling|")
    window.press("ArrowDown")
    window.press("Enter")
    explorer.wait_until_kernel_says("|classes|")
    before = explorer.page.evaluate(SCALE)
    window.press("+")
    assert explorer.page.evaluate(SCALE) == pytest.approx(1.25 * before)
    place = window.bounding_box()
    explorer.page.mouse.move(place["x"] + 10, place["y"] + 40)
    explorer.page.mouse.wheel(0, 200)
    assert explorer.page.evaluate(SCALE) < 1.25 * before
    at = explorer.box("classes").bounding_box()
    explorer.page.mouse.down()
    explorer.page.mouse.move(place["x"] + 30, place["y"] + 30, steps=4)
    explorer.page.mouse.up()
    moved = explorer.box("classes").bounding_box()
    assert (moved["x"] - at["x"], moved["y"] - at["y"]) == pytest.approx((20, -10), abs=1)
    window.press("0")


def test_the_diagram_is_saved_whole_as_drawing_and_as_picture(explorer, tmp_path):
    for name in ("SVG", "PNG"):
        with explorer.page.expect_download() as download:
            explorer.page.get_by_role("button", name=f"Save as {name}").click()
        download.value.save_as(tmp_path / f"saved.{name.lower()}")
        assert download.value.suggested_filename == f"mine.{name.lower()}"
    svg = ElementTree.parse(tmp_path / "saved.svg").getroot()
    texts = {node.text for node in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"image", "base", "first", "second", "add", "pooling", "classes"} <= texts
    assert "var(" not in (tmp_path / "saved.svg").read_text("utf-8")  # its colours are its own
    with Image.open(tmp_path / "saved.png") as picture:
        assert picture.width >= float(svg.get("width"))
        assert len(set(picture.convert("RGB").resize((200, 400)).getdata())) > 20


def test_looking_at_the_parts_computes_no_picture(explorer):
    explorer.row("pooling").click()
    explorer.wait_until_kernel_says("|pooling|None")
    assert explorer.page.locator(".said").inner_text().split("|")[0] in ("done", "empty")
