"""What class activation maps have in common: the way from a weighted sum to a result, with the notes beside it."""

import numpy as np

from cnnviz_widgets.core.notes import Note, nothing_positive, rewritten, single_cell
from cnnviz_widgets.core.result import Result

# Where a channel's sum is a smaller share than this of its absolute values' sum, little but rounding is left of it.
CANCELLED = 0.05


def finished(cam, layer, final_relu, unit, notes=(), progress=1.0):
    """The Result of a map (rows, columns) before its final ReLU; notes tell what that, or the grid, hides."""
    if cam.size == 1:
        notes += (single_cell(layer),)
    if final_relu:
        if cam.max() <= 0 and cam.any():
            notes += (nothing_positive(),)
        cam = np.maximum(cam, 0)
    return Result(np.asarray(cam, np.float32), signed=not final_relu, unit=unit, notes=notes, progress=progress)


def ruled(network, layer, target, relu):
    """The notes about a ReLU rule behind a layer; none for the plain gradient."""
    return () if relu == "standard" else rewritten(*network.gates(layer, target, relu))


def by_variance(activations):
    """The channels of `activations` (rows, columns, channels), the one that varies most over the places first."""
    return np.argsort(-activations.var(axis=(0, 1), dtype=np.float64), kind="stable")


def cancelled(activations):
    """A note, in a tuple, where positive and negative activations cancel in some channels, so that sums say little."""
    sums, sizes = activations.sum(axis=(0, 1)), np.abs(activations).sum(axis=(0, 1))
    count, channels = int((np.abs(sums) < CANCELLED * sizes).sum()), len(sums)
    if not count:
        return ()
    sentence = (
        f"In {count} of {channels} channels positive and negative activations all but cancel: divided by their sum, "
        "the weights of these channels are large without meaning; a layer behind a ReLU has none such."
    )
    return (Note("cancelled_activations", sentence, {"count": count, "channels": channels}),)
