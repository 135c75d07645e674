"""Channels side by side: their order, and the silent ones among them. NumPy, with one look into the network's graph."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.engine.op_kinds import AFFINE, IDENTITIES, RELUS, SHAPE_ONLY

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# A filter whose norm is below this share of the layer's largest counts as zero.
ZERO = 1e-6
# Images in one pass through the network while activity is measured.
BATCH = 8
# Operations that leave every channel to itself, when their other inputs do not depend on the image.
CHANNEL_BY_CHANNEL = AFFINE | IDENTITIES | RELUS | {"Cast"}


# ---- Orders


def in_order(channels: np.ndarray, order: str) -> np.ndarray:
    """Return the indices of `channels` (channel, ...) in an order: "channel", "norm" or "similarity"."""
    return ORDERS[order](np.asarray(channels, np.float32).reshape(len(channels), -1))


def norms(channels: npt.ArrayLike) -> np.ndarray:
    """Return the Euclidean norm (channel,) of each of `channels` (channel, ...)."""
    array = np.asarray(channels, np.float32)
    return np.linalg.norm(array.reshape(len(array), -1), axis=1)


def similarity_chain(channels: np.ndarray) -> np.ndarray:
    """Return the indices of `channels` (channel, values) as a chain: each is followed by the most similar one left.

    Similarity is the cosine of the angle between two channels, so that strength does not count and opposites are far
    apart. The chain begins at the channel of the largest norm; channels that are zero stand last.
    """
    lengths = norms(channels)
    unit = channels / np.where(lengths > 0, lengths, 1)[:, None]
    cosines = unit @ unit.T
    cosines[:, lengths == 0] = -2  # below every cosine
    chain = [int(lengths.argmax())]
    for _ in range(len(channels) - 1):
        cosines[:, chain[-1]] = -np.inf
        chain.append(int(cosines[chain[-1]].argmax()))
    return np.array(chain)


ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "channel": lambda channels: np.arange(len(channels)),
    "norm": lambda channels: np.argsort(-norms(channels), kind="stable"),
    "similarity": similarity_chain,
}


# ---- Channels without weights, and silent ones


def without_weights(kernels: np.ndarray) -> np.ndarray:
    """Return (filter,) of bool: true for `kernels` (filter, ...) that are zero or tiny beside the layer's largest."""
    lengths = norms(kernels)
    return lengths <= ZERO * lengths.max()


@dataclass(frozen=True, eq=False)
class Activity:
    """The range of each channel's values over all places of a number of images."""

    smallest: np.ndarray  # (channel,)
    largest: np.ndarray  # (channel,)
    cells: int  # number of values of each channel that have been seen
    images: int
    gated: bool  # true for values behind a ReLU, which is the layer's own or follows it

    @property
    def silent(self) -> np.ndarray:
        """(channel,) of bool: never above zero behind the ReLU; without a ReLU, the same number everywhere."""
        if self.gated:
            return self.largest <= 0
        return (self.largest == self.smallest) & (self.cells > 1)

    @property
    def meaning(self) -> str:
        """The meaning of "silent" here, in words that follow it."""
        images = "this image" if self.images == 1 else f"this image and {self.images - 1} samples"
        if self.gated:
            return f"never above zero behind its ReLU, at any place of {images}"
        return f"the same number at every place of {images}"

    def __or__(self, other: "Activity") -> "Activity":
        """Return the activity over the images of both."""
        return Activity(
            np.minimum(self.smallest, other.smallest),
            np.maximum(self.largest, other.largest),
            self.cells + other.cells,
            self.images + other.images,
            self.gated,
        )


def activity(network: "Network", layer: str, images: Sequence[InputImage]) -> Iterator[Activity]:
    """Yield the Activity of a layer over more and more of `images`: one at first, then batch by batch."""
    tensor, gated = _behind_relu(network, layer)
    fitted = [network.fit(image).array for image in images]
    known = None
    for start in (0, *range(1, len(fitted), BATCH)):
        batch = fitted[start : 1 if start == 0 else start + BATCH]
        for group in _of_one_shape(batch):
            values = network.traced_engine.values(np.stack(group), tensor)[0]
            values = values.reshape(-1, values.shape[-1])
            seen = Activity(values.min(axis=0), values.max(axis=0), len(values), len(group), gated)
            known = seen if known is None else known | seen
        if known is not None:
            yield known


def _of_one_shape(arrays):
    shapes = dict.fromkeys(array.shape for array in arrays)
    return [[array for array in arrays if array.shape == shape] for shape in shapes]


def _behind_relu(network, layer):
    """Return (tensor name, True) for the ReLU that each channel of the layer passes next; else its own and False."""
    engine = network.traced_engine
    graph, own = engine.traced.graph, engine.tensors[network.layer(layer).path]
    from_image = graph.after(graph.input)
    tensor = graph.tensor(own)
    while tensor.op.type not in RELUS:
        readers = [reader for reader in tensor.consumers() if reader.type not in SHAPE_ONLY]
        others = [other for reader in readers for other in reader.inputs if other is not tensor]
        alone = len(readers) == 1 and not any(other.op.name in from_image for other in others)
        if not alone or readers[0].type not in CHANNEL_BY_CHANNEL:
            return own, False
        tensor = readers[0].outputs[0]
    return tensor.name, True
