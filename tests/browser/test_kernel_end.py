"""The kernel of a page is killed, as for want of memory: the page says so."""

import os

PAGE = """\
import os
import ipywidgets
import cnnviz_widgets as cnnviz
explorer, other = cnnviz.Explorer("digits"), cnnviz.CAMExplorer("digits")
process = ipywidgets.Label(str(os.getpid()))
process.add_class("process")
ipywidgets.VBox([process, explorer, other])
"""
SEEN = ".cnnviz-ended:visible"


def test_a_page_whose_kernel_was_killed_says_so_once_and_can_be_loaded_again(voila):
    page = voila([PAGE]).page
    page.wait_for_selector(".cnnviz-title:not(:empty)")
    before = page.locator(".process").inner_text()
    assert page.locator(".cnnviz-ended").count() == 0
    os.kill(int(before), 9)
    page.wait_for_selector(SEEN)
    assert page.locator(".cnnviz-ended").count() == 1
    assert "what you see is the last picture" in page.locator(SEEN).inner_text()
    page.locator(SEEN).get_by_role("button", name="Reload").click()
    page.wait_for_function(
        "(before) => (now => now && now !== before)(document.querySelector('.process')?.innerText)", arg=before
    )
    page.wait_for_selector(".cnnviz-title:not(:empty)")
    assert page.locator(".cnnviz-ended").count() == 0
