"""Every method on every kind of model is right or refuses in one sentence. Nothing here names a method."""

from pathlib import Path

import pytest
from kinds import KINDS
from matrix import cells_of, table, told, verdict
from thirds import in_thirds

from cnnviz_widgets.methods import all_methods

PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text(encoding="utf-8")
TOLD = cells_of(PAGE)
METHODS = all_methods()


def cells():
    """Every kind with every method; each kind with one of them, another one for each, is run in every third."""
    for row, name in enumerate(KINDS):
        for column, method in enumerate(METHODS):
            always = row % len(METHODS) == column
            marks = pytest.mark.slow if always else in_thirds(row)
            yield pytest.param(name, method, id=f"{name}-{method.__name__}", marks=marks)


@pytest.mark.parametrize(("name", "method"), cells())
def test_a_method_is_right_or_refuses_in_a_sentence_as_the_page_says(name, method, opened, image):
    found = verdict(method, name, opened, image)
    assert found.faults == ()
    assert told(found, name) == TOLD.get((name, method.__name__)), "run: python -m tools.matrix"


def test_the_page_has_a_row_for_every_kind_and_a_column_for_every_method():
    everything = {
        (name, method.__name__): TOLD.get((name, method.__name__), "missing") for name in KINDS for method in METHODS
    }
    assert set(table(everything).splitlines()) <= set(PAGE.splitlines()), "run: python -m tools.matrix"
