"""The explanation behind "why?" beside a note: the section of `core/notes.md` to which the note's link leads.

It is shown on the page itself, because no address of the docs works wherever a notebook is opened, and none works
without internet.
"""

import html
import re
from collections.abc import Iterable, Mapping
from functools import cache

from cnnviz_widgets.core.notes import PAGE, Note
from cnnviz_widgets.widgets.look import REASON, REASONS, REASONS_BUTTON, REASONS_TEXT


def with_reasons(parts: Iterable[Note | str]) -> str:
    """Return texts and Notes in a row as HTML; each Note that the docs explain has a "why?" to open."""
    return " ".join(html.escape(str(part)) + _reasons(getattr(part, "link", None)) for part in parts)


def explanation(link: str | None) -> tuple[str, ...]:
    """Return the paragraphs of the docs that a note's link leads to, as plain text; () where there are none."""
    return sections().get(link, ()) if link else ()


@cache
def sections() -> Mapping[str, tuple[str, ...]]:
    """Return {link: paragraphs} of the page about notes, without its Markdown."""
    found = re.split(r"^## (\w+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {f"{PAGE.name}#{kind}": _paragraphs(text) for kind, text in zip(found[::2], found[1::2], strict=True)}


def _paragraphs(text):
    return tuple(" ".join(part.split()).replace("**", "").replace("`", "") for part in text.strip().split("\n\n"))


def _reasons(link):
    paragraphs = explanation(link)
    if not paragraphs:
        return ""
    told = "".join(f"<p style='{REASON}'>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    return (
        f" <details style='{REASONS}'><summary style='{REASONS_BUTTON}'>why?</summary>"
        f"<div style='{REASONS_TEXT}'>{told}</div></details>"
    )
