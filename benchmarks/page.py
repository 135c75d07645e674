"""The app in a real Chromium: how soon there is a picture, and how soon it follows a slider."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS, chromium_path

from .measure import Row

OPENINGS = 5
PRESSES = 40
SECONDS = 120

# Notes the time from a key press until a picture with other pixels has been painted, at the latest: the start of the
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
    """Yield a Row for the opening of the page and for the slider."""
    with app() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        image, result = zip(*(opening(browser, address) for _ in range(OPENINGS)), strict=True)
        yield Row("page opened until the image is there", image)
        yield Row("page opened until the first map is there", result, remark="TensorFlow is loaded in between")
        yield Row("slider to pixel in Voila, kept result", slider_to_pixel(browser, address), goal=0.050)
        browser.close()


@contextmanager
def app():
    """The address of the app, served as a person would start it."""
    command = [sys.executable, "-m", "cnnviz_widgets", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http\S+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait()


def opening(browser, address):
    """Seconds from opening a page until the image is drawn, and until the first map is."""
    page = browser.new_page()
    page.set_default_timeout(SECONDS * 1000)
    begun = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_selector("canvas.cnnviz-picture")
    image = time.perf_counter() - begun
    page.locator(".cnnviz-title", has_text="Grad-CAM").wait_for()
    result = time.perf_counter() - begun
    page.close()
    return image, result


def slider_to_pixel(browser, address):
    """Seconds from a key press on a slider until other pixels are painted, for results that are kept."""
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
    for press in range(PRESSES):
        handle.press("ArrowLeft" if press % 2 else "ArrowRight")
        page.wait_for_function(f"() => watch.times.length > {press}")
        page.wait_for_timeout(200)  # a hand that looks before it moves on; a faster one is the storm of the tests
    times = page.evaluate("() => watch.times")
    page.close()
    return tuple(times)
