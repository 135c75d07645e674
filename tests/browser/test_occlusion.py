"""The OcclusionExplorer as a person meets it: maps side by side, and a rectangle dragged over the image."""

import re

import pytest

EXPLORER = """\
import cnnviz_widgets as cnnviz
explorer = cnnviz.OcclusionExplorer("digits")
explorer
"""
# What the kernel says of itself, in words on the page.
PROBE = """\
import ipywidgets
said = ipywidgets.Label("", layout=ipywidgets.Layout(width="100%"))
said.add_class("said")
occluder = explorer.by_hand.widget
def tell(_=None):
    where, waiting = ",".join(map(str, occluder.rectangle)), occluder.asked - occluder.answered
    said.value = f"{explorer.session.status}|{where}|{occluder.fill}|{waiting}|{occluder.asked}"
explorer.session.observe(tell, ["status", "result"])
occluder.observe(tell, ["answered", "rectangle", "caption"])
tell()
said
"""
# A network that is as slow as the person wants: it answers when "go on" has been pressed.
SLOW = """\
import threading
from cnnviz_widgets.widgets.parts import occlusion_by_hand
answers, cover = threading.Event(), occlusion_by_hand.cover
answers.set()
def slow_cover(*asked):
    answers.wait(60)
    return cover(*asked)
occlusion_by_hand.cover = slow_cover
hold, go_on = ipywidgets.Button(description="hold"), ipywidgets.Button(description="go on")
hold.on_click(lambda _: (answers.clear(), setattr(hold, "description", "held")))
go_on.on_click(lambda _: (answers.set(), setattr(hold, "description", "hold")))
ipywidgets.HBox([hold, go_on])
"""
WAIT = 30_000  # ms
SIDE = 28  # px
PIXEL = """([row, column]) => [...document.querySelector('.cnnviz-occluder-picture')
    .getContext('2d').getImageData(column, row, 1, 1).data]"""


class Page:
    """The explorer on a page, with a person's hands."""

    def __init__(self, notebook):
        self.notebook, self.page = notebook, notebook.page
        self.mouse = self.page.mouse
        self.rectangle = self.page.locator(".cnnviz-occluder-rectangle")

    def wait_kernel(self, start):
        self.page.wait_for_function(
            "(start) => document.querySelector('.said')?.innerText.startsWith(start)", arg=start, timeout=WAIT
        )

    def wait_place(self, top, left, height, width):
        """Until page and kernel know of this rectangle, and the kernel has answered."""
        text = f"row {top}, column {left} · {width} × {height} px"
        self.page.locator(".cnnviz-occluder-place", has_text=text).wait_for(timeout=WAIT)
        self.page.wait_for_function(
            "(where) => { const [, at, , waiting] = document.querySelector('.said').innerText.split('|');"
            " return at === where && waiting === '0'; }",
            arg=f"{top},{left},{height},{width}",
            timeout=WAIT,
        )

    def wait_nothing_covered(self):
        self.page.locator(".cnnviz-occluder-caption", has_text="Nothing is covered").wait_for(timeout=WAIT)

    def move(self, row, column, picture=".cnnviz-occluder-picture"):
        """The mouse to a corner between pixels of a picture."""
        box = self.page.locator(picture).bounding_box()
        self.mouse.move(box["x"] + box["width"] * column / SIDE, box["y"] + box["height"] * row / SIDE)

    def drag(self, *corners):
        self.page.locator(".cnnviz-occluder-frame").scroll_into_view_if_needed()
        self.move(*corners[0])
        self.mouse.down()
        for corner in corners[1:]:
            self.move(*corner)
        self.mouse.up()

    def asked(self):
        """How many rectangles the kernel has been asked about."""
        return int(self.page.locator(".said").inner_text().split("|")[4])

    def caption(self):
        return self.page.locator(".cnnviz-occluder-caption").inner_text()

    def now(self):
        """{name: shown probability}."""
        rows = self.page.locator(".cnnviz-occluder-bars li").all()
        return {row.locator(".cnnviz-occluder-name").inner_text(): row.locator("b").inner_text() for row in rows}

    def pixel(self, row, column):
        return self.page.evaluate(PIXEL, [row, column])[0]


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def explorer(request, open_notebook):
    page = Page(open_notebook(request.param, [EXPLORER, PROBE, SLOW]))
    page.page.wait_for_selector(".cnnviz-occluder-frame:visible")
    page.wait_kernel("done")
    yield page
    page.notebook.close()


@pytest.fixture(autouse=True)
def tidy(explorer):
    """Every test begins and ends with nothing covered, and no error on the page."""
    explorer.page.locator(".cnnviz-occluder-frame").scroll_into_view_if_needed()
    yield
    explorer.mouse.move(1, 1)
    if explorer.rectangle.is_visible():
        explorer.rectangle.press("Escape")
    explorer.wait_nothing_covered()
    explorer.notebook.assert_quiet()


def test_both_maps_stand_side_by_side_and_the_classes_have_names(explorer):
    pictures = explorer.page.locator(".cnnviz-picture:visible")
    assert pictures.count() == 2
    one, other = (picture.bounding_box() for picture in pictures.all())
    assert one["y"] == pytest.approx(other["y"], abs=1)
    assert one["x"] + one["width"] < other["x"]
    assert re.match(r"0 \d+(\.\d)? %", explorer.page.locator(".cnnviz-legend:visible li").first.inner_text())


def test_a_rectangle_is_drawn_and_moved_and_the_probabilities_follow(explorer):
    explorer.wait_nothing_covered()
    clean, ink = explorer.now(), explorer.pixel(12, 8)
    explorer.drag((8, 4), (12, 16), (20, 24))
    explorer.wait_place(8, 4, 12, 20)
    assert "30.6 % of the image covered. 0: " in explorer.caption()
    assert explorer.pixel(12, 8) == 128 != ink
    drawn = explorer.now()
    assert drawn != clean
    explorer.drag((14, 14), (10, 14), (6, 12))
    explorer.wait_place(0, 2, 12, 20)
    assert explorer.now() != drawn
    assert explorer.pixel(18, 12) != 128


def test_a_handle_resizes_across_the_other_edge_and_never_out_of_the_image(explorer):
    explorer.drag((8, 4), (20, 24))
    explorer.wait_place(8, 4, 12, 20)
    explorer.drag((20, 24), (24, 26))
    explorer.wait_place(8, 4, 16, 22)
    explorer.drag((16, 4), (16, 9))  # the left edge
    explorer.wait_place(8, 9, 16, 17)
    explorer.drag((24, 26), (2, 40))
    explorer.wait_place(2, 9, 6, 19)


def test_a_click_places_a_rectangle_of_the_last_size_and_keys_move_resize_and_remove_it(explorer):
    explorer.drag((2, 2), (8, 10))
    explorer.wait_place(2, 2, 6, 8)
    explorer.page.get_by_role("button", name="Remove rectangle").click()
    explorer.wait_nothing_covered()
    explorer.drag((14, 14))
    top, left, tall, wide = 11, 10, 6, 8
    explorer.wait_place(top, left, tall, wide)
    explorer.page.keyboard.press("ArrowDown")  # the click has put the focus there
    explorer.page.keyboard.press("ArrowRight")
    explorer.wait_place(top + 1, left + 1, tall, wide)
    explorer.page.keyboard.press("Shift+ArrowUp")
    explorer.page.keyboard.press("Shift+ArrowRight")
    explorer.wait_place(top + 1, left + 1, tall - 1, wide + 1)
    assert "Covered: row" in explorer.rectangle.get_attribute("aria-label")
    explorer.page.keyboard.press("Escape")
    explorer.rectangle.wait_for(state="hidden")
    explorer.wait_nothing_covered()


def test_escape_while_dragging_takes_the_drag_back(explorer):
    explorer.drag((8, 4), (20, 24))
    explorer.wait_place(8, 4, 12, 20)
    explorer.move(14, 14)
    explorer.mouse.down()
    explorer.move(20, 14)
    explorer.wait_place(14, 4, 12, 20)
    explorer.page.keyboard.press("Escape")
    explorer.wait_place(8, 4, 12, 20)
    explorer.move(2, 2)
    explorer.mouse.up()
    explorer.wait_place(8, 4, 12, 20)


def test_another_fill_shows_in_the_rectangle_and_is_asked_about(explorer):
    explorer.drag((2, 2), (26, 26))
    explorer.wait_place(2, 2, 24, 24)
    grey = explorer.now()
    explorer.page.get_by_label("Fill", exact=True).select_option("white")
    explorer.page.wait_for_function("() => document.querySelector('.said').innerText.includes('|white|0|')")
    explorer.page.wait_for_function(f"() => ({PIXEL})([12, 8])[0] === 255")
    assert explorer.now() != grey
    explorer.page.get_by_label("Fill", exact=True).select_option("grey")
    explorer.page.wait_for_function("() => document.querySelector('.said').innerText.includes('|grey|0|')")


def test_pointing_at_a_map_shows_its_window_and_leaving_brings_the_rectangle_back(explorer):
    explorer.drag((2, 2), (8, 8))
    explorer.wait_place(2, 2, 6, 6)
    covered = explorer.page.locator(".cnnviz-occluder-caption", has_text="of the image covered")
    covered.wait_for(timeout=WAIT)  # the browser draws the rectangle before the kernel has answered
    mine = explorer.caption()
    explorer.move(14.5, 14.5, ".cnnviz-picture:visible >> nth=0")
    explorer.page.locator(".cnnviz-occluder-caption", has_text="Window at row 12, column 12").wait_for(timeout=WAIT)
    explorer.rectangle.wait_for()
    explorer.mouse.move(1, 1)
    explorer.wait_place(2, 2, 6, 6)
    explorer.page.locator(".cnnviz-occluder-caption", has_text=mine).wait_for(timeout=WAIT)
    explorer.move(14.5, 14.5, ".cnnviz-picture:visible >> nth=1")
    explorer.mouse.down()
    explorer.mouse.up()
    explorer.wait_place(12, 12, 4, 4)
    explorer.mouse.move(1, 1)
    explorer.wait_place(12, 12, 4, 4)


def test_a_hand_faster_than_the_network_is_followed_by_skipping(explorer):
    explorer.drag((2, 2), (8, 8))
    explorer.wait_place(2, 2, 6, 6)
    asked = explorer.asked()
    explorer.page.get_by_role("button", name="hold").click()
    explorer.page.get_by_role("button", name="held").wait_for()
    explorer.drag((5, 5), (6, 5), (7, 6), (8, 9), (9, 12), (14, 14), (20, 17))
    explorer.page.locator(".cnnviz-occluder-place", has_text="row 17, column 14").wait_for()  # drawn all the same
    explorer.page.get_by_role("button", name="go on").click()
    explorer.wait_place(17, 14, 6, 6)
    assert explorer.asked() - asked == 2  # the first place and the last


def test_the_articles_occluder_is_a_preset(explorer):
    explorer.page.locator(".widget-dropdown:has(label:text-is('preset')) select").select_option("article")
    explorer.page.get_by_text("surround=5").first.wait_for(timeout=WAIT)
    explorer.wait_kernel("done")
    explorer.move(14.5, 14.5, ".cnnviz-picture:visible >> nth=0")
    explorer.wait_place(4, 4, 20, 20)
    explorer.page.locator(".cnnviz-occluder-window").wait_for()
    explorer.mouse.move(1, 1)
