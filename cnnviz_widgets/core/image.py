"""InputImage: one picture for a network, read-only, with a digest to compare and cache by."""

import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Union, cast

import numpy as np
import numpy.typing as npt

from cnnviz_widgets.words import one_line, percent

from . import photo
from .notes import Note
from .picture_file import read_picture

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LONGEST_SIDE = 512  # px, for a network that takes any size
CROP_TO_MENTION = 0.25  # share of the picture
SLACK = 0.01  # of the value range


class InputImage:
    """One picture, (height, width, channels) float32, in a network's value range.

    ``array`` may be (height, width) or (height, width, channels), of any real type; it is copied.
    ``label`` is the name of the true class, or None. ``notes`` are sentences to show beside it.
    A photograph (see ``open``) has its own size and 0..255 RGB values until it is ``fitted``.

    Images are equal when their pixels are, whatever they are called. A photograph never equals an
    array of the same numbers, because the two fit a network differently.

    Raises TypeError where the array does not hold real numbers, ValueError for a wrong shape or for
    values that are not finite.
    """

    __slots__ = ("_fits", "_pixels", "_was_photo", "digest", "label", "name", "notes")

    _pixels: np.ndarray
    _was_photo: bool
    digest: str
    label: str | None
    name: str
    notes: tuple[Note, ...]

    def __init__(self, array: npt.ArrayLike, name: str = "image", label: str | None = None, notes: Iterable[Note] = ()):
        self._set(_float_pixels(array), name, label, notes)

    def _set(
        self, pixels: np.ndarray, name: str, label: str | None, notes: Iterable[Note], was_photo: bool = False
    ) -> None:
        notes = tuple(notes)
        if not all(isinstance(note, Note) for note in notes):
            raise TypeError(f"Notes of an image are Note objects. Received: {notes!r}.")
        pixels.setflags(write=False)
        digest = hashlib.blake2b(f"{pixels.shape}{pixels.dtype}".encode(), digest_size=16)
        digest.update(pixels.data)
        values = {
            "_pixels": pixels.view(),  # a view of a read-only array cannot be made writeable
            "digest": digest.hexdigest(),
            "name": one_line(name) or "image",
            "label": None if label is None else one_line(label),
            "notes": notes,
            "_was_photo": was_photo,
            "_fits": None,  # what it was last found to fit
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    @classmethod
    def _of_pixels(cls, pixels, name, label, notes, was_photo=False):
        """Return an image around an array that nobody else holds; uint8 pixels make it a photograph."""
        image = cls.__new__(cls)
        image._set(np.ascontiguousarray(pixels), name, label, notes, was_photo)
        return image

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str] | bytes | BinaryIO,
        name: str | None = None,
        label: str | None = None,
    ) -> "InputImage":
        """Return a photograph from a path, from bytes or from a binary file object.

        PNG, JPEG, WebP, GIF, BMP or TIFF, up to 16.8 megapixels: 0..255 RGB at its own size, turned
        upright, the first frame, on white where it is transparent. The name is the file's, unless
        given. Raises FileNotFoundError, IsADirectoryError, PermissionError, and ValueError for
        anything that is not such a picture, always with a sentence to show.
        """
        data, found = read_picture(source)
        pixels, notes = photo.decode(data)
        # Pillow may own the memory: keep our own.
        return cls._of_pixels(pixels.copy(), found if name is None else name, label, notes)

    @classmethod
    def of(cls, image: "ImageLike") -> "InputImage":
        """Return the InputImage of an array, of a path or bytes of a picture file, or of a picture of Pillow.

        Raises as the class itself and `open` do.
        """
        if isinstance(image, InputImage):
            return image
        if isinstance(image, FILES):
            return cls.open(image)
        if not _is_pillow(image):
            return cls(cast(Any, image))
        pixels, notes = photo.of_pillow(cast(Any, image))
        return cls._of_pixels(pixels.copy(), Path(getattr(image, "filename", "") or "image").stem, None, notes)

    # ---- Facts

    @property
    def array(self) -> np.ndarray:
        """The values, (height, width, channels) float32, read-only."""
        if not self.is_photo:
            return self._pixels
        array = self._pixels.astype(np.float32)  # not kept: four times the memory of the photograph
        array.setflags(write=False)
        return array.view()

    @property
    def is_photo(self) -> bool:
        """True for the 0..255 RGB of a picture file, still to be cropped and resized."""
        return self._pixels.dtype == np.uint8

    @property
    def from_photo(self) -> bool:
        """True for a photograph, also after it was fitted to a network, when its values are in the network's range."""
        return self.is_photo or self._was_photo

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        height, width, channels = self._pixels.shape
        return height, width, channels

    @property
    def height(self) -> int:
        """Rows, in px."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Columns, in px."""
        return self.shape[1]

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB; only the network knows the meaning of any other number."""
        return self.shape[2]

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the pixels take."""
        return self._pixels.nbytes

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, InputImage) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        kind = "photo" if self.is_photo else "array"
        label = "" if self.label is None else f", label={self.label!r}"
        return f"<InputImage {self.name!r}, {kind} {self.shape}{label}>"

    def __setattr__(self, field: str, value: object) -> None:
        raise AttributeError(f"An InputImage does not change: make a new one. Received: {field!r}.")

    def __delattr__(self, field: str) -> None:
        self.__setattr__(field, None)

    def __reduce__(self) -> tuple[Any, ...]:
        return InputImage._of_pixels, (np.array(self._pixels), self.name, self.label, self.notes, self._was_photo)

    # ---- Fitting

    def fitted(
        self,
        height: int | None = None,
        width: int | None = None,
        channels: int | None = None,
        value_range: tuple[float, float] = (0, 255),
    ) -> "InputImage":
        """Return this image as a network of the given input takes it; None stands for "any".

        A photograph is cropped about its centre to the proportions, resized (bicubic), made grey
        for one channel and scaled from 0..255 to ``value_range``; where the network takes any size,
        its longest side is brought down to 512 px. An array must already fit and stays as it is.
        Notes tell when much was cropped, when the size was our choice, and when the values do not
        look like ``value_range``.

        Raises ValueError when the image cannot be fitted to the network.
        """
        low, high = _checked_range(value_range)
        wanted = (height, width, channels)
        if self._fits == (wanted, low, high):
            return self
        if self.is_photo:
            fitted = self._photo_fitted(*wanted, low, high)
        elif any(want not in (None, have) for want, have in zip(wanted, self.shape, strict=True)):
            raise ValueError(_shape_sentence(wanted, self.shape))
        else:
            fitted = self._with_notes(_range_notes(self._pixels, low, high))
        object.__setattr__(fitted, "_fits", (wanted, low, high))
        return fitted

    def _photo_fitted(self, height, width, channels, low, high):
        if channels not in (None, 1, 3):
            raise ValueError(
                "A photograph cannot be shown to this network. It has 3 channels (or 1, as grey);"
                f" give InputImage(array) instead. Received: a network of {channels} channels."
            )
        size, notes = _size_for(self.shape, height, width)
        any_size = None in (height, width)
        part = self._pixels if any_size else photo.cropped(self._pixels, *size)
        cut = 1 - part.size / self._pixels.size
        if cut > CROP_TO_MENTION:
            text = f"{percent(cut, 0)} of the picture was cut away to make it {width}×{height} px."
            notes += (Note("cropped", text, {"share": cut}),)
        pixels = photo.resized(part, *size, grey=channels == 1)
        array = low + pixels * ((high - low) / 255)
        return InputImage._of_pixels(_float_pixels(array), self.name, self.label, self.notes, True)._with_notes(notes)

    def _with_notes(self, notes):
        """Return the same image with the notes added that it does not have yet."""
        new = tuple(note for note in notes if note not in self.notes)
        if not new:
            return self
        return InputImage._of_pixels(self._pixels, self.name, self.label, self.notes + new, self._was_photo)

    # ---- Display

    def rgb(self, value_range: tuple[float, float] = (0, 255)) -> np.ndarray:
        """Return (height, width, 3) uint8 for display, ``value_range`` drawn from black to white.

        Values beyond the range are clipped. Three channels, and the first three of four, are red,
        green and blue; any other number is drawn as the grey of their mean. A photograph is always
        0..255.
        """
        if self.is_photo:
            return self._pixels.copy()
        low, high = _checked_range(value_range)
        colours = self._pixels[..., :3] if self.channels in (3, 4) else self._pixels
        if colours.shape[2] != 3:
            colours = colours.mean(axis=2, keepdims=True, dtype=np.float64)
        share = (colours.astype(np.float64) - low) / (high - low)
        grey_or_rgb = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(grey_or_rgb, (*self.shape[:2], 3)))


# An image in every form that a network takes: an array is (height, width, channels), of a batch (n, height, ...); a
# path leads to a picture file.
ImageLike = Union[InputImage, np.ndarray, str, os.PathLike[str], bytes, "Picture"]


# A picture file, by its path or its bytes.
FILES = (str, bytes, os.PathLike)


def is_picture(image: object) -> bool:
    """True for an InputImage and for what can be made one by itself, unlike an array, which may be several."""
    return isinstance(image, (InputImage, *FILES)) or _is_pillow(image)


def _is_pillow(image):
    """True for a picture that Pillow holds, as `keras.utils.load_img` gives it."""
    pillow = sys.modules.get("PIL.Image")  # without it there is none
    return pillow is not None and isinstance(image, pillow.Image)


# ---- Arrays


def _float_pixels(array: Any) -> np.ndarray:
    """Return a private float32 copy, (height, width, channels). Raises TypeError or ValueError."""
    if isinstance(array, (str, bytes)) or hasattr(array, "getbands"):
        raise TypeError(
            "InputImage(array) takes numbers; a picture file is opened with InputImage.open(path)."
            f" Received: {type(array).__name__}."
        )
    try:
        given = np.asarray(array)
    except Exception as error:  # ragged lists, symbolic tensors, tensors that require gradients
        raise TypeError(
            "An image is an array of numbers (height, width, channels)."
            f" Received: a {type(array).__name__} that NumPy cannot read."
        ) from error
    # can_cast lets bfloat16 in, which is of no kind that NumPy knows.
    if given.dtype.kind not in "biuf" and not np.can_cast(given.dtype, np.float32):
        raise TypeError(
            f"An image holds real numbers: integers, floats or booleans. Received: an array of {one_line(given.dtype)}."
        )
    if given.ndim not in (2, 3) or given.size == 0:
        hint = " Take one image of the batch: array[0]." if given.ndim == 4 else ""
        raise ValueError(
            f"An image is (height, width) or (height, width, channels), each at least 1.{hint} Received: {given.shape}."
        )
    if np.ma.is_masked(array):
        raise ValueError(
            "An image needs a number everywhere: fill the masked values first."
            f" Received: {np.ma.count_masked(array)} masked values."
        )
    with np.errstate(over="ignore"):
        pixels = given.reshape(*given.shape[:2], -1).astype(np.float32, order="C", copy=True)
    finite = np.isfinite(pixels)
    if not finite.all():
        row, column, channel = np.argwhere(~finite)[0]
        raise ValueError(
            "An image needs finite float32 numbers everywhere."
            f" Received: {np.count_nonzero(~finite)} of {finite.size} values that are NaN or"
            f" infinite, the first at row {row}, column {column}, channel {channel}."
        )
    pixels += 0.0  # -0.0 becomes 0.0, so that equal pixels have equal bytes
    return pixels


def _shape_sentence(wanted, received):
    takes = "(" + ", ".join("any" if want is None else str(want) for want in wanted) + ")"
    last, first, second = received[2], received[0], received[1]
    moved = (second, last, first)
    fits = all(want in (None, have) for want, have in zip(wanted, moved, strict=True))
    hint = " Channels come last: array.transpose(1, 2, 0)." if fits else ""
    return (
        f"The image does not have the shape that the network takes,"
        f" (height, width, channels) = {takes}.{hint} Received: {received}."
    )


# ---- Sizes and ranges


def _size_for(shape, height, width):
    """Return (height, width) to resize a photograph to, and notes; None leaves the choice to us."""
    rows, columns = shape[:2]
    if height is not None and width is not None:
        return (height, width), ()
    if height is not None:
        return (height, max(1, round(columns * height / rows))), ()
    if width is not None:
        return (max(1, round(rows * width / columns)), width), ()
    scale = LONGEST_SIDE / max(rows, columns)
    if scale >= 1:
        return (rows, columns), ()
    size = max(1, round(rows * scale)), max(1, round(columns * scale))
    text = f"The network takes any size: the picture, {columns}×{rows} px, was shrunk to {size[1]}×{size[0]} px."
    return size, (Note("shrunk", text, {"scale": scale}),)


def _checked_range(value_range):
    low, high = (float(end) for end in value_range)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(
            f"A value range is (low, high), two finite numbers with low below high. Received: {value_range}."
        )
    return low, high


def _range_notes(pixels, low, high):
    """Return a note, in a tuple, where the values do not look like the network's value range."""
    least, most = float(pixels.min()), float(pixels.max())
    span = high - low
    outside = least < low - SLACK * span or most > high + SLACK * span
    # 0..1 lies inside 0..255 and is 255 times too dark: the commonest mistake of all.
    unscaled = span > 100 and least >= -1 and 0 < most <= 1
    if not (outside or unscaled):
        return ()
    advice = "scale it to the network's range first"
    if unscaled and least >= 0 and (low, high) == (0, 255):
        advice = "an image from 0 to 1 must be multiplied by 255 first"
    elif (low, high) == (0, 1) and least >= 0 and 1 < most <= 255:
        advice = "an image from 0 to 255 must be divided by 255 first"
    text = f"The image's values run from {least:g} to {most:g}, but this network takes {low:g} to {high:g}: {advice}."
    numbers = {"low": least, "high": most, "network_low": low, "network_high": high}
    return (Note("outside_value_range", text, numbers),)
