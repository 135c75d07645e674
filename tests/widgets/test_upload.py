"""Upload without a browser: what a message from a page may do."""

import pytest

from cnnviz_widgets.widgets.front.upload import MAX_BYTES, NAME_LENGTH, Upload


@pytest.fixture
def upload():
    return Upload()


def send(upload, content, **message):
    """A custom message with one buffer, as the kernel gets it from the page."""
    upload._handle_custom_msg(message, [memoryview(content)])


def test_a_file_arrives_with_its_name_and_is_counted(upload):
    seen = []
    upload.observe(lambda change: seen.append((change["new"], upload.content, upload.name)), "count")
    send(upload, b"picture", name="cat.jpg")
    send(upload, b"picture", name="cat.jpg")
    assert seen == [(1, b"picture", "cat.jpg"), (2, b"picture", "cat.jpg")]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\cat.jpg", "cat.jpg"),
        ("two\nlines\x00.png", "twolines.png"),
        ("x" * 5000, "x" * NAME_LENGTH),
        ("", "picture"),
        (None, "picture"),
    ],
)
def test_names_are_plain_and_short(upload, name, plain):
    send(upload, b"picture", name=name)
    assert upload.name == plain


@pytest.mark.parametrize("size", [0, MAX_BYTES + 1])
def test_a_message_without_a_picture_or_too_large_is_refused_with_a_sentence(upload, size):
    send(upload, b"first", name="first")
    send(upload, bytes(size), name="second")
    assert (upload.content, upload.name, upload.count) == (b"first", "first", 1)
    assert upload.error.endswith(f"Received: {size} bytes.")


@pytest.mark.parametrize(("message", "buffers"), [("text", [b"x"]), ({}, []), ({}, [b"x", b"y"]), (None, [b"x"])])
def test_other_messages_are_ignored(upload, message, buffers):
    upload._handle_custom_msg(message, buffers)
    assert upload.count == 0


def test_the_next_good_file_takes_the_error_away(upload):
    upload.error = "That is no picture."
    send(upload, b"picture", name="cat.jpg")
    assert upload.error == ""


def test_the_picture_does_not_travel_back_to_the_page(upload):
    send(upload, b"picture", name="cat.jpg")
    assert not {"content", "name", "count"} & set(upload.get_state())


def test_a_browser_may_write_its_sentence_and_nothing_else(upload):
    upload.set_state({"error": "x" * 5000, "label": "other", "count": 7})
    assert len(upload.error) == 500
    assert (upload.label, upload.count) == ("Upload image…", 0)
