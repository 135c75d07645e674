"""Numbers in words, from the table that the browser's formats are tested against too; and names nearly right."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from test_architecture import imports_of

from cnnviz_widgets import words

TABLE = json.loads((Path(__file__).parent / "front" / "number_formats.json").read_text(encoding="utf-8"))
FORMATS = {"percent": words.percent, "number": words.number}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['format']} {row['text']}")
def test_it_reads_as_the_table_says(row):
    value = math.nan if row["value"] is None else row["value"]
    options = {"digits": row["digits"]} if "digits" in row else {}
    assert FORMATS[row["format"]](value, **options) == row["text"]


@pytest.mark.parametrize("value", [math.inf, -math.inf, np.float32("nan")])
def test_no_number_is_called_so(value):
    assert words.number(value) == words.percent(value) == "not finite"


def test_numpys_numbers_read_as_pythons_do():
    assert words.number(np.float32(0.25)) == words.number(0.25)
    assert words.number(np.int64(7)) == "7"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("gradcam", ["GradCAM"]), ("GradKAM", ["GradCAM"]), ("Grad", ["GradCAM"]), ("xyz", []), (7, [])],
)
def test_the_nearest_spelling_is_found_whatever_the_case(name, meant):
    assert words.nearest(name, ["GradCAM", "Occlusion", "RISE"]) == meant


def test_the_nearest_of_several_stands_first():
    assert words.nearest("conv11", ["conv2", "conv1", "dense"], 2) == ["conv1", "conv2"]


def test_a_question_asks_for_one_name_or_none():
    assert words.did_you_mean("Ocklusion", ["Occlusion", "occlude"]) == "Did you mean Occlusion? "
    assert words.did_you_mean("xyz", ["Occlusion"]) == ""


def test_a_text_becomes_one_short_line_without_control_characters():
    assert words.one_line("two\n lines\x1b[31m") == "two lines [31m"
    assert words.one_line("x" * 30, 10) == "xxxxxxx..."


def test_the_words_import_only_the_standard_library():
    assert {name.split(".")[0] for name in imports_of("words.py")} <= sys.stdlib_module_names
