"""Names of classes in the forms in which people have them."""

import json

import numpy as np
import pytest
import tensorflow as tf

from cnnviz_widgets.core.class_names import class_names_in, class_names_of
from cnnviz_widgets.engine.network_options import NetworkOptions

NAMES = ("cat", "dog", "eel")
FORMS = {
    "list": list(NAMES),
    "generator": (name for name in NAMES),
    "array": np.array(NAMES),
    "array of objects": np.array(NAMES, object),
    "tensor": tf.constant(NAMES),
    "bytes": [name.encode() for name in NAMES],
    "array of bytes": np.array([name.encode() for name in NAMES]),
    "name to index": {"dog": 1, "cat": 0, "eel": 2},
    "index to name": {2: "eel", 0: "cat", 1: "dog"},
    "index to name, from JSON": json.loads('{"1": "dog", "0": "cat", "2": "eel"}'),
    "index to identifier and name": {"0": ["n01", "cat"], "1": ["n02", "dog"], "2": ["n03", "eel"]},
    "name to a NumPy index": {name: np.int64(index) for index, name in enumerate(NAMES)},
}


@pytest.mark.parametrize("form", FORMS)
def test_names_come_in_the_order_of_the_output(form):
    assert class_names_of(FORMS[form]) == NAMES


def test_digits_by_name_stay_digits():
    assert class_names_of({"0": 0, "1": 1}) == class_names_of({0: "0", 1: "1"}) == ("0", "1")


@pytest.mark.parametrize("given", [{"cat": 0, "dog": 2}, {0: "cat", 2: "dog"}, {"cat": 0, "dog": 0}, {"cat": "dog"}])
def test_a_gap_is_named(given):
    with pytest.raises(ValueError, match=r"a name to each index from 0 to \d, once. Received: the indexes"):
        class_names_of(given)


@pytest.mark.parametrize("given", ["cat", b"cat", 3])
def test_what_is_not_several_names_is_refused(given):
    with pytest.raises(TypeError, match="class_names must be .* Received: "):
        class_names_of(given)


def test_a_network_takes_them():
    assert NetworkOptions(class_names={"dog": 1, "cat": 0}).class_names == ("cat", "dog")


# ---- Of a file


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\nbee\n",
        "\ufeffcat\r\n  dog \r\nbee\r\n\r\n",
        '["cat", "dog", "bee"]',
        '\n {"dog": 1, "bee": 2, "cat": 0}',
        '{"2": "bee", "0": "cat", "1": "dog"}',
        '{"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "bee"]}',
    ],
)
def test_a_file_has_a_name_in_every_line_or_is_json(text, tmp_path):
    path = tmp_path / "names"
    path.write_bytes(text.encode())
    assert class_names_in(str(path)) == ("cat", "dog", "bee")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"cat\n\ndog\n", "a name in every line. Received: .*, line 2 is empty"),
        (b"", "a name in every line. Received: .*, line 1 is empty"),
        (b'["cat", "dog"', "must be JSON: a list or a dictionary. Received: .* in line 1"),
        (b'{"cat": 1, "dog": 2}', "a name to each index from 0 to 1, once. Received: the indexes 1, 2"),
        (b"\xff\xfe\x00", "text in UTF-8"),
    ],
)
def test_a_file_of_anything_else_is_refused(content, sentence, tmp_path):
    path = tmp_path / "names"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        class_names_in(str(path))
    with pytest.raises(FileNotFoundError, match="can be read. Received: .*missing"):
        class_names_in(str(tmp_path / "missing"))
