"""A folder of pictures, and the folder of their maps, which is right whenever the work is interrupted.

A map's two files are written under another name and then renamed; its row in scores.csv comes last. So every picture
with a row is complete, and the next run goes on with those that have none.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cnnviz_widgets.core.result import Result

from .picture import picture_of
from .table import Table

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
SCORES = ("file", "target", "index", "score", "probability", "unit", "min", "max", "notes")
SKIPPED = ("file", "reason")


def pictures_in(folder: Path, leave_out: Path) -> tuple[list[str], int]:
    """Return (names, others): the picture files in a folder and its subfolders, and the number of other files.

    A name is the path relative to the folder, with slashes. Hidden files and the folder `leave_out` do not count.
    """
    names, others = [], 0
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if name[0] != "." and (here / name).resolve() != leave_out)
        shown = [name for name in files if name[0] != "."]
        pictures = [name for name in shown if name.lower().endswith(ENDINGS)]
        others += len(shown) - len(pictures)
        names += [(here / name).relative_to(folder).as_posix() for name in pictures]
    return sorted(names), others


class MapFolder:
    """The folder of the maps: for `cat.jpg` the raw numbers, `cat.jpg.npy`, and a picture, `cat.jpg.png`.

    All maps in it have the same `settings`. Raises ValueError where the folder holds maps of other settings or another
    command is at work in it.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], overwrite: bool = False):
        self.folder = folder
        self.scores: Table = Table(folder / "scores.csv", SCORES)
        self.skipped: Table = Table(folder / "skipped.csv", SKIPPED)
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder / ".lock")
        try:
            self._agree(folder / "settings.json", settings, overwrite)
        except BaseException:
            self.close()
            raise

    def begin(self, source: Path) -> set[str]:
        """Return the names of complete maps that are no older than their pictures in `source`; forget all others."""
        complete = {row["file"]: row for row in self.scores.rows() if self._is_complete(source, row["file"])}
        self.scores.rewrite(complete.values())
        self.skipped.rewrite([])
        return set(complete)

    def keep(self, name: str, result: Result, row: dict[str, Any]) -> None:
        """Write a result's numbers and its picture, and then its row."""
        from PIL import Image

        numbers, picture = self._files(name)
        numbers.parent.mkdir(parents=True, exist_ok=True)
        self._write(numbers, lambda file: np.save(file, result.array, allow_pickle=False))
        self._write(picture, lambda file: Image.fromarray(picture_of(result)).save(file, "PNG"))
        self.scores.append(row)

    def skip(self, name: str, sentence: str) -> None:
        """Record why a picture has no map."""
        self.skipped.append({"file": name, "reason": sentence})

    def close(self) -> None:
        """Put the rows in order, and unlock the folder."""
        if rows := self.scores.rows():
            self.scores.rewrite(sorted(rows, key=lambda row: row["file"]))
        os.close(self._lock)

    def _agree(self, known, settings, overwrite):
        """Record the settings; raise ValueError where the folder holds maps of other ones."""
        if overwrite:
            self.scores.rewrite([])
        elif self.scores.rows():
            _check_same(self.folder, _read(known), settings)
        self._write(known, lambda file: file.write(json.dumps(settings, indent=1).encode()))

    def _files(self, name):
        return self.folder / f"{name}.npy", self.folder / f"{name}.png"

    def _is_complete(self, source, name):
        try:
            made = min(path.stat().st_mtime for path in self._files(name))
            return (source / name).stat().st_mtime <= made
        except OSError:
            return False

    def _write(self, path: Path, write: Callable[[BinaryIO], object]) -> None:
        part = self._part()
        with open(part, "wb") as file:
            write(file)
        os.replace(part, path)

    def _part(self):
        return self.folder / ".part"


def _locked(path):
    """Return a file descriptor that keeps every other command out of the folder until it is closed."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows: there, two commands in one folder are not told apart
        pass
    except OSError as error:
        os.close(lock)
        raise ValueError(
            "Only one command at a time may write into a folder: wait for the other, or choose another --out. "
            f"Received: {str(path.parent)!r}."
        ) from error
    return lock


def _read(path):
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


def _check_same(folder, known, settings):
    names = [name for name in {**known, **settings} if known.get(name) != settings.get(name)]
    if names:
        changes = ", ".join(f"{name} {settings.get(name)!r}, there {known.get(name)!r}" for name in names)
        raise ValueError(
            f"The maps in {str(folder)!r} were made with other settings: choose another --out, or --overwrite them. "
            f"Received: {changes}."
        )
