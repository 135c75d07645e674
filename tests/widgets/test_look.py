"""The look of the page stands in one file, and no widget shares its layout with another."""

import re
from pathlib import Path

import pytest

import cnnviz_widgets as cnnviz

WIDGETS = Path(cnnviz.__file__).parent / "widgets"
STYLES = re.compile(r"ipywidgets\.Layout\(|font-|opacity:|(description|button|min|max)_width\"|max-width")
EXPLORERS = [name for name in dir(cnnviz) if name.endswith("Explorer")]


@pytest.mark.parametrize("path", sorted(WIDGETS.rglob("*.py")), ids=lambda path: path.name)
def test_layouts_and_text_styles_stand_in_one_file(path):
    found = [line.strip() for line in path.read_text("utf-8").splitlines() if STYLES.search(line)]
    assert bool(found) == (path.name == "look.py"), found


@pytest.mark.parametrize("name", EXPLORERS)
def test_hiding_a_widget_hides_no_other(name, session):
    layouts = [widget.layout for widget in widgets_in(getattr(cnnviz, name)(session=session))]
    assert len(set(layouts)) == len(layouts) > 10


def widgets_in(widget):
    """A widget and all that stands inside of it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from widgets_in(child)
