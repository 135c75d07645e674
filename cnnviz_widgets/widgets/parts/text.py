"""Text for the page. Words become HTML here and in `why.py` beside it, so these are where they are escaped."""

import html
from collections.abc import Iterable

import ipywidgets

from cnnviz_widgets.core.notes import Note
from cnnviz_widgets.widgets.look import PARAGRAPH

from .why import with_reasons


class Paragraph(ipywidgets.HTML):
    """Plain text that wraps; `say` changes it. A new `css` or `role` shows with the next `say`."""

    css = ""
    role: str | None = None


def paragraph(text: object = "", css: str = "", role: str | None = None) -> Paragraph:
    """A widget that shows plain text and wraps it; change it by `say`."""
    widget = Paragraph()
    widget.css, widget.role = css, role
    say(widget, text)
    return widget


def say(widget: Paragraph, text: object) -> None:
    """Show other words in a paragraph."""
    _show(widget, html.escape(str(text)) if text else "")


def say_notes(widget: Paragraph, parts: Iterable[Note | str]) -> None:
    """Show Notes, and words between them, in a paragraph; a note's "why?" opens its section of the docs."""
    _show(widget, with_reasons(parts))


def _show(widget, inside):
    role = f' role="{widget.role}"' if widget.role else ""
    value = f'<div{role} style="{PARAGRAPH};{widget.css}">{inside}</div>' if inside else ""
    if widget.value != value:
        widget.value = value
