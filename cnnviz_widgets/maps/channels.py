"""Channels side by side: in which order they stand, and which of them are dead. NumPy only, but for one question."""

from dataclasses import dataclass

import numpy as np

from cnnviz_widgets.engine.op_kinds import AFFINE, IDENTITIES, RELUS, SHAPE_ONLY

# A filter whose norm is below this share of the layer's largest counts as zero.
ZERO = 1e-6
# Images that go through the network at once while activity is measured.
BATCH = 8
# Operations that leave every channel to itself, when their other inputs do not depend on the image.
CHANNEL_BY_CHANNEL = AFFINE | IDENTITIES | RELUS | {"Cast"}


# ---- Orders


def in_order(channels, order):
    """The indices of `channels` (channel, ...) in an order: "channel", "norm" or "similarity"."""
    return ORDERS[order](np.asarray(channels, np.float32).reshape(len(channels), -1))


def norms(channels):
    """(channel,): the Euclidean norm of each of `channels` (channel, ...)."""
    return np.linalg.norm(np.asarray(channels, np.float32).reshape(len(channels), -1), axis=1)


def similarity_chain(channels):
    """A chain in which each is followed by the one most similar to it among those not yet taken: indices.

    Similar is what points the same way: the cosine of the angle between two channels, so that strength does not count
    and opposites are far apart. It begins at the channel of the largest norm; channels that are zero stand last.
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


ORDERS = {
    "channel": lambda channels: np.arange(len(channels)),
    "norm": lambda channels: np.argsort(-norms(channels), kind="stable"),
    "similarity": similarity_chain,
}


# ---- Dead channels


def without_weights(kernels):
    """(filter,) of bool: which of `kernels` (filter, ...) are zero, or next to it beside the layer's largest."""
    lengths = norms(kernels)
    return lengths <= ZERO * lengths.max()


@dataclass(frozen=True, eq=False)
class Activity:
    """Between which values each channel moved, over all places of a number of images."""

    smallest: np.ndarray  # (channel,)
    largest: np.ndarray
    cells: int  # how many values of each channel have been seen
    images: int
    gated: bool  # the values are those behind the ReLU, which is the layer's own or follows it

    @property
    def dead(self):
        """(channel,) of bool: never above zero behind the ReLU; where there is none, the same number everywhere."""
        if self.gated:
            return self.largest <= 0
        return (self.largest == self.smallest) & (self.cells > 1)

    @property
    def meaning(self):
        """What "dead" means here, in words that follow it."""
        images = "this image" if self.images == 1 else f"this image and {self.images - 1} samples"
        if self.gated:
            return f"never above zero behind its ReLU, at any place of {images}"
        return f"the same number at every place of {images}"

    def __or__(self, other):
        """The activity over both."""
        return Activity(
            np.minimum(self.smallest, other.smallest),
            np.maximum(self.largest, other.largest),
            self.cells + other.cells,
            self.images + other.images,
            self.gated,
        )


def activity(network, layer, images):
    """Yield the Activity of a layer over more and more of `images`, InputImages; one at first, then by batches."""
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
        yield known


def _of_one_shape(arrays):
    shapes = dict.fromkeys(array.shape for array in arrays)
    return [[array for array in arrays if array.shape == shape] for shape in shapes]


def _behind_relu(network, layer):
    """(name of a tensor, True) of the ReLU that each channel of the layer passes next; else the layer's own, False."""
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
