"""The bytes of a picture file that a person names by a path, hands over as bytes, or has opened."""

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from cnnviz_widgets.words import one_line

MOST_BYTES = 64 * 2**20


def read_picture(source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO) -> tuple[bytes, str]:
    """Return the bytes behind a path, bytes or a binary file object, and a name for them.

    Raises FileNotFoundError, IsADirectoryError, PermissionError, ValueError or TypeError, each with
    a sentence to show.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data, name = bytes(source), ""
    elif isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        data, name = _read_path(path), Path(path).stem
    elif hasattr(source, "read"):
        data, name = _read_stream(source), getattr(source, "name", "")
        name = Path(name).stem if isinstance(name, str) else ""
    else:
        raise TypeError(
            "A picture is opened from a path, from bytes or from a file opened for reading bytes"
            " (numbers go to InputImage(array))."
            f" Received: {type(source).__name__}."
        )
    if len(data) > MOST_BYTES:
        raise ValueError(f"The file is too large. A picture may have up to {MOST_BYTES // 2**20} MB. Received: more.")
    return data, one_line(name) or "image"


def _read_path(path):
    shown = repr(one_line(path, 100))
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        raise ValueError(
            f"Pictures are not downloaded. Save the file first and open it by its path. Received: {shown}."
        )
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb") as file:
                return file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"No such file. A picture is opened by its path. Received: {shown}.") from error
    except PermissionError as error:
        raise PermissionError(f"This file may not be read. Received: {shown}.") from error
    except (OSError, ValueError) as error:  # a name that is too long or holds a NUL
        raise ValueError(f"A file of this name cannot be read. Received: {shown}.") from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"This is a folder. A picture is one file. Received: {shown}.")
    # A pipe or a device may never end.
    raise ValueError(f"A picture is an ordinary file. Received: {shown}.")


def _read_stream(stream):
    try:
        if stream.seekable():  # as Pillow does, wherever the last reader stopped
            stream.seek(0)
        data = stream.read(MOST_BYTES + 1)
    except Exception as error:  # any file-like object may be handed in
        raise ValueError(f"The file object cannot be read. Received: {type(stream).__name__}.") from error
    if not isinstance(data, bytes):
        raise ValueError(f"A picture is read as bytes: open the file with mode 'rb'. Received: {type(data).__name__}.")
    return data
