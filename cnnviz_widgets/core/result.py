"""`Result`: the raw numbers that a method found, with the facts that a reader needs."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz_widgets.words import percent

from .display import resize_map
from .notes import Note

if TYPE_CHECKING:
    from cnnviz_widgets.request import Request

# The possible axes of a result's array.
MAP = ("height", "width")
COLOUR_MAP = ("height", "width", "channel")
TILES = ("tile", "height", "width")
COLOUR_TILES = ("tile", "height", "width", "channel")
# Images that a method has made: (height, width, channels) in the network's value range, as an InputImage's array.
PICTURE = ("height", "width", "colour")
PICTURES = ("tile", "height", "width", "colour")


@dataclass(frozen=True, eq=False)
class Result:
    """An array of raw numbers, not normalised, at the method's own resolution.

    `axes` names the array's axes: a map lies over the whole image, tiles stand side by side and have `names`, a
    picture is an image of its own, in the network's value range.
    `signed` is true where zero is a middle and false where it is a floor. `progress` runs from 0 to 1; before 1 the
    array is a rough or unfinished version of the same shape. `notes` are sentences that a reader must see. `class_map`,
    from methods that cover the image, is (height, width) of class indices, -1 where nothing is known yet. `course`,
    from methods that search, is the history of the score: (step, score) pairs. `route` names the way of computing,
    where several ways lead to the same numbers.
    """

    array: np.ndarray
    signed: bool
    unit: str
    axes: tuple[str, ...] = MAP
    names: tuple[str, ...] = ()
    progress: float = 1.0
    notes: tuple[Note, ...] = ()
    class_map: np.ndarray | None = None
    course: tuple[tuple[int, float], ...] = ()
    route: str = ""
    # Methods leave it out; whoever runs them adds it.
    request: "Request" = field(default=None, repr=False)  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        self.array.setflags(write=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()  # an unpickled array is writeable

    @property
    def caption(self) -> str:
        """The request in a line; of an unfinished result also how far it is: "RISE · Egyptian cat · 2 % so far"."""
        return self.request.caption if self.complete else f"{self.request.caption} · {percent(self.progress, 0)} so far"

    @property
    def complete(self) -> bool:
        """True for a method's last result."""
        return self.progress >= 1

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the result's arrays take."""
        return self.array.nbytes + (0 if self.class_map is None else self.class_map.nbytes)

    def on_image(self) -> np.ndarray:
        """Return the map at the image's pixels, (height, width[, channel]): bilinear, cell centres half a cell inside.

        Raises ValueError for tiles, which lie nowhere on the image.
        """
        image = self.request.image
        if self.axes not in (MAP, COLOUR_MAP) or image is None:
            raise ValueError(f"Only maps lie over the image. Received: a result with axes {self.axes}.")
        height, width = image.shape[:2]
        if self.array.shape[:2] == (height, width):
            return self.array
        if self.array.ndim == 2:
            return resize_map(self.array, height, width)
        planes = [resize_map(plane, height, width) for plane in np.moveaxis(self.array, -1, 0)]
        return np.stack(planes, axis=-1)
