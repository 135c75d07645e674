"""The answers for one image with each of many rectangles covered, each covered image asked as a whole. NumPy only."""

import numpy as np

from cnnviz_widgets.maps.masking import put

BATCH = 16  # covered images at once


class WholeOcclusion:
    """The same answers as `IncrementalOcclusion` gives, for an engine that has no graph to follow.

    `batches`, `clean`, `outputs` and `words` are the same.
    """

    words = "Every covered image runs through the whole network."

    def __init__(self, network, image, fill, rectangles, target, of="logit", ranks=None):
        self._network, self._image, self._fill, self._rectangles = network, image, fill, rectangles
        self._target, self._of = target, of
        order = np.argsort(np.zeros(len(rectangles)) if ranks is None else ranks, kind="stable")
        self.batches = [order[begin : begin + BATCH] for begin in range(0, len(order), BATCH)]

    @property
    def clean(self):
        """The `Watched` of the image as it is."""
        return self._network.watch(self._image, self._target, self._of)

    def outputs(self, batch):
        """The `Watched` of a batch of rectangles."""
        copies = np.repeat(self._image.array[np.newaxis], len(batch), axis=0)
        put(self._fill, copies, [self._rectangles[index] for index in batch])
        return self._network.watch(copies, self._target, self._of)
