"""Every property holds of the package as it is, and fails when one of its bugs is planted."""

from pathlib import Path

import pytest
from thirds import in_thirds

from properties import TABLE
from properties.page import page

DOCS = Path(__file__).parents[2] / "docs"

BUGS = [
    pytest.param(each, bug, id=f"{each.number}: {bug.sentence}", marks=in_thirds(each.number))
    for each in TABLE
    for bug in each.bugs
]


@pytest.mark.parametrize("each", TABLE, ids=lambda each: f"{each.number}: {each.sentence}")
def test_it_holds(each):
    each.holds()


@pytest.mark.parametrize(("each", "bug"), BUGS)
def test_it_fails_on_a_planted_bug_and_holds_again_without(each, bug):
    with bug.planted(), pytest.raises(bug.caught_by):
        each.holds()
    each.holds()


def test_every_property_is_known_to_catch_a_bug():
    assert [each.number for each in TABLE if not each.bugs] == []


def test_the_page_about_them_is_the_table():
    written = (DOCS / "properties.md").read_text(encoding="utf-8")
    assert written == page(TABLE), "run: python tools/write_properties.py"
