"""Text for the page. Words become HTML here and in `why.py` beside it, so these are where they are escaped."""

import html

import ipywidgets

from cnnviz_widgets.widgets.look import PARAGRAPH

from .why import with_reasons


def paragraph(text="", css="", role=None):
    """A widget that shows plain text and wraps it; change it by `say`."""
    widget = ipywidgets.HTML()
    widget.css, widget.role = css, role
    say(widget, text)
    return widget


def say(widget, text):
    """Show other words in a paragraph."""
    _show(widget, html.escape(str(text)) if text else "")


def say_notes(widget, parts):
    """Show Notes, and words between them, in a paragraph; a note's "why?" opens its section of the docs."""
    _show(widget, with_reasons(parts))


def _show(widget, inside):
    role = f' role="{widget.role}"' if widget.role else ""
    value = f'<div{role} style="{PARAGRAPH};{widget.css}">{inside}</div>' if inside else ""
    if widget.value != value:
        widget.value = value
