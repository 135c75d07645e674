"""The questions that methods ask of a model: an `Engine` answers them, arrays in, arrays out.

It knows layers by their paths and scores as `Objective`, but no image, no target and no class name: those are the
affair of `Network`, which fits and checks them once. `TensorFlowEngine` is the engine of a Keras model. Another one,
in another process or on another runtime, only has to answer what is listed here.
"""

from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import numpy as np

from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.core.target import Objective


@runtime_checkable
class Engine(Protocol):
    """A model that answers questions.

    Images are (n, height, width, channels) of `dtype`, a layer's activations (n, rows, columns, channels) or of the
    layer's own shape. Numbers come back as float32, or float64 where the model computes in it.

    `key` names the image where there is only one: what does not depend on the objective may then be kept under it.
    """

    name: str
    layers: tuple[LayerInfo, ...]  # in order of execution
    input_shape: tuple  # (height, width, channels), None where any size goes
    dtype: str
    output_names: tuple[str, ...]
    score_shape: tuple  # of the scores of the output, without the batch axis; its last axis are the units
    head: str  # see `Network.head`

    def outputs(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values of the output in front of its head and behind it, (n, ..., units) each."""

    def activations(self, images: np.ndarray, *layers: str) -> list[np.ndarray]:
        """The activations of each of `layers`, from one pass."""

    def reaches(self, layer: str | None, objective: Objective) -> bool:
        """True where the objective depends on a layer; None means the image."""

    def gradient(self, images: np.ndarray, objective: Objective, relu: str) -> np.ndarray | None:
        """The gradient at the images, like them; None where there is none. `relu` is the rule for ReLUs."""

    def layer_gradient(
        self, image: np.ndarray, objective: Objective, layer: str, relu: str, key: Hashable = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(activations, gradient) of a layer for a batch of one."""

    def scores_behind(
        self, image: np.ndarray, objective: Objective, layer: str, activations: np.ndarray, key: Hashable = None
    ) -> np.ndarray:
        """(n,): the scores where each of n `activations` is the layer's output, the rest as for a batch of one."""

    def pooled_maps(
        self, image: np.ndarray, objective: Objective, key: Hashable = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(maps (rows, columns, channels), weights (channels,)) of a head of pooling and a dense layer."""

    def kernels(self, layer: str) -> np.ndarray:
        """(kernel height, kernel width, input channels, filters) of a convolution, or ValueError."""

    def gates(self, layer: str | None, objective: Objective) -> tuple[int, Mapping[str, int], bool]:
        """(ReLUs that a rule rewrites, other gates by kind, True where some are out of reach) behind a layer."""

    def weights_version(self) -> Hashable:
        """A value that is another one as soon as a weight has changed."""

    def frozen_weights(self, version: Hashable = None) -> AbstractContextManager:
        """For as long as the block runs, in this thread, take the weights not to change."""
