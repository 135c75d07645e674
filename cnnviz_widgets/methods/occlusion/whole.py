"""The answers for an image with each of many rectangles covered, from whole covered images. NumPy only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.model_output import Watched
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.maps.masking import Rectangle, put

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

BATCH = 16  # covered images at once


class WholeOcclusion:
    """The answers of `IncrementalOcclusion` for an engine that has no graph to follow.

    `batches`, `clean`, `outputs` and `words` mean the same.
    """

    words = "Every covered image runs through the whole network."

    def __init__(
        self,
        network: "Network",
        image: InputImage,
        fill: np.ndarray,
        rectangles: Sequence[Rectangle],
        target: Target,
        of: str = "logit",
        ranks: npt.ArrayLike | None = None,
    ):
        self._network, self._image, self._fill, self._rectangles = network, image, fill, rectangles
        self._target, self._of = target, of
        order = np.argsort(np.zeros(len(rectangles)) if ranks is None else np.asarray(ranks), kind="stable")
        self.batches: list[np.ndarray] = [order[begin : begin + BATCH] for begin in range(0, len(order), BATCH)]

    @property
    def clean(self) -> Watched:
        """The `Watched` of the image as it is."""
        return self._network.watch(self._image, self._target, self._of)

    def outputs(self, batch: np.ndarray) -> Watched:
        """Return the `Watched` of a batch of rectangles, given by their indices (n,)."""
        copies = np.repeat(self._image.array[np.newaxis], len(batch), axis=0)
        put(self._fill, copies, [self._rectangles[index] for index in batch])
        return self._network.watch(copies, self._target, self._of)
