"""A CSV file that grows a row at a time, and that may have been left in the middle of one."""

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


class Table:
    """Rows of text under a heading. A file name that is not valid UTF-8 is written as its own bytes."""

    path: Path
    columns: Sequence[str]

    def __init__(self, path: Path, columns: Sequence[str]):
        self.path, self.columns = path, columns

    def rows(self) -> list[dict[str, str]]:
        """Return the complete rows of the file, each a dict of text; [] where there is no file."""
        if not self.path.exists():
            return []
        text = self.path.read_text("utf-8", errors="surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if not text.endswith("\n"):  # the computer went off while it was written
            rows = rows[:-1]
        return [dict(zip(self.columns, row, strict=True)) for row in rows[1:] if len(row) == len(self.columns)]

    def rewrite(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace all rows; the old file stays as it was if this is interrupted."""
        part = self.path.with_name(f".{self.path.name}.part")
        part.write_bytes(b"".join(map(_line, [self.columns, *([row[name] for name in self.columns] for row in rows)])))
        os.replace(part, self.path)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one row, a dict."""
        with open(self.path, "ab") as file:
            file.write(_line([row[name] for name in self.columns]))


def _line(values):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode("utf-8", errors="surrogateescape")
