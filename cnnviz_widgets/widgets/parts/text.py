"""Text for the page. Words become HTML only here and in `why.py`, so they are escaped here."""

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
    """Return a widget that shows plain text and wraps it; `say` changes the text."""
    widget = Paragraph()
    widget.css, widget.role = css, role
    say(widget, text)
    return widget


def say(widget: Paragraph, text: object) -> None:
    """Show a text in a paragraph, in place of the one before."""
    _show(widget, html.escape(str(text)) if text else "")


def say_notes(widget: Paragraph, parts: Iterable[Note | str]) -> None:
    """Show Notes, and words between them, in a paragraph; a note's "why?" opens its section of the docs."""
    _show(widget, with_reasons(parts))


def _show(widget, inside):
    role = f' role="{widget.role}"' if widget.role else ""
    value = f'<div{role} style="{PARAGRAPH};{widget.css}">{inside}</div>' if inside else ""
    if widget.value != value:
        widget.value = value
