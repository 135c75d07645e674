"""The rectangle dragged by hand in a real Chromium: the rate at which the probabilities follow.

The ImageNet network, the cat, in Voila and in JupyterLab, while the mouse moves about 60 times a second for three
seconds. A time is that between two answers that the page has taken.
"""

import math
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS, OpenNotebook, Server, chromium_path

from .measure import Row

SECONDS = 3
PATIENCE = 180_000  # ms until the first map is there
CELLS = ["import cnnviz_widgets as cnnviz\nexplorer = cnnviz.OcclusionExplorer('efficientnet_lite0')\nexplorer"]
# Records the time of each answer. The rectangle itself is drawn without the kernel.
WATCH = """() => {
    window.answers = [];
    new MutationObserver(() => window.answers.push(performance.now() / 1000))
        .observe(document.querySelector('.cnnviz-occluder'), {attributes: true, attributeFilter: ['data-answered']});
}"""


def rows():
    """Yield a Row for Voila and one for JupyterLab."""
    for app in ("voila", "jupyterlab"):
        with opened(app) as page:
            answers = dragging(page)
        gaps = tuple(np.diff(answers).tolist())
        remark = f"{len(answers) / SECONDS:.1f} answers a second, the longest gap {max(gaps) * 1000:.0f} ms"
        yield Row(f"rectangle dragged in {app}: between answers", gaps, goal=0.100, remark=remark)


@contextmanager
def opened(app):
    """Give a Playwright page of the explorer, with its map done."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(app, Path(folder))
        server.wait()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        notebook = OpenNotebook(app, browser, server, CELLS)
        try:
            notebook.page.get_by_text("done", exact=True).wait_for(timeout=PATIENCE)
            yield notebook.page
        finally:
            notebook.close()
            browser.close()
            server.stop()


def dragging(page):
    """Return the times of answers, in seconds, while the mouse dragged a rectangle around for `SECONDS`."""
    page.get_by_role("button", name="Cover the middle").click()
    rectangle = page.locator(".cnnviz-occluder-rectangle")
    rectangle.scroll_into_view_if_needed()
    box = rectangle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(500)
    page.evaluate(WATCH)
    begun = time.perf_counter()
    while (now := time.perf_counter() - begun) < SECONDS:
        page.mouse.move(x + box["width"] * math.sin(2 * now), y + box["height"] * math.sin(3 * now))
        page.wait_for_timeout(10)
    page.mouse.up()
    return page.evaluate("() => window.answers")
