"""The common part of class activation maps: the way from a weighted sum to a result, with the notes beside it."""

from typing import TYPE_CHECKING

import numpy as np

from cnnviz_widgets.core.notes import Note, nothing_positive, rewritten, single_cell
from cnnviz_widgets.core.result import Result
from cnnviz_widgets.core.target import Target

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

# A channel whose sum is a smaller share than this of the sum of its absolute values is left with little but rounding.
CANCELLED = 0.05


def finished(
    cam: np.ndarray, layer: str, final_relu: bool, unit: str, notes: tuple[Note, ...] = (), progress: float = 1.0
) -> Result:
    """Return the Result of a map (rows, columns) before its final ReLU; notes tell what the ReLU or the grid hides."""
    if cam.size == 1:
        notes += (single_cell(layer),)
    if final_relu:
        if cam.max() <= 0 and cam.any():
            notes += (nothing_positive(),)
        cam = np.maximum(cam, 0)
    return Result(np.asarray(cam, np.float32), signed=not final_relu, unit=unit, notes=notes, progress=progress)


def ruled(network: "Network", layer: str, target: Target, relu: str) -> tuple[Note, ...]:
    """Return the note about a ReLU rule behind a layer; none for the plain gradient.

    Nothing is said of the weights: maps of a late layer under such a rule do change when these are randomised.
    """
    return () if relu == "standard" else (rewritten(*network.gates(layer, target, relu)),)


def by_variance(activations: np.ndarray) -> np.ndarray:
    """Return the channels of `activations` (rows, columns, channels), ordered by falling variance over the places."""
    return np.argsort(-activations.var(axis=(0, 1), dtype=np.float64), kind="stable")


def cancelled(activations: np.ndarray) -> tuple[Note, ...]:
    """Return a note where the positive and negative activations of some channels cancel, so that sums say little.

    `activations` is (rows, columns, channels).
    """
    sums, sizes = activations.sum(axis=(0, 1)), np.abs(activations).sum(axis=(0, 1))
    count, channels = int((np.abs(sums) < CANCELLED * sizes).sum()), len(sums)
    if not count:
        return ()
    sentence = (
        f"In {count} of {channels} channels positive and negative activations all but cancel: divided by their sum, "
        "the weights of these channels are large without meaning; a layer behind a ReLU has none such."
    )
    return (Note("cancelled_activations", sentence, {"count": count, "channels": channels}),)
