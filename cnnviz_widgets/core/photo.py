"""Photographs: from untrusted bytes to (height, width, 3) uint8 pixels, and to a network's size.

Everything that Pillow does is done here. A file may come from anybody, so its size is read from the
header before a pixel is decoded, only six formats are tried, and whatever goes wrong is told in one
sentence. Colour profiles are not applied. None of Pillow's own settings are changed.
"""

import io
import threading
import warnings
from typing import TYPE_CHECKING

import numpy as np

from .notes import Note

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

# Never EPS: Pillow would start Ghostscript on it.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
FORMAT_NAMES = "PNG, JPEG, WebP, GIF, BMP and TIFF"
MOST_PIXELS = 16 * 2**20
LEAST_SIDE = 4  # px
MOST_ASPECT = 20  # longer side / shorter side
MOST_FRAMES = 10_000  # counted in a GIF

# warnings.catch_warnings swaps a global, so that two threads must not do it at once.
_warnings_lock = threading.Lock()


def decode(data: bytes) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Return the RGB pixels (height, width, 3) uint8 of a picture file, and notes on the parts that were left out.

    The first frame, turned upright, on white where it is transparent. Raises ValueError with one
    sentence for anything that is not a whole, reasonably sized picture.
    """
    from PIL import Image

    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise ValueError(_size_sentence("far more pixels")) from error
        except Exception as error:  # plugins raise anything on crafted bytes
            raise ValueError(
                f"This is not a picture that can be opened. {FORMAT_NAMES} can. Received: {_looks_like(data)}."
            ) from error
        with picture:
            pixels, notes = _opened(picture, f"a {picture.format} file of {len(data)} bytes")
            notes += _frame_notes(picture, data)
    return pixels, notes


def of_pillow(picture: "Picture") -> tuple[np.ndarray, tuple[Note, ...]]:
    """Return the RGB pixels and notes, as for `decode`, of a picture that Pillow has opened. Raises ValueError."""
    return _opened(picture, f"a {picture.format or 'made'} picture of {picture.width}×{picture.height} px")


def _opened(picture, received):
    """Return (RGB pixels, turned upright, notes); `received` tells of the picture where it is damaged."""
    try:
        _check_size(picture)
        picture.load()
        rgb, notes = _flat(picture)
        upright = _upright(rgb, picture)
    except _PictureError as error:
        raise ValueError(str(error)) from error
    except Exception as error:
        raise ValueError(
            f"The picture is damaged or ends too early. A whole file is needed. Received: {received}."
        ) from error
    return np.asarray(upright, np.uint8), notes


class _PictureError(Exception):
    """A sentence about a picture, told apart from what Pillow raises."""


def _size_sentence(received):
    return (
        f"The picture has too many pixels. Up to {MOST_PIXELS / 1e6:.1f} megapixels are opened:"
        f" make it smaller first. Received: {received}."
    )


def _check_size(picture):
    width, height = picture.size
    shown = f"{width}×{height} px"
    if width * height > MOST_PIXELS:
        raise _PictureError(_size_sentence(f"{shown}, {width * height / 1e6:.0f} megapixels"))
    if min(width, height) < LEAST_SIDE:
        raise _PictureError(f"The picture is too small. Each side needs at least {LEAST_SIDE} px. Received: {shown}.")
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise _PictureError(
            f"The picture is too narrow. One side may be {MOST_ASPECT} times the other. Received: {shown}."
        )
    # TIFF: a tile may be far larger than the picture and is decoded whole.
    tags = getattr(picture, "tag_v2", {})
    tile = int(tags.get(322, 1)) * int(tags.get(323, 1))
    if tile > MOST_PIXELS:
        raise _PictureError(_size_sentence(f"tiles of {tile / 1e6:.0f} megapixels"))


def _flat(picture: "Picture") -> "tuple[Picture, tuple[Note, ...]]":
    """Return the picture in mode RGB, and notes."""
    from PIL import Image

    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):
        # Pillow's own conversion clips at 255; v * 257 is how 8 bits become 16, so this undoes it.
        wide = np.asarray(picture.convert("I"))
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8)).convert("RGB"), ()
    if picture.mode in ("I", "F"):
        pixels, notes = _stretched(np.asarray(picture))
        return Image.fromarray(pixels).convert("RGB"), notes
    if not picture.has_transparency_data:
        return picture.convert("RGB"), ()
    layer = picture.convert("RGBA")
    alpha = layer.getchannel("A")
    white = Image.new("RGB", layer.size, "white")
    # Paste, not alpha_composite: the colours under clear pixels must leave no trace.
    white.paste(layer.convert("RGB"), mask=alpha)
    if alpha.getextrema()[0] == 255:
        return white, ()
    return white, (Note("transparent", "The transparent parts of the picture are shown white."),)


def _stretched(values):
    """Stretch numbers without a known range from least to greatest onto 0..255."""
    if not np.isfinite(values).all():
        raise _PictureError(
            "The picture holds values that are not finite. Numbers are needed everywhere."
            f" Received: {np.count_nonzero(~np.isfinite(values))} NaN or infinite pixels."
        )
    low, high = float(values.min()), float(values.max())
    scaled = 255 * ((values.astype(np.float64) - low) / ((high - low) or 1))  # a constant is black
    text = f"The file's values, {low:g} to {high:g}, were stretched onto 0 to 255."
    return np.rint(scaled).astype(np.uint8), (Note("stretched", text, {"low": low, "high": high}),)


def _upright(rgb, picture):
    """Turn the picture as its EXIF says; unreadable EXIF counts as none."""
    from PIL import Image

    try:  # after load(): Pillow turns a TIFF itself and then forgets the tag
        orientation = picture.getexif().get(0x0112, 1)
    except Exception:
        orientation = 1
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    return rgb.transpose(turns[orientation]) if orientation in turns else rgb


def _frame_notes(picture, data):
    if picture.format == "GIF":
        frames = _gif_frames(data)
    elif picture.format in ("PNG", "WEBP"):
        frames = picture.n_frames  # a number in the header
    elif picture.format == "TIFF" and picture.is_animated:
        # Counting would walk the whole file, and a crafted one has millions.
        return (Note("first_frame", "Only the first page of the file is shown."),)
    else:
        frames = 1
    if frames <= 1:
        return ()
    many = f"more than {MOST_FRAMES}" if frames > MOST_FRAMES else str(frames)
    text = f"Only the first of {many} frames of the animation is shown."
    return (Note("first_frame", text, {"frames": frames}),)


def _gif_frames(data):
    """Count the frames of a GIF by walking its blocks, at most MOST_FRAMES + 1: Pillow would decode them."""

    def colours(flags):
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    frames = 0
    try:
        at = 13 + colours(data[10])
        while data[at] in (0x2C, 0x21) and frames <= MOST_FRAMES:
            if data[at] == 0x2C:  # an image: descriptor, its colours, code size
                frames += 1
                at += 11 + colours(data[at + 9])
            else:  # an extension and its label
                at += 2
            while data[at]:  # sub-blocks, each begun by its length
                at += 1 + data[at]
            at += 1
    except IndexError:
        pass  # the file ends early: the frames found so far count
    return frames


def _looks_like(data):
    """Describe the apparent kind of the bytes, for a message."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "an empty file"
    if data[4:8] == b"ftyp":
        return "a video, HEIC or AVIF file"
    if b"<svg" in head:
        return "an SVG drawing"
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if head.startswith((b"%!ps", b"\xc5\xd0\xd3\xc6", b"%pdf")):
        return "a PostScript or PDF file"
    if head.startswith((b"\x89png", b"\xff\xd8", b"gif8", b"riff", b"bm", b"ii*\0", b"mm\0*")):
        return f"a damaged picture of {len(data)} bytes"
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in head):
        return "a text file"
    return f"{len(data)} bytes of something else"


# ---- From pixels to a network's size


def cropped(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the largest centred part of (rows, columns, 3) with the proportions height : width."""
    rows, columns = pixels.shape[:2]
    keep_rows = min(rows, max(1, columns * height // width))
    keep_columns = min(columns, max(1, rows * width // height))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    return pixels[top : top + keep_rows, left : left + keep_columns]


def resized(pixels: np.ndarray, height: int, width: int, grey: bool = False) -> np.ndarray:
    """Return uint8 pixels resized to (height, width, 3), or (height, width, 1) when grey, by Pillow's bicubic filter.

    It smooths when shrinking, as Image.resize does. Grey is luma, ITU-R 601.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if grey:
        picture = picture.convert("L")
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture).reshape(height, width, -1)
