"""What stands behind "why?" beside a note: the section of `docs/notes.md` that the note's link leads to.

The words are shown where they are asked for: a page has no address of the docs that works in every place a notebook
is opened, and none without internet.
"""

import html
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]


def with_reasons(parts):
    """HTML of texts and Notes, one after another; each Note that the docs explain with a "why?" to open."""
    return " ".join(html.escape(str(part)) + _reasons(getattr(part, "link", None)) for part in parts)


def explanation(link):
    """The paragraphs of the docs that a note's link leads to, as plain text; () where there are none."""
    return sections().get(link, ()) if link else ()


@cache
def sections():
    """{link: paragraphs} of the page about notes, without its marks."""
    found = re.split(r"^## (\w+)\n", page().read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {f"notes.md#{kind}": _paragraphs(text) for kind, text in zip(found[::2], found[1::2], strict=True)}


def page():
    """The page about notes: in an installed package beside this file, in a checkout in `docs`."""
    for path in (HERE / "notes.md", CHECKOUT / "docs" / "notes.md"):
        if path.is_file():
            return path
    raise FileNotFoundError(f"The package needs its page about notes, notes.md. Received: {HERE} without it.")


def _paragraphs(text):
    return tuple(" ".join(part.split()).replace("**", "").replace("`", "") for part in text.strip().split("\n\n"))


def _reasons(link):
    paragraphs = explanation(link)
    if not paragraphs:
        return ""
    told = "".join(f"<p style='margin:.3em 0'>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    return (
        " <details style='display:inline'>"
        "<summary style='display:inline;cursor:pointer;text-decoration:underline;opacity:.75'>why?</summary>"
        f"<div style='margin:.3em 0 .6em 1em;max-width:46em;opacity:.85'>{told}</div></details>"
    )
