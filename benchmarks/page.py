"""The app in a real Chromium: the time to the first picture, and the time in which it follows a slider."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS, chromium_path

from .arrival import watched
from .measure import Row, at_most

OPENINGS = 5
PRESSES = 40
AFTER = "the network is opened and traced, the map computed, sent and drawn"
SECONDS = 120

# Records the time from a key press until a picture with other pixels has been painted, at the latest: the start of the
# frame after the one for which it was drawn. Pixels are read after a drawing only; reading them is slow.
WATCH = """() => {
    const canvas = document.querySelector('canvas.cnnviz-picture');
    const pixels = () => {
        const {width, height} = canvas;
        const data = canvas.getContext('2d').getImageData(width / 4, height / 4, width / 2, height / 2).data;
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i] + data[i + 1] + data[i + 2]) | 0;
        return sum;
    };
    const watch = window.watch = {pressed: 0, shown: pixels(), times: []};
    document.addEventListener('keydown', () => { watch.pressed = performance.now(); }, true);
    new MutationObserver(() => requestAnimationFrame(now => {
        const shown = pixels();
        if (shown === watch.shown) return;
        watch.shown = shown;
        watch.times.push((now - watch.pressed) / 1000);
    })).observe(document.querySelector('.cnnviz-live'), {attributes: true, attributeFilter: ['data-drawn']});
}"""


def rows():
    """Yield a Row for each stage of the opening of the page, and for the slider."""
    with watched() as (environment, arrived), app(environment) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        image, answer, loaded, result = zip(
            *(opening(browser, address, arrived) for _ in range(at_most(OPENINGS))), strict=True
        )
        after = tuple(shown - begun for shown, begun in zip(result, loaded, strict=True))
        tensorflow = "until TensorFlow is imported"
        yield Row("page opened until the image is there", image, loaded, goal=1.0, beside=tensorflow)
        yield Row("page opened until a control has been answered", answer, loaded, goal=1.0, beside=tensorflow)
        yield Row("page opened until the first map is there", result, loaded, beside=tensorflow)
        yield Row("TensorFlow imported until the first map is there", after, goal=4.0, remark=AFTER)
        yield Row("slider to pixel in Voila, kept result", slider_to_pixel(browser, address), goal=0.050)
        browser.close()


@contextmanager
def app(environment):
    """Serve the app as a person would start it, and give its address."""
    command = [sys.executable, "-m", "cnnviz_widgets", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield re.search(r"http\S+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait()


def opening(browser, address, arrived):
    """Return seconds from opening a page: image drawn, control answered, TensorFlow imported, first map drawn.

    The control is the method: the kernel answers with that method's sliders. It is then put back.
    """
    page = browser.new_page()
    page.set_default_timeout(SECONDS * 1000)
    begun, clock = time.perf_counter(), time.time()
    page.goto(address, wait_until="commit")
    page.wait_for_selector("canvas.cnnviz-picture")
    image = time.perf_counter() - begun
    method = page.locator(".widget-dropdown:has(label:text-is('Method')) select")
    method.select_option(label="Occlusion")
    page.locator(".widget-slider:has(label:text-is('window (px)'))").wait_for()
    answer = time.perf_counter() - begun
    method.select_option(label="Grad-CAM")
    page.locator(".cnnviz-title", has_text="Grad-CAM").wait_for()
    result = time.perf_counter() - begun
    page.close()
    return image, answer, arrived() - clock, result


def slider_to_pixel(browser, address):
    """Return seconds from a key press on a slider until other pixels are painted, for results that are kept."""
    page = browser.new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.goto(address)
    page.locator(".cnnviz-title", has_text="Grad-CAM").wait_for()
    page.locator(".widget-dropdown:has(label:text-is('Method')) select").select_option(label="Occlusion")
    handle = page.locator(".widget-slider:has(label:text-is('window (px)')) .noUi-handle")
    for key in ("", "ArrowRight", "ArrowLeft"):  # both results are computed and kept
        if key:
            handle.press(key)
        window = ".* \\(window=33\\)" if key == "ArrowRight" else ""
        page.locator(".cnnviz-title", has_text=re.compile(f"^Occlusion{window} ·")).wait_for()
        page.get_by_text("done", exact=True).wait_for()
    page.evaluate(WATCH)
    for press in range(at_most(PRESSES)):
        handle.press("ArrowLeft" if press % 2 else "ArrowRight")
        page.wait_for_function(f"() => watch.times.length > {press}")
        page.wait_for_timeout(200)  # a hand that looks before it moves on; a faster one is the storm of the tests
    found = page.evaluate("() => watch.times")
    page.close()
    return tuple(found)
