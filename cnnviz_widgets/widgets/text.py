"""Text for the page. The one place where words become HTML, so the one place where they are escaped."""

import html

import ipywidgets


def paragraph(text="", css="", role=None):
    """A widget that shows plain text and wraps it; change it by `say`."""
    widget = ipywidgets.HTML()
    widget.css, widget.role = css, role
    say(widget, text)
    return widget


def say(widget, text):
    """Show other words in a paragraph."""
    role = f' role="{widget.role}"' if widget.role else ""
    value = f'<div{role} style="line-height:1.35;{widget.css}">{html.escape(str(text))}</div>' if text else ""
    if widget.value != value:
        widget.value = value
