"""A slider that is dragged while a method is slow: pictures follow the hand."""

PAGE = """\
import cnnviz_widgets as cnnviz
explorer = cnnviz.Explorer("digits", method=cnnviz.Occlusion(window=4, stride=1))
explorer
"""
# The method is made so slow that no map is complete while the hand moves: it waits a moment after each step.
SLOW = """\
import time
from cnnviz_widgets.methods.occlusion import Occlusion
quick = Occlusion.run
def slow(self, network, image, target):
    for result in quick(self, network, image, target):
        time.sleep(0.15)
        yield result
Occlusion.run = slow
"""
# A hand that goes to and fro without a rest until three pictures have come; their titles, and whether one was behind.
DRAG = """async (handle) => {
    const title = document.querySelector(".cnnviz-title"), root = document.querySelector(".cnnviz-live");
    const titles = new Set([title.textContent]);
    let behind = false;
    for (let move = 0; titles.size < 4 && move < 400; move++) {
        const key = move % 12 < 6 ? "ArrowRight" : "ArrowLeft";
        handle.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        await new Promise((done) => setTimeout(done, 50));
        titles.add(title.textContent);
        behind ||= root.classList.contains("cnnviz-behind");
    }
    return { titles: [...titles], behind };
}"""


def test_pictures_follow_a_hand_that_drags_a_slow_methods_slider(voila):
    notebook = voila([SLOW, PAGE])
    page = notebook.page
    page.wait_for_selector(".cnnviz-live")
    page.wait_for_function("() => document.querySelector('.cnnviz-title')?.innerText.startsWith('Occlusion')")
    slider = ".widget-slider:has(label:text-is('window (px)'))"
    told = page.locator(f"{slider} .noUi-handle").evaluate(DRAG)
    assert len(told["titles"]) == 4, told
    assert told["behind"]
    last = page.locator(f"{slider} .widget-readout").inner_text()
    page.wait_for_function(
        "(last) => document.querySelector('.cnnviz-title').innerText.includes(last)", arg=f"window={last}"
    )
    page.wait_for_function("() => !document.querySelector('.cnnviz-live').classList.contains('cnnviz-behind')")
    notebook.assert_quiet()
