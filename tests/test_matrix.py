"""Every method on every kind of model is right or refuses in one sentence. Nothing here names a method."""

from functools import cache
from pathlib import Path

import pytest
from kinds import KINDS
from matrix import table, verdict

from cnnviz_widgets.methods import all_methods

PAGE = Path(__file__).parents[1] / "docs" / "models.md"


@pytest.fixture(scope="module")
def verdict_of(opened, image):
    return cache(lambda method, name: verdict(method, name, opened, image))


@pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.__name__)
@pytest.mark.parametrize("name", KINDS)
def test_a_method_is_right_or_refuses_in_a_sentence(name, method, verdict_of):
    assert verdict_of(method, name).faults == ()


def test_the_page_of_models_is_up_to_date(verdict_of):
    page = table({(name, method): verdict_of(method, name) for name in KINDS for method in all_methods()})
    written = PAGE.read_text(encoding="utf-8").splitlines()
    assert set(page.splitlines()) <= set(written), "run: python -m tools.matrix"
