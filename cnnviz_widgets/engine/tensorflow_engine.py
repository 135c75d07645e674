"""`TensorFlowEngine`: a Keras model traced once, its variables, and the functions compiled from the trace."""

import copy
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from cnnviz_widgets.core.cache import ByteBoundedCache
from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.core.model_output import is_regression

from .compiled import CompiledFunctions, terms_of
from .tracing import call_once, keras_said, read
from .weights import WeightsVersion, variables_of_layer, weights_by_layer

# Bytes of facts that hold for every image.
KEPT_BYTES = 64 * 2**20
# The beginning of a refusal of `pooled_maps`.
POOLED = (
    "A class activation map needs global average pooling and, from there to the score, nothing but a dense layer; "
    "Grad-CAM does without. Received: "
)


class TensorFlowEngine:
    """The `Engine` of a Keras model; for methods with algorithms of their own also a graph and compiled functions.

    `traced` is the `TracedModel`, `functions` the `CompiledFunctions`, `tensors` {path of a layer: its output in the
    graph}. Engines that read other variables (`reading`) share all three, and so does one with a cache of its own.
    """

    def __init__(self, model, inputs, input_shape, options, memory, cache):
        """`inputs` is the model's `InputBinding`, `options` the network's; activations are kept in `cache`."""
        self.model, self.name, self.input_shape = model, options.name, input_shape
        self.dtype, self.memory, self.cache = inputs.dtype, memory, cache
        try:
            call = call_once(model, inputs, input_shape, self.dtype, options.preprocess)
        except Exception as error:  # the model's own code runs here
            raise ValueError(
                "A model must run on a batch of images as a TensorFlow graph, and so must its preprocess. "
                f"{self.name} does not, it said: {keras_said(error)}"
            ) from error
        self.traced = read(call, options.output)
        self.output_names = self.traced.output_names
        # Those in the trace and those that Keras knows: each list lacks some that the other has.
        own = [_variable(weight) for weight in getattr(model, "weights", ())]
        variables = {id(variable): variable for variable in (*self.traced.graph.variables, *own)}
        self._version, self._replaced = WeightsVersion(variables.values()), ()
        self.tensors = {tap.path: tap.tensor for tap in self.traced.taps}
        self.layers = tuple(self._info(tap) for tap in self.traced.taps)
        self._facts = ByteBoundedCache(KEPT_BYTES)  # of every image
        self._shared = {}
        self._settle_head(options)

    def _info(self, tap):
        kind, dtype = type(tap.layer).__name__, self.traced.graph.tensor(tap.tensor).dtype.name
        return LayerInfo(tap.path, kind, tap.shape, int(tap.layer.count_params()), tap.layer, dtype)

    def _settle_head(self, options):
        """Find what the score of a class is: a logit, the output itself, or the logarithm of a hidden softmax."""
        self.head = self.traced.head
        self.functions = CompiledFunctions(self.traced, memory=self.memory)
        if is_regression(options.task):
            self.head = "none"  # whatever it is, the value behind it is the score
        elif self.head == "none" and self._gives_probabilities(options.value_range):
            self.head = "hidden"
            self.functions = CompiledFunctions(self.traced, log=True, memory=self.memory)
        behind = is_regression(options.task) or self.head == "hidden"
        self._score = self.traced.output if behind else self.traced.logits
        self.score_shape = tuple(self.traced.graph.tensor(self._score).shape[1:])

    def _gives_probabilities(self, value_range):
        """True where noise comes out as two or more numbers from 0 to 1 that sum to 1: a softmax we cannot see."""
        shape = [n or 64 for n in self.input_shape]
        noise = np.random.default_rng(0).uniform(*value_range, (1, *shape)).astype(self.dtype)
        output = np.asarray(self.functions.values(self.traced.output)(noise)[0], np.float64)
        sums_to_one = np.allclose(output.sum(axis=-1), 1, atol=1e-3)
        return output.shape[-1] > 1 and output.min() >= 0 and sums_to_one

    # ---- The questions of `Engine`

    def outputs(self, images):
        """(logits, output), (n, ..., units) each, see `Engine`."""
        return tuple(map(as_float, self.functions.values(self.traced.logits, self.traced.output)(images)))

    def activations(self, images, *layers):
        """The activations of each of `layers`, see `Engine`."""
        return self.values(images, *(self.tensors[layer] for layer in layers))

    def reaches(self, layer, objective):
        """True where the objective depends on a layer, see `Engine`."""
        return self.traced.graph.reaches(self._start(layer), self.objective_tensor(objective.layer))

    def gradient(self, images, objective, relu):
        """The gradient at the images, see `Engine`."""
        ask = self.functions.gradient(self.objective_tensor(objective.layer), relu)
        return _as_float_or_none(ask(images, terms_of(objective))[1])

    def layer_gradient(self, image, objective, layer, relu, key=None):
        """(activations, gradient), see `Engine`.

        The network is split at the layer. Its first part does not depend on the objective and is kept under `key`, so
        that another objective costs only the part behind the layer.
        """
        activations, gradient = self._split(image, objective, self.tensors[layer], relu, key)
        return as_float(activations), _as_float_or_none(gradient)

    def scores_behind(self, image, objective, layer, activations, key=None):
        """(n,), see `Engine`. Raises ValueError for activations of another shape than the layer's."""
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

    def pooled_maps(self, image, objective, key=None):
        """(maps, weights), see `Engine`."""
        hidden = objective.layer is None and self.head == "hidden"  # a logarithm, not linear, is still to come
        end = self.objective_tensor(objective.layer)
        start, pooled, obstacle = self.traced.graph.linear_maps(end)
        if hidden or obstacle:
            raise ValueError(f"{POOLED}{self.name}, with {'a hidden softmax' if hidden else obstacle} in between.")
        fact = ("pooled weights", end, self.weights_version())
        if (matrix := self._facts.get(fact)) is not None:  # for every objective of this output
            return as_float(self._kept(image, start, end, key)[1][0])[0], _weighted(matrix, objective)
        maps, gradient = (as_float(values)[0] for values in self._split(image, objective, start, "standard", key))
        weights = gradient.sum(axis=(0, 1))
        if np.ptp(gradient, axis=(0, 1)).max() > 1e-3 * np.abs(gradient).max():
            raise ValueError(f"{POOLED}{self.name}, whose weights differ from place to place.")
        matrix = pooled and self.functions.linear(pooled, end)
        if matrix is None:
            return maps, weights
        self._facts.put(fact, matrix)
        return maps, _weighted(matrix, objective)  # to the last digit what it will be when asked again

    def kernels(self, layer):
        """The kernels of a convolution, see `Engine`."""
        return next(info for info in self.layers if info.path == layer).kernels()

    def gates(self, layer, objective):
        """(ReLUs, other gates, hidden), see `Engine`."""
        return self.traced.graph.gates(self._start(layer), self.objective_tensor(objective.layer))

    def weights_version(self):
        """A number; for an engine that reads other variables a tuple that begins with it."""
        number = self._version.number()
        return (number, *self._replaced) if self._replaced else number

    def frozen_weights(self, version=None):
        """A context in which the weights are looked at once at most, see `Engine`."""
        return self._version.frozen(version[0] if isinstance(version, tuple) else version)

    # ---- For methods with algorithms of their own

    def compiled(self, key: Hashable, make: Callable[[], Any]):
        """The concrete function of the `tf.function` that `make()` gives; made once for `key`, on our variables."""
        return self.functions.compiled(key, make)

    def shared(self, key: Hashable, make: Callable[[], Any]):
        """What `make()` gives, made once for all engines of this trace: nothing that depends on weights."""
        if key not in self._shared:
            self._shared.setdefault(key, make())
        return self._shared[key]

    def reading_too(self, functions):
        """Other `CompiledFunctions` of the same model, on our variables."""
        return functions.reading(self.functions.variables)

    def objective_tensor(self, layer):
        """The tensor in whose values an objective of this layer (None: the output) has its score."""
        return self._score if layer is None else self.tensors[layer]

    def values(self, images, *tensors):
        """The values of tensors of the graph, by their names there: a list of (n, ...) arrays."""
        return [as_float(values) for values in self.functions.values(*tensors)(images)]

    def kept_values(self, image, tensors, key, functions=None):
        """The values of tensors, as TensorFlow's own, for a batch of one; kept under `key` if that is not None."""
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
    def variables(self):
        """{id of a variable's handle: variable} that the engine reads."""
        captured = {id(variable.handle): variable for variable in self.traced.graph.variables}
        return {handle: self.functions.variables.get(handle, variable) for handle, variable in captured.items()}

    def weights_by_layer(self):
        """{path: variables} of the layers with weights of their own, from the output back to the image."""
        return weights_by_layer(self.traced, self.layers, self.model, self.name)

    def reading(self, variables, version=(), cache=None):
        """The same engine, with other variables {id of a handle: variable} in the place of some.

        Nothing is traced or compiled again. `version` tells its weights from those of other engines that share the
        cache; `cache` is one of its own.
        """
        twin = copy.copy(self)
        twin.functions = self.functions.reading(variables)
        twin._replaced = (*self._replaced, *version)
        twin.layers = tuple(_with_weights(info, variables) for info in self.layers)
        twin.cache = self.cache if cache is None else cache
        return twin

    # ---- Inside

    def _start(self, layer):
        return self.traced.graph.input if layer is None else self.tensors[layer]

    def _split(self, image, objective, start, relu, key):
        """(values, gradient or None), for a batch of one: of the tensor `start`, the first part of the network kept."""
        end = self.objective_tensor(objective.layer)
        frontier, kept = self._kept(image, start, end, key)
        _, gradient = self.functions.tail(frontier, end, relu)(kept, terms_of(objective))
        return kept[0], gradient

    def _kept(self, image, start, end, key):
        """(frontier, its values for a batch of one): all that is needed to go on from `start`."""
        frontier = self.traced.graph.frontier(start, end)
        return frontier, self.kept_values(image, frontier, key)


class LayerWithOtherWeights:
    """A layer to look at, with other weights: its attributes, but for variables that have been replaced."""

    def __init__(self, layer, variables):
        self._layer, self._variables = layer, variables

    @property
    def __class__(self):  # what asks for the kind of a layer gets the layer's own
        return type(self._layer)

    def __getattr__(self, name):
        value = getattr(self._layer, name)
        if not hasattr(value, "path") or not hasattr(value, "value"):
            return value
        return self._variables.get(id(value.value.handle), value)


def as_float(values):
    """An array of float32, or of float64 where the values are."""
    values = np.asarray(values)
    return values if values.dtype == np.float64 else values.astype(np.float32, copy=False)


def _as_float_or_none(values):
    return None if values is None else as_float(values)


def _weighted(matrix, objective):
    """(numbers,): the columns `objective.units` of a matrix (numbers, units), weighted and summed."""
    return sum(weight * matrix[:, unit] for weight, unit in zip(objective.weights, objective.units, strict=True))


def _with_weights(info, variables):
    if not variables_of_layer(info.layer, variables):
        return info
    other = LayerWithOtherWeights(info.layer, variables)
    return type(info)(info.path, info.kind, info.output_shape, info.parameters, other, info.dtype)


def _variable(weight):
    """TensorFlow's variable behind a weight of Keras 3; one of Keras 2 is itself one."""
    return weight if callable(weight.value) else weight.value
