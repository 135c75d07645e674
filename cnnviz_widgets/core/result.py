"""`Result`: what a method found, as raw numbers, with what a reader must know about them."""

from dataclasses import dataclass, field

import numpy as np

from .display import resize_map

# What the axes of a result's array may be.
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

    `axes` names the array's axes; a map lies over the whole image, tiles stand side by side and have `names`, a
    picture is an image of its own, in the network's value range.
    `signed` says that zero is a middle, not a floor. `progress` runs from 0 to 1; before 1 the array is a rough
    or unfinished version of the same shape. `notes` are sentences that a reader must see. `class_map`, from
    methods that cover the image, is (height, width) of class indices, -1 where nothing is known yet. `course`, from
    methods that search, is how the score went: (step, score) pairs. `route` says by which of several ways to the same
    numbers they were computed.
    """

    array: np.ndarray
    signed: bool
    unit: str
    axes: tuple = MAP
    names: tuple = ()
    progress: float = 1.0
    notes: tuple = ()
    class_map: np.ndarray | None = None
    course: tuple = ()
    route: str = ""
    request: object = field(default=None, repr=False)

    def __post_init__(self):
        self.array.setflags(write=False)

    def __setstate__(self, state):
        vars(self).update(state)
        self.__post_init__()  # unpickled, an array can be written to

    @property
    def complete(self):
        """True for a method's last result."""
        return self.progress >= 1

    @property
    def nbytes(self):
        """Bytes that keeping this result takes."""
        return self.array.nbytes + (0 if self.class_map is None else self.class_map.nbytes)

    def on_image(self):
        """The map at the image's pixels, (height, width[, channel]): bilinear, cell centres half a cell inside.

        Raises ValueError for tiles, which lie nowhere on the image.
        """
        if self.axes not in (MAP, COLOUR_MAP):
            raise ValueError(f"Only maps lie over the image. Received: a result with axes {self.axes}.")
        height, width = self.request.image.shape[:2]
        if self.array.shape[:2] == (height, width):
            return self.array
        if self.array.ndim == 2:
            return resize_map(self.array, height, width)
        planes = [resize_map(plane, height, width) for plane in np.moveaxis(self.array, -1, 0)]
        return np.stack(planes, axis=-1)
