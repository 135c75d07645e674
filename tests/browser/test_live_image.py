"""The live view in a real Chromium, in Voila and in JupyterLab: are its pixels true, do hands work?"""

import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz_widgets.core.colours import COLORMAPS, LUT_ENTRIES, lookup_table

PAGE = Path(__file__).with_name("live_image_page.py")
EVERY = "[...document.querySelectorAll('.cnnviz-live')]"
# Colour of a canvas at (x, y), both 0..1 of its size.
PIXEL = """([selector, x, y]) => {
    const canvas = document.querySelector(selector);
    const at = (f, n) => Math.min(n - 1, Math.floor(f * n));
    return [...canvas.getContext('2d').getImageData(at(x, canvas.width), at(y, canvas.height), 1, 1).data];
}"""


@pytest.fixture(scope="module")
def arrays():
    return runpy.run_path(str(PAGE))


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def notebook(request, open_notebook, arrays):
    opened = open_notebook(request.param, [PAGE.read_text("utf-8")])
    count = len(arrays["views"])
    opened.page.wait_for_function(f"{EVERY}.length === {count} && {EVERY}.every((e) => +e.dataset.drawn > 0)")
    yield opened
    opened.close()


@pytest.fixture
def page(notebook):
    return notebook.page


def pixel(page, name, x, y, canvas="cnnviz-picture"):
    return np.array(page.evaluate(PIXEL, [f".is-{name} .{canvas}", x, y])[:3])


def color(colormap, share):
    """The colour of the table at a share 0..1 of the limits."""
    return lookup_table(colormap)[round(float(share) * (LUT_ENTRIES - 1))].astype(float)


def wait_for_text(page, selector, text):
    page.wait_for_function(
        "([s, t]) => document.querySelector(s)?.textContent.includes(t)", arg=[selector, text], timeout=15_000
    )


def wait_for_pixel(page, name, x, y, expected, canvas="cnnviz-picture"):
    condition = f"([args, e]) => ({PIXEL})(args).slice(0, 3).every((v, i) => Math.abs(v - e[i]) <= 2)"
    arg = [[f".is-{name} .{canvas}", x, y], [float(v) for v in expected]]
    page.wait_for_function(condition, arg=arg, timeout=15_000)


def hover(page, name, x, y, canvas="cnnviz-picture"):
    """Point at (x, y), 0..1 of a canvas, and give back what is read there."""
    target = page.locator(f".is-{name} .{canvas}")
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    return page.locator(f".is-{name} .cnnviz-readout").inner_text()


def set_slider(page, name, which, value, release=True):
    """Move a slider as a drag does: many "input" events, one "change" when it is let go."""
    page.evaluate(
        """([selector, value, release]) => {
            const input = document.querySelector(selector);
            input.value = value;
            input.dispatchEvent(new Event('input', { bubbles: true }));
            if (release) input.dispatchEvent(new Event('change', { bubbles: true }));
        }""",
        [f".is-{name} input[name={which}]", str(value), release],
    )


def test_pixels_are_the_blend_of_image_and_map(page, arrays):
    for row, column in [(0, 0), (3, 5), (6, 6), (2, 4)]:
        x, y = (column + 0.25) / 7, (row + 0.25) / 7  # the middle of one flat patch, a quarter into a cell
        base = arrays["blocks"][int(y * 224), int(x * 224)]
        expected = 0.4 * base + 0.6 * color("viridis", arrays["cam"][row, column])
        assert np.abs(pixel(page, "cam", x, y) - expected).max() <= 2


def test_squares_of_a_small_image_stay_squares(page, arrays):
    page.locator(".is-digit button", has_text="Image").click()
    wait_for_pixel(page, "digit", 3.05 / 28, 9.05 / 28, arrays["digit"][9, [3, 3, 3]])
    for row, column in [(9, 3), (0, 27), (14, 20)]:
        for inset in (0.05, 0.5, 0.95):
            found = pixel(page, "digit", (column + inset) / 28, (row + inset) / 28)
            assert np.abs(found - arrays["digit"][row, column]).max() <= 1


def test_a_smooth_map_peaks_in_the_middle_of_its_cell(page):
    for dx, dy in [(0, 0), (0.25, 0), (-0.25, 0), (0, 0.4), (-0.3, -0.3), (1.5, 0)]:
        x, y = (4.5 + dx) / 7, (2.5 + dy) / 7
        # The colour stands at the centre of a screen pixel, 448 to the image's side; 64 of them are a cell.
        off = [abs((np.floor(f * 448) + 0.5) / 64 - middle) for f, middle in ((x, 4.5), (y, 2.5))]
        value = max(0, 1 - off[0]) * max(0, 1 - off[1])
        assert np.abs(pixel(page, "smooth", x, y) - color("viridis", value)).max() <= 2


def test_zero_of_a_signed_map_has_the_neutral_color(page):
    assert list(pixel(page, "signed", 0.5, 0.5)) == [247, 247, 247]
    red, blue = pixel(page, "signed", 5 / 6, 1 / 6), pixel(page, "signed", 1 / 6, 1 / 6)
    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_fading_shows_the_image_where_the_map_is_zero(page):
    assert np.abs(pixel(page, "fade", 0.5, 0.5) - 90).max() <= 1
    assert np.abs(pixel(page, "fade", 5 / 6, 1 / 6) - color("RdBu_r", 1)).max() <= 1


def test_values_that_are_not_finite_are_hatched_and_counted(page):
    wait_for_text(page, ".is-holes .cnnviz-note", "3 values are not finite (hatched).")
    for x, y in [(0.02, 0.03), (0.98, 0.97)]:
        found = pixel(page, "holes", x, y)
        assert found.max() == found.min()  # a grey, which no colour of viridis is
    # Where nothing is interpolated with a hole its neighbours keep their colour, also along the image's edge.
    for x, y in [(1.6 / 7, 1.6 / 7), (0.2 / 7, 3.4 / 7)]:
        assert np.ptp(pixel(page, "holes", x, y)) > 10


def test_a_constant_map_is_flat_and_says_its_value(page):
    wait_for_text(page, ".is-constant .cnnviz-note", "Constant map: value 0.")
    assert list(pixel(page, "constant", 0.2, 0.7)) == [247, 247, 247]


def test_very_small_numbers_are_not_a_black_map(page, arrays):
    top = np.unravel_index(arrays["cam"].argmax(), (7, 7))
    assert np.abs(pixel(page, "tiny", (top[1] + 0.5) / 7, (top[0] + 0.5) / 7) - color("viridis", 1)).max() <= 3
    assert "× 10⁻¹⁷" in page.locator(".is-tiny .cnnviz-unit").inner_text()


def test_without_a_map_the_image_stands_alone_and_says_so(page):
    assert list(pixel(page, "alone", 0.4, 0.4)) == [90, 90, 90]
    assert "No map yet" in page.locator(".is-alone .cnnviz-note").inner_text()
    assert "Nothing to show yet" in page.locator(".is-empty .cnnviz-note").inner_text()


def test_opacity_changes_pixels_without_the_kernel_which_hears_of_it_on_release(notebook, arrays):
    page = notebook.page
    base, top = arrays["blocks"][32 * 3 + 8, 32 * 3 + 8], color("viridis", arrays["cam"][3, 3])
    before = notebook.messages_to_widgets()
    for opacity in (90, 50, 20):
        set_slider(page, "cam", "opacity", opacity, release=False)
        share = opacity / 100
        wait_for_pixel(page, "cam", 3.25 / 7, 3.25 / 7, (1 - share) * base + share * top)
    assert notebook.messages_to_widgets() == before
    set_slider(page, "cam", "opacity", 70)
    wait_for_text(page, ".echo-opacity", "0.70")
    assert notebook.messages_to_widgets() == before + 1
    set_slider(page, "cam", "opacity", 60)
    wait_for_text(page, ".echo-opacity", "0.60")


def test_another_color_map_recolors(page, arrays):
    assert page.locator(".is-cam select option").all_inner_texts() == [*COLORMAPS["sequential"]]
    assert page.locator(".is-signed select option").all_inner_texts() == [*COLORMAPS["diverging"]]
    page.locator(".is-cam select").select_option("magma")
    expected = 0.4 * arrays["blocks"][40, 40] + 0.6 * color("magma", arrays["cam"][1, 1])
    wait_for_pixel(page, "cam", 1.25 / 7, 1.25 / 7, expected)
    page.locator(".is-cam select").select_option("viridis")


def test_a_lower_limit_saturates_and_tells_how_much(page):
    set_slider(page, "cam", "saturation", 0)
    wait_for_text(page, ".is-cam .cnnviz-note", "49 of 49 values lie beyond the limits")
    wait_for_text(page, ".echo-saturation", "0.020")
    page.locator(".is-cam button[aria-label='Reset the limit']").click()
    wait_for_text(page, ".echo-saturation", "1.000")
    assert page.locator(".is-cam .cnnviz-note").inner_text() == ""


def test_hovering_reads_pixel_value_and_unit(page, arrays):
    text = hover(page, "cam", 100.5 / 224, 80.5 / 224)
    assert "row 80, column 100" in text
    assert "RGB " + " ".join(map(str, arrays["blocks"][80, 100])) in text
    assert f"map {float(format(arrays['cam'][2, 3], '.3g')):g} logit" in text
    assert "cell (2, 3)" in text


def test_the_value_read_from_a_smooth_map_is_its_cells_everywhere_in_it(page):
    for column in (130, 158):
        text = hover(page, "smooth", (column + 0.5) / 224, 72.5 / 224)
        assert f"row 72, column {column} · grey 90 · map 1 · cell (2, 4)" in text


def test_arrow_keys_read_neighbours_and_leave_the_notebook_alone(page):
    hover(page, "signed", 0.5 / 28, 0.5 / 28)
    page.locator(".is-signed .cnnviz-picture").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "d", "d"):  # d d deletes a cell in JupyterLab
        page.keyboard.press(key)
    wait_for_text(page, ".is-signed .cnnviz-readout", "row 1, column 2 ")
    wait_for_text(page, ".is-signed .cnnviz-readout", "map −1 logit")


def test_zooming_with_keys_enlarges_the_middle_and_zero_returns(page, arrays):
    canvas = page.locator(".is-cam .cnnviz-picture")
    canvas.focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    zoom = 1.5 * 1.5
    x, y = 0.5 + (0.25 / 7) * zoom, 0.5 - (0.25 / 7) * zoom
    base = arrays["blocks"][int(224 * 3.25 / 7), int(224 * 3.75 / 7)]
    wait_for_pixel(page, "cam", x, y, 0.4 * base + 0.6 * color("viridis", arrays["cam"][3, 3]))
    assert "row 104, column 120" in hover(page, "cam", 0.5 + (8.5 / 224) * zoom, 0.5 - (7.5 / 224) * zoom)
    canvas.dblclick()
    wait_for_pixel(
        page, "cam", 0.25 / 7, 0.25 / 7, 0.4 * arrays["blocks"][8, 8] + 0.6 * color("viridis", arrays["cam"][0, 0])
    )


def test_the_wheel_scrolls_the_page_unless_ctrl_is_held(page):
    page.evaluate("document.activeElement.blur()")
    hover(page, "alone", 0.5, 0.5)
    canvas = ".is-alone .cnnviz-picture"
    allowed = """([selector, ctrlKey]) => document.querySelector(selector).dispatchEvent(
        new WheelEvent('wheel', { deltaY: -200, ctrlKey, bubbles: true, cancelable: true }))"""
    assert page.evaluate(allowed, [canvas, False])  # true: nobody prevented the scrolling
    assert not page.evaluate(allowed, [canvas, True])


def test_a_clicked_tile_is_enlarged_selected_in_the_kernel_and_closed_again(page, arrays):
    tiles = page.locator(".is-tiles .cnnviz-tiles")
    tiles.scroll_into_view_if_needed()
    assert not page.locator(".is-tiles .cnnviz-picture").is_visible()
    assert "channel 1" in hover(page, "tiles", 0.3, 0.05, "cnnviz-tiles")
    box = tiles.bounding_box()
    page.mouse.click(box["x"] + 60 + 60, box["y"] + 20)
    wait_for_text(page, ".echo-selected", "1")
    wait_for_text(page, ".is-tiles .cnnviz-tile-name", "channel 1")
    share = (arrays["tiles"][1, 3, 2] + 2) / 4
    wait_for_pixel(page, "tiles", 2.5 / 5, 3.5 / 5, color("RdBu_r", np.clip(share, 0, 1)))
    assert "cell (3, 2)" in hover(page, "tiles", 2.5 / 5, 3.5 / 5)
    tiles.focus()
    page.keyboard.press("Escape")
    wait_for_text(page, ".echo-selected", "-1")
    page.locator(".is-tiles .cnnviz-picture").wait_for(state="hidden")


def test_tiles_can_be_walked_with_the_keyboard(page):
    page.locator(".is-tiles .cnnviz-tiles").focus()
    page.evaluate("document.querySelector('.is-tiles .cnnviz-tiles').blur()")
    page.locator(".is-tiles .cnnviz-tiles").focus()
    before = page.locator(".is-tiles .cnnviz-readout").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(t) => document.querySelector('.is-tiles .cnnviz-readout').textContent !== t", arg=before, timeout=15_000
    )
    name = page.locator(".is-tiles .cnnviz-readout").inner_text().split(" · ")[0]
    page.keyboard.press("Enter")
    wait_for_text(page, ".echo-selected", name.removeprefix("channel "))
    page.keyboard.press("Enter")
    wait_for_text(page, ".echo-selected", "-1")


def test_dead_tiles_are_counted(page):
    assert "1 of 12 tiles are zero everywhere" in page.locator(".is-tiles .cnnviz-note").inner_text()


def test_a_thousand_tiles_are_all_there(page):
    canvas = page.locator(".is-many .cnnviz-tiles")
    assert canvas.get_attribute("aria-label").startswith("1280 tiles")
    assert canvas.bounding_box()["height"] > 1500  # in a box that scrolls
    assert page.locator(".is-many .cnnviz-grid").bounding_box()["height"] < 500


def test_color_kernels_show_each_weight_as_it_is(page, arrays):
    for row, column in [(0, 0), (1, 2), (2, 1)]:
        expected = (arrays["kernels"][2, row, column] + 1) / 2 * 255
        for inset in (0.1, 0.9):
            found = pixel(page, "kernels", (column + inset) / 3, (row + inset) / 3)
            assert np.abs(found - expected).max() <= 2


def test_with_a_scale_of_its_own_a_weak_tile_shows_its_shape_and_the_readout_its_true_value(page, arrays):
    assert not page.locator(".is-own .cnnviz-scale").is_visible()  # no one scale is true of all tiles
    assert "Each tile has its own scale" in page.locator(".is-own .cnnviz-note").inner_text()
    page.locator(".is-own .cnnviz-tiles").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator(".is-own .cnnviz-picture").wait_for()
    weak, (row, column) = arrays["cam"] * 0.01, np.unravel_index(arrays["cam"].argmax(), (7, 7))
    wait_for_pixel(page, "own", (column + 0.5) / 7, (row + 0.5) / 7, color("viridis", 1))
    assert f"{weak.max():.3g} weight" in hover(page, "own", (column + 0.5) / 7, (row + 0.5) / 7)
    page.locator(".is-own button", has_text="Shared scale").click()
    wait_for_pixel(page, "own", (column + 0.5) / 7, (row + 0.5) / 7, color("viridis", weak.max() / arrays["cam"].max()))


def test_a_click_on_a_map_tells_the_kernel_its_cell_and_outlines_it(page):
    hover(page, "pointed", 4.3 / 7, 2.6 / 7)
    wait_for_text(page, ".echo-hovered", "[0, 2, 4]")
    page.mouse.down()
    page.mouse.up()
    wait_for_text(page, ".echo-clicked", "[0, 2, 4]")
    wait_for_pixel(page, "pointed", 4.5 / 7, 2 / 7, [255, 255, 255])
    page.locator(".is-pointed .cnnviz-picture").focus()
    page.keyboard.press("ArrowRight")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    wait_for_text(page, ".echo-clicked", "[0, 4, 4]")
    page.mouse.move(0, 0)
    wait_for_text(page, ".echo-hovered", "[]")


def test_a_drag_is_no_click_and_where_nobody_listens_hovering_sends_nothing(notebook):
    page = notebook.page
    page.locator(".is-alone button", has_text="Fit").click()
    before = notebook.messages_to_widgets()
    hover(page, "alone", 0.2, 0.2)
    page.mouse.down()
    hover(page, "alone", 0.6, 0.7)
    page.mouse.up()
    hover(page, "alone", 112.5 / 224, 56.5 / 224)
    page.mouse.down()
    page.mouse.up()
    wait_for_text(page, ".echo-clicked-pixel", "[-1, 56, 112]")
    # One message is the click; another may say once that the drag, with the whole image in sight, has moved nothing.
    assert notebook.messages_to_widgets() - before <= 3


def test_the_kernel_outlines_a_part_of_the_image(page):
    for x, y in [(40, 70), (200, 70), (100, 20), (100, 120)]:
        wait_for_pixel(page, "boxed", x / 224, y / 224, [255, 176, 0])
    assert list(pixel(page, "boxed", 100 / 224, 70 / 224)) == [90, 90, 90]
    assert not page.locator(".is-boxed .cnnviz-controls").is_visible()


def test_a_tile_can_be_chosen_without_being_enlarged(page):
    page.locator(".is-chosen .cnnviz-tiles").click(position={"x": 20, "y": 20})
    wait_for_text(page, ".echo-chosen", "0")
    assert not page.locator(".is-chosen .cnnviz-picture").is_visible()
    assert page.locator(".is-chosen .cnnviz-ring").first.is_visible()


def test_a_struck_tile_has_a_line_through_its_middle_and_the_others_have_none(page):
    box = page.locator(".is-chosen .cnnviz-tiles").bounding_box()
    across = int((box["width"] + 4) // 116)  # tiles of 112 px, 4 px apart

    def darkest(tile):
        """Of the pixels around a tile's middle: the line is thin, and its edges are soft."""
        x, y = tile % across * 116 + 56, tile // across * 116 + 56
        around = [(x + dx) / box["width"] for dx in (-1, 0, 1)]
        return min(pixel(page, "chosen", at, y / box["height"], "cnnviz-tiles").max() for at in around)

    assert darkest(5) < 100
    assert darkest(4) > 120


def test_categories_have_names_instead_of_a_color_bar(page):
    assert list(pixel(page, "categories", 5 / 6, 1 / 6)) == [0xE6, 0x9F, 0x00]  # the second colour of the palette
    assert pixel(page, "categories", 5 / 6, 5 / 6)[0] in (0x8C, 0xC4)  # hatched: no such category
    assert "cat 55.6 %" in page.locator(".is-categories .cnnviz-legend").inner_text()
    assert not page.locator(".is-categories .cnnviz-scale").is_visible()
    assert "dog" in hover(page, "categories", 5 / 6, 1 / 6)
    assert "no category" in hover(page, "categories", 5 / 6, 5 / 6)


def test_an_update_from_the_kernel_redraws_image_bar_and_title(page):
    assert np.abs(pixel(page, "live", 0.5, 0.5) - color("viridis", 0)).max() <= 1
    page.locator(".press-ones").click()
    wait_for_pixel(page, "live", 0.5, 0.5, color("viridis", 0.5))
    assert page.locator(".is-live .cnnviz-title").inner_text() == "second"
    assert page.locator(".is-live .cnnviz-marks").inner_text().split()[-1] == "2.0"


def test_the_last_good_picture_is_dimmed_not_gone(page):
    page.locator(".press-fail").click()
    page.wait_for_selector(".is-dimmed.cnnviz-dimmed, .is-dimmed .cnnviz-dimmed")
    wait_for_text(page, ".is-dimmed .cnnviz-note", "This is the last good picture.")
    opacity = "() => getComputedStyle(document.querySelector('.is-dimmed .cnnviz-picture')).opacity"
    assert float(page.evaluate(opacity)) < 0.6


def test_the_saved_png_holds_picture_and_color_bar(page):
    with page.expect_download() as waiting:
        page.locator(".is-smooth button", has_text="Save PNG").click()
    saved = np.asarray(Image.open(io.BytesIO(Path(waiting.value.path()).read_bytes())).convert("RGB"))
    height, width = saved.shape[:2]
    picture, left, top = width - 48, 24, 56
    assert height > picture + top + 60
    assert list(saved[2, 2]) == [255, 255, 255]
    at = saved[top + int(picture * 2.5 / 7), left + int(picture * 4.5 / 7)].astype(float)
    assert np.abs(at - color("viridis", 0.984)).max() <= 3  # the brightest pixels lie around the cell's centre
    assert np.abs(saved[top + picture + 28, width - 27].astype(float) - color("viridis", 1)).max() <= 3  # the bar's end


def test_every_control_has_a_name_and_a_tooltip(page):
    nameless = page.evaluate(
        f"""() => {EVERY}.flatMap((e) => [...e.querySelectorAll('button, input, select')])
            .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim())
                || !(e.title || e.closest('label')?.title)).map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_names_that_are_html_stay_text(page):
    assert page.locator(".is-attack .cnnviz-title").inner_text().startswith('"><img')
    hover(page, "attack", 0.5, 0.5)
    hover(page, "categories", 0.5, 0.5)
    assert page.evaluate("window.__xss") is None
    assert page.evaluate(f"{EVERY}.flatMap((e) => [...e.querySelectorAll('img, script')]).length") == 0


def test_nothing_went_wrong_on_the_way(notebook):
    notebook.assert_quiet()
