"""`TensorFlowEngine`: a Keras model traced once, its variables, and the functions compiled from the trace."""

import copy
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.cache import ByteBoundedCache
from cnnviz_widgets.core.layer import AttentionInfo, LayerInfo
from cnnviz_widgets.core.model_output import HEAD_OF, is_regression
from cnnviz_widgets.core.target import Objective

from .attention_matrices import attentions_of
from .axis_parts import is_grid
from .compiled import CompiledFunctions, terms_of
from .gradient_ends import without_gradient
from .image_ways import ImageWays
from .input_scaling import takes_bytes
from .inputs import ImageShape, InputBinding
from .memory import Memory
from .network_options import NetworkOptions
from .numpy_preprocess import Preprocess
from .output_range import are_logarithms, are_probabilities
from .tensor_names import operation
from .token_grids import is_token_grid
from .tracing import TracedModel, call_once, keras_said, read
from .trials import Noise, settle_batching, tried_head
from .weights import WeightsVersion, variables_of_layer, weights_by_layer

# Bytes of kept values that are the same for every image.
KEPT_BYTES = 64 * 2**20
# The beginning of a refusal of `pooled_maps`.
POOLED = (
    "A class activation map needs global average pooling and, from there to the score, nothing but a dense layer; "
    "Grad-CAM does without. Received: "
)


class TensorFlowEngine:
    """The `Engine` of a Keras model; for methods with algorithms of their own also a graph and compiled functions.

    `traced` is the `TracedModel`, `functions` the `CompiledFunctions`, `tensors` {path of a layer: its output in the
    graph}. Engines that read other variables (`reading`) share all three, and so do those with another cache.
    """

    name: str
    layers: tuple[LayerInfo, ...]
    grids: tuple[LayerInfo, ...]
    attentions: tuple[AttentionInfo, ...]
    input_shape: ImageShape
    head: str
    score_shape: tuple[Any, ...]
    model: Any
    dtype: str
    memory: Memory
    cache: ByteBoundedCache
    preprocess: Preprocess | None
    noise: Noise
    traced: TracedModel
    output_names: tuple[str, ...]
    random: bool  # True if the model draws random numbers for every answer
    tensors: dict[str, str]
    functions: CompiledFunctions

    def __init__(
        self,
        model: Any,
        inputs: InputBinding,
        input_shape: ImageShape,
        options: NetworkOptions,
        memory: Memory,
        cache: ByteBoundedCache,
    ):
        """`inputs` is the model's `InputBinding`, `options` the network's; activations are kept in `cache`."""
        self.model, self.name, self.input_shape = model, options.name or "", input_shape
        self.dtype, self.memory, self.cache = inputs.dtype, memory, cache
        self.noise = Noise(input_shape, self.dtype, options.settled_range)
        self.preprocess = Preprocess(options.preprocess, self.noise) if callable(options.preprocess) else None
        try:
            call = call_once(model, inputs, input_shape, self.dtype, self.preprocess)
        except Exception as error:  # the model's own code runs here
            raise ValueError(
                "A model must run on a batch of images as a TensorFlow graph, and its preprocess on a batch of tensors "
                f"or of NumPy arrays. {self.name} does not, it said: {keras_said(error)}"
            ) from error
        self.traced = read(call, options.output)
        self.output_names = self.traced.output_names
        # The trace and Keras each know of variables that the other lacks.
        own = [_variable(weight) for weight in getattr(model, "weights", ())]
        variables = {id(variable): variable for variable in (*self.traced.graph.variables, *own)}
        self._version = WeightsVersion(variables.values())
        self._replaced: tuple[Hashable, ...] = ()
        self.tensors = {tap.path: tap.tensor for tap in self.traced.all_taps}
        ways, axes = ImageWays(self.traced.graph), self.traced.graph.axes()
        self._take_infos([self._info(tap, ways, axes) for tap in self.traced.all_taps])
        found = attentions_of(self.traced.graph, self.traced.taps, ways)
        self.attentions = tuple(info for info, _ in found)
        self.tensors |= {info.path: tensor for info, tensor in found}
        self._facts = ByteBoundedCache(KEPT_BYTES)
        self._shared: dict[Hashable, Any] = {}
        self._settle_head(options)

    def _info(self, tap, ways, axes):
        return LayerInfo(
            path=tap.path,
            kind=tap.kind,
            output_shape=tap.shape,
            parameters=0 if tap.layer is None else int(tap.layer.count_params()),
            layer=tap.layer,
            dtype=self.traced.graph.tensor(tap.tensor).dtype.name,
            grid=is_grid(axes.get(tap.tensor)),
            of_image=ways.reaches(tap.tensor),
            mirrored=ways.is_mirrored(tap.tensor),
            shared=ways.is_shared(tap.tensor),
        )

    def _take_infos(self, infos):
        self.layers = tuple(info for info in infos if info.layer is not None)
        self.grids = tuple(info for info in infos if info.spatial)

    def _settle_head(self, options):
        """Find the tensor of the scores: logits, the output itself, or the logarithms of a hidden softmax."""
        self.functions = CompiledFunctions(self.traced, memory=self.memory)
        self.head = self._head(options)
        if self.head == "hidden":
            self.functions = CompiledFunctions(self.traced, log=True, memory=self.memory)
        behind = is_regression(options.task) or options.output_is is not None or self.head == "hidden"
        self._score = self.traced.output if behind else self.traced.logits
        self._logits = self.traced.output if options.output_is is not None else self.traced.logits
        self.score_shape = tuple(self.traced.graph.tensor(self._score).shape[1:])
        self.random = settle_batching(self.functions, self.traced, self.noise)

    def _head(self, options):
        if is_regression(options.task):
            return "none"  # the score is the value behind it
        if options.output_is is not None:
            return HEAD_OF[options.output_is]
        found = self.traced.head
        if found != "none":
            return found
        graph, output = self.traced.graph, self.traced.output
        if are_probabilities(graph, output):
            return "hidden"
        return "hidden_log" if are_logarithms(graph, output) else tried_head(self.functions, output, self.noise)

    def _feels(self, layer, objective):
        """True if the score moves with the grid in a layer of tokens; it may look at the class token alone."""

        def tried():
            _, gradient = self.layer_gradient(self.noise.image(), objective, layer, "standard")
            return gradient is not None and bool(np.any(gradient))

        return self.shared(("feels", layer, objective.layer), tried)

    # ---- The questions of `Engine`

    def outputs(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(logits, output), (n, ..., units) each, see `Engine`."""
        logits, output = self.functions.values(self._logits, self.traced.output)(images)
        return as_float(logits), as_float(output)

    def activations(self, images: np.ndarray, *layers: str) -> list[np.ndarray]:
        """The activations of each of `layers`, see `Engine`."""
        return self.values(images, *(self.tensors[layer] for layer in layers))

    def reaches(self, layer: str | None, objective: Objective) -> bool:
        """True if the objective depends on a layer, see `Engine`."""
        return self.traced.graph.reaches(self._start(layer), self.objective_tensor(objective.layer))

    def precedes(self, layer: str, objective: Objective) -> bool:
        """True if the objective depends on a layer and is not the layer, see `Engine`."""
        own, end = self.tensors[layer], self.objective_tensor(objective.layer)
        is_score = operation(own) in map(operation, self.traced.graph.handed_on(end))
        if is_score or not self.reaches(layer, objective):
            return False
        return not is_token_grid(own) or self._feels(layer, objective)

    def gradient(self, images: np.ndarray, objective: Objective, relu: str) -> np.ndarray | None:
        """The gradient at the images, see `Engine`."""
        ask = self.functions.gradient(self.objective_tensor(objective.layer), relu)
        return _as_float_or_none(ask(images, terms_of(objective))[1])

    def layer_gradient(
        self, image: np.ndarray, objective: Objective, layer: str, relu: str, key: Hashable = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(activations, gradient), see `Engine`.

        The network is split at the layer. The result of the first part does not depend on the objective and is kept
        under `key`, so that another objective runs only the part behind the layer.
        """
        activations, gradient = self._split(image, objective, self.tensors[layer], relu, key)
        return as_float(activations), _as_float_or_none(gradient)

    def scores_behind(
        self, image: np.ndarray, objective: Objective, layer: str, activations: np.ndarray, key: Hashable = None
    ) -> np.ndarray:
        """The scores (n,), see `Engine`. Raises ValueError unless the activations have the layer's shape."""
        end = self.objective_tensor(objective.layer)
        frontier, (own, *skips) = self._kept(image, self.tensors[layer], end, key)
        activations = np.asarray(activations)
        if activations.shape[1:] != tuple(own.shape[1:]) or not len(activations):
            raise ValueError(
                f"activations must be of shape (n, {str(tuple(own.shape[1:]))[1:-1]}), as layer {layer!r} gives them, "
                f"n at least 1. Received: {activations.shape}."
            )
        activations = activations.astype(own.dtype.as_numpy_dtype, copy=False)
        return as_float(self.functions.scores_behind(frontier, end)([activations, *skips], terms_of(objective)))

    def takes_bytes(self) -> bool:
        """True if the model's first operations tell that it takes pixels from 0 to 255."""
        return self.shared("takes bytes", lambda: takes_bytes(self))

    def draws(self, image: np.ndarray, layer: str | None) -> list[np.ndarray]:
        """Rows for the draws of a random network: of a layer's output, or (None) of the logits and the output."""
        tensors = (self._logits, self.traced.output) if layer is None else (self.tensors[layer],)
        return [as_float(values) for values in self.functions.draws(image, *tensors)]

    def pooled_maps(
        self, image: np.ndarray, objective: Objective, key: Hashable = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(maps, weights), see `Engine`."""
        hidden = objective.layer is None and self.head == "hidden"  # its logarithm is not linear
        end = self.objective_tensor(objective.layer)
        start, pooled, obstacle = self.traced.graph.linear_maps(end)
        if hidden or start is None:
            raise ValueError(f"{POOLED}{self.name}, with {'a hidden softmax' if hidden else obstacle} in between.")
        fact = ("pooled weights", end, self.weights_version())
        if (matrix := self._facts.get(fact)) is not None:  # the same for every objective of this output
            return as_float(self._kept(image, start, end, key)[1][0])[0], _weighted(matrix, objective)
        values, slope = self._split(image, objective, start, "standard", key)
        maps, gradient = as_float(values)[0], as_float(slope)[0]
        weights = gradient.sum(axis=(0, 1))
        if np.ptp(gradient, axis=(0, 1)).max() > 1e-3 * np.abs(gradient).max():
            raise ValueError(f"{POOLED}{self.name}, whose weights differ from place to place.")
        matrix = None if pooled is None else self.functions.linear(pooled, end)
        if matrix is None:
            return maps, weights
        self._facts.put(fact, matrix)
        return maps, _weighted(matrix, objective)  # not `weights`: the same digits every time

    def kernels(self, layer: str) -> np.ndarray:
        """The kernels of a convolution, see `Engine`."""
        return next(info for info in self.layers if info.path == layer).kernels()

    def gates(self, layer: str | None, objective: Objective) -> tuple[int, Mapping[str, int], bool]:
        """(ReLUs, other gates, hidden), see `Engine`."""
        return self.traced.graph.gates(self._start(layer), self.objective_tensor(objective.layer))

    def without_gradient(self, layer: str | None, objective: Objective) -> str | None:
        """The sentence that says why an objective has no gradient at a layer (None: the image); None: independent."""
        return without_gradient(self.traced.graph, self._start(layer), self.objective_tensor(objective.layer))

    def weights_version(self) -> Hashable:
        """A number; for an engine that reads other variables, a tuple that begins with it."""
        number = self._version.number()
        return (number, *self._replaced) if self._replaced else number

    def frozen_weights(self, version: Any = None) -> AbstractContextManager[None]:
        """A context in which the weights are checked at most once, see `Engine`."""
        return self._version.frozen(version[0] if isinstance(version, tuple) else version)

    # ---- For methods with algorithms of their own

    def compiled(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The concrete function of the `tf.function` that `make()` returns; made once for `key`, on our variables."""
        return self.functions.compiled(key, make)

    def shared(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The result of `make()`, kept for all engines of this trace; it must not depend on weights."""
        if key not in self._shared:
            self._shared.setdefault(key, make())
        return self._shared[key]

    def reading_too(self, functions: CompiledFunctions) -> CompiledFunctions:
        """Other `CompiledFunctions` of the same model, on our variables."""
        return functions.reading(self.functions.variables)

    def objective_tensor(self, layer: str | None) -> str:
        """The name of the tensor with the scores of an objective of this layer (None: the output)."""
        return self._score if layer is None else self.tensors[layer]

    def values(self, images: np.ndarray, *tensors: str) -> list[np.ndarray]:
        """The values of the graph's tensors of these names, (n, ...) each."""
        return [as_float(values) for values in self.functions.values(*tensors)(images)]

    def kept_values(
        self, image: np.ndarray, tensors: tuple[str, ...], key: Hashable, functions: CompiledFunctions | None = None
    ) -> "list[tf.Tensor]":
        """The values of tensors for a batch of one, as TensorFlow's own; kept under `key` unless it is None."""
        functions = functions or self.functions
        if key is None:
            return functions.values(*tensors)(image)
        key = ("values", functions.store, key, self.weights_version(), tensors)
        if (kept := self.cache.get(key)) is None:
            kept = functions.values(*tensors)(image)
            self.cache.put(key, kept)
        return kept

    # ---- The same model with other variables

    @property
    def variables(self) -> dict[int, Any]:
        """{id of a variable's handle: variable} that the engine reads."""
        captured = {id(variable.handle): variable for variable in self.traced.graph.variables}
        return {handle: self.functions.variables.get(handle, variable) for handle, variable in captured.items()}

    def weights_by_layer(self) -> dict[str, list[Any]]:
        """{path: variables} of the layers with weights of their own, from the output back to the image."""
        return weights_by_layer(self.traced, self.layers, self.model, self.name)

    def reading(
        self, variables: Mapping[int, Any], version: tuple[Hashable, ...] = (), cache: ByteBoundedCache | None = None
    ) -> "TensorFlowEngine":
        """The same engine with other variables {id of a handle: variable} in place of some.

        Nothing is traced or compiled again. `version` distinguishes its weights from those of other engines that share
        the cache; `cache` is a separate one.
        """
        twin = copy.copy(self)
        twin.functions = self.functions.reading(variables) if variables else self.functions
        twin._replaced = (*self._replaced, *version)
        known = {info.path: _with_weights(info, variables) for info in self.layers}
        twin.layers = tuple(known.values())
        twin.grids = tuple(known.get(info.path, info) for info in self.grids)
        twin.cache = self.cache if cache is None else cache
        return twin

    # ---- Inside

    def _start(self, layer):
        return self.traced.graph.input if layer is None else self.tensors[layer]

    def _split(self, image, objective, start, relu, key):
        """(values of the tensor `start`, gradient there or None) for a batch of one; the values are kept."""
        end = self.objective_tensor(objective.layer)
        frontier, kept = self._kept(image, start, end, key)
        _, gradient = self.functions.gradient_behind(frontier, end, relu)(kept, terms_of(objective))
        return kept[0], gradient

    def _kept(self, image, start, end, key):
        """(frontier, its values for a batch of one): the tensors from which `end` follows, see `ForwardGraph`."""
        frontier = self.traced.graph.frontier(start, end)
        return frontier, self.kept_values(image, frontier, key)


class LayerWithOtherWeights:
    """A layer to look at, with other weights: its attributes, except for variables that have been replaced."""

    def __init__(self, layer: Any, variables: Mapping[int, Any]):
        self._layer, self._variables = layer, variables

    @property
    def __class__(self):  # for `isinstance`
        return type(self._layer)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._layer, name)
        if not hasattr(value, "path") or not hasattr(value, "value"):
            return value
        return self._variables.get(id(value.value.handle), value)


def as_float(values: Any) -> np.ndarray:
    """The values as an array of float32, or of float64 if they are that."""
    values = np.asarray(values)
    return values if values.dtype == np.float64 else values.astype(np.float32, copy=False)


def _as_float_or_none(values):
    return None if values is None else as_float(values)


def _weighted(matrix: np.ndarray, objective: Objective) -> np.ndarray:
    """The weighted sum (numbers,) of the columns `objective.units` of a matrix (numbers, units)."""
    columns = zip(objective.weights, objective.units, strict=True)
    return np.asarray(sum(weight * matrix[:, unit] for weight, unit in columns))


def _with_weights(info, variables):
    if not variables_of_layer(info.layer, variables):
        return info
    return replace(info, layer=LayerWithOtherWeights(info.layer, variables))


def _variable(weight):
    """TensorFlow's variable behind a weight of Keras 3; a weight of Keras 2 is one itself."""
    return weight if callable(weight.value) else weight.value
