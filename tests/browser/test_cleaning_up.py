"""A live image that leaves the page and comes back 200 times, in a real Chromium: what does it leave behind?"""

CELL = """
import ipywidgets
import numpy as np
from IPython.display import display

from cnnviz_widgets.widgets.front.live_image import LiveImage

picture, box, said = LiveImage(), ipywidgets.VBox(), ipywidgets.Label()
picture.show_map(np.ones((7, 7)), limits=(0, 1))


def press(name, times):
    button = ipywidgets.Button(description=name)
    button.add_class(f"press-{name}")

    def come_and_go(_):
        for _ in range(times):
            box.children = ()
            box.children = (picture,)
        said.value = f"{name} done"

    button.on_click(come_and_go)
    return button


display(ipywidgets.VBox([press("once", 1), press("often", 200), said.add_class("said"), box]))
"""

# From here on the page knows the observers of live images, and the listeners of window and document.
COUNT = """() => {
    const observers = new Set(), listeners = new Map([[window, 0], [document, 0]]);
    for (const name of ["ResizeObserver", "MutationObserver"]) {
        window[name] = class extends window[name] {
            observe(target, options) {
                const themed = options?.attributeFilter?.includes("data-jp-theme-name");
                if (themed || target.closest?.(".cnnviz-live")) observers.add(this);
                super.observe(target, options);
            }
            disconnect() {
                observers.delete(this);
                super.disconnect();
            }
        };
    }
    for (const [name, change] of [["addEventListener", 1], ["removeEventListener", -1]]) {
        const real = EventTarget.prototype[name];
        EventTarget.prototype[name] = function (...given) {
            if (listeners.has(this)) listeners.set(this, listeners.get(this) + change);
            return real.apply(this, given);
        };
    }
    window.heldNow = () => ({ observers: observers.size, listeners: [...listeners.values()] });
}"""
ONE_DRAWN = """() => {
    const all = [...document.querySelectorAll(".cnnviz-live")];
    return all.length === 1 && +all[0].dataset.drawn > 0;
}"""


def after(page, name):
    """The listeners and observers held when the button has been pressed and one picture stands on the page."""
    page.locator(f".press-{name}").click()
    page.wait_for_function(f"() => document.querySelector('.said').textContent === '{name} done'")
    page.wait_for_function(ONE_DRAWN)
    return page.evaluate("heldNow()")


def test_a_live_image_that_came_and_went_200_times_holds_what_one_holds(voila):
    opened = voila([CELL])
    page = opened.page
    page.locator(".press-once").wait_for()
    page.evaluate(COUNT)
    first = after(page, "once")
    assert first["observers"] > 0
    assert after(page, "often") == first
    opened.assert_quiet()
