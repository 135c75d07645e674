"""The upload widget in a real Chromium, in Voila and in JupyterLab: what arrives in the kernel, what is said if not."""

import base64
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PAGE = Path(__file__).with_name("upload_page.py")
# Give a file to the widget as a drop or as a paste does.
GIVE = """([kind, name, base64, bytes]) => {
    const target = document.querySelector('.cnnviz-upload button'), transfer = new DataTransfer();
    const content = bytes ? new Uint8Array(bytes) : Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    transfer.items.add(new File([content], name));
    const options = { bubbles: true, cancelable: true };
    target.dispatchEvent(kind === 'drop' ? new DragEvent('drop', { ...options, dataTransfer: transfer })
        : new ClipboardEvent('paste', { ...options, clipboardData: transfer }));
}"""


@pytest.fixture(scope="module", params=["voila", "jupyterlab"])
def notebook(request, open_notebook):
    opened = open_notebook(request.param, [PAGE.read_text("utf-8")])
    opened.page.wait_for_selector(".cnnviz-upload button")
    opened.page.wait_for_selector(".received")
    yield opened
    opened.close()


@pytest.fixture
def page(notebook):
    return notebook.page


def picture(kind="JPEG", size=(64, 48), seed=0, **options):
    """An encoded picture of noise, red on its left half, so that one sees how it was turned."""
    pixels = np.random.default_rng(seed).integers(0, 200, (size[1], size[0], 3), np.uint8)
    pixels[:, : size[0] // 2, 0] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def choose(page, name, content):
    """Through the file chooser, as a person does."""
    with page.expect_file_chooser() as chooser:
        page.locator(".cnnviz-upload button").click()
    chooser.value.set_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})


def give(page, kind, name, content=b"", size=0):
    page.evaluate(GIVE, [kind, name, base64.b64encode(content).decode(), size])


def wait_until_received(page, *pieces):
    page.wait_for_function(
        "(pieces) => pieces.every((p) => document.querySelector('.received').textContent.includes(p))",
        arg=list(pieces),
        timeout=20_000,
    )


def wait_for_sentence(page, piece):
    page.wait_for_function(
        "(p) => document.querySelector('.cnnviz-upload .cnnviz-error')?.textContent.includes(p)",
        arg=piece,
        timeout=20_000,
    )


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_small_picture_arrives_byte_for_byte(page, kind):
    content = picture(kind, seed=1)
    choose(page, f"small.{kind.lower()}", content)
    wait_until_received(page, f"small.{kind.lower()}", digest(content), "64x48")


def test_a_large_photo_arrives_upright_and_small_enough_to_be_sent(page):
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me to the right": taken with the camera upright
    content = picture("JPEG", (4000, 3000), quality=97, exif=exif)
    assert len(content) > 10_000_000  # a websocket would close on it
    choose(page, "photo.jpg", content)
    wait_until_received(page, "photo.jpg", "768x1024")
    assert int(page.locator(".received").inner_text().split(" | ")[-1].split()[0]) < 2_500_000


def test_a_text_file_gets_a_sentence_and_the_next_picture_still_arrives(page):
    choose(page, "notes.txt", b"not a picture" * 100)
    wait_for_sentence(page, "“notes.txt” is not a picture that this browser can read")
    good = picture(seed=2)
    choose(page, "good.jpg", good)
    wait_until_received(page, "good.jpg", digest(good))
    page.locator(".cnnviz-upload .cnnviz-error").wait_for(state="detached")


def test_an_empty_and_a_huge_file_get_a_sentence(page):
    give(page, "drop", "empty.png")
    wait_for_sentence(page, "“empty.png” is empty.")
    give(page, "drop", "huge.png", size=100_000_001)
    wait_for_sentence(page, "at most 100 MB can be opened")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(page, kind):
    content = picture("PNG", seed=3)
    give(page, kind, f"{kind}.png", content)
    wait_until_received(page, f"{kind}.png", digest(content))


def test_the_same_file_twice_counts_twice(page):
    content = picture(seed=4)
    choose(page, "twice.jpg", content)
    wait_until_received(page, "twice.jpg")
    count = int(page.locator(".received").inner_text().split(" | ")[0])
    # A browser tells of a choice only when it is another one than the input holds.
    assert page.locator(".cnnviz-upload input").input_value() == ""
    choose(page, "twice.jpg", content)
    wait_until_received(page, f"{count + 1} | twice.jpg")


def test_a_file_name_that_is_html_stays_text(page):
    name = "<img src=x onerror=window.__xss=1>.txt"
    give(page, "drop", name, b"text")
    wait_for_sentence(page, name)
    assert page.evaluate("window.__xss") is None


def test_the_button_works_from_the_keyboard(page):
    with page.expect_file_chooser() as chooser:
        page.locator(".cnnviz-upload button").press("Enter")
    content = picture(seed=5)
    chooser.value.set_files({"name": "keys.jpg", "mimeType": "image/jpeg", "buffer": content})
    wait_until_received(page, "keys.jpg", digest(content))


def test_nothing_went_wrong_on_the_way(notebook):
    notebook.assert_quiet()
