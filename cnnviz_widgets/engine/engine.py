"""`Engine`: the questions that methods ask of a model, arrays in, arrays out.

An engine knows layers by their paths and scores as `Objective`, but no images, targets or class names: `Network` fits
and checks these once. `TensorFlowEngine` is the engine of a Keras model. Another one, in another process or on another
runtime, only has to answer what is listed here.
"""

from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cnnviz_widgets.core.layer import AttentionInfo, LayerInfo
from cnnviz_widgets.core.target import Objective


def has_graph(engine: object) -> bool:
    """True for an engine with a traced graph to look at, as that of a Keras model; false for one that only answers."""
    return hasattr(engine, "traced")


@runtime_checkable
class Engine(Protocol):
    """A model that answers questions.

    Images are (n, height, width, channels) of `dtype`, a layer's activations (n, rows, columns, channels) or of the
    layer's own shape. Results are float32, or float64 where the model computes in it.

    The path of one of the `attentions` may stand wherever a layer's does: its activations are the attention matrices.

    `key` names the image of a batch of one: results that do not depend on the objective may be kept under it.
    """

    name: str
    layers: tuple[LayerInfo, ...]  # in order of execution
    grids: tuple[LayerInfo, ...]  # the grids of channels, of layers and between them, in the same order
    attentions: tuple[AttentionInfo, ...]  # matrices of shape (n, heads, queries, keys), in the same order
    input_shape: tuple[int | None, int | None, int]  # (height, width, channels), None where any size goes
    dtype: str
    output_names: tuple[str, ...]
    score_shape: tuple[Any, ...]  # of the output's scores, without the batch axis; the last axis is the units
    head: str  # see `Network.head`

    def outputs(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values of the output in front of its head and behind it, (n, ..., units) each."""
        ...

    def activations(self, images: np.ndarray, *layers: str) -> list[np.ndarray]:
        """The activations of each of `layers`, from one pass."""
        ...

    def reaches(self, layer: str | None, objective: Objective) -> bool:
        """True if the objective depends on a layer; None means the image."""
        ...

    def precedes(self, layer: str, objective: Objective) -> bool:
        """True if the objective depends on a layer, and is made of more than single numbers of it."""
        ...

    def gradient(self, images: np.ndarray, objective: Objective, relu: str) -> np.ndarray | None:
        """The gradient at the images, in their shape, or None if there is none. `relu` is the rule for ReLUs."""
        ...

    def layer_gradient(
        self, image: np.ndarray, objective: Objective, layer: str, relu: str, key: Hashable = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(activations, gradient) of a layer for a batch of one."""
        ...

    def scores_behind(
        self, image: np.ndarray, objective: Objective, layer: str, activations: np.ndarray, key: Hashable = None
    ) -> np.ndarray:
        """The scores (n,) with each of n `activations` as the layer's output; all else is that of a batch of one."""
        ...

    def pooled_maps(
        self, image: np.ndarray, objective: Objective, key: Hashable = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(maps (rows, columns, channels), weights (channels,)) of a head of pooling and a dense layer."""
        ...

    def kernels(self, layer: str) -> np.ndarray:
        """The kernels of a convolution, (kernel height, kernel width, input channels, filters).

        Raises ValueError for another layer.
        """
        ...

    def gates(self, layer: str | None, objective: Objective) -> tuple[int, Mapping[str, int], bool]:
        """The gates behind a layer: (ReLUs that a rule rewrites, others by kind, True if some are out of reach)."""
        ...

    def weights_version(self) -> Hashable:
        """A value that changes whenever a weight does."""
        ...

    def frozen_weights(self, version: Hashable = None) -> AbstractContextManager[None]:
        """A context in which, for this thread, the weights count as unchanging."""
        ...
