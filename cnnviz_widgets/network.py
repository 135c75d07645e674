"""`Network`: a Keras model with all that is known of its images and classes."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from .core.cache import ByteBoundedCache
from .core.image import InputImage
from .core.layer import AttentionInfo, LayerInfo
from .core.model_output import ClassOutput, RegressionOutput, output_of
from .core.target import Target
from .engine.engine import Engine, has_graph
from .engine.inputs import InputBinding, bind_inputs, check_taken, checked_shape, shape_of
from .engine.memory import Memory
from .engine.network_options import NetworkOptions
from .engine.pickling import reduced
from .engine.startup import start_tensorflow
from .questions import Questions
from .words import nearest

if TYPE_CHECKING:
    from .engine.tensorflow_engine import TensorFlowEngine

# Kept results and activations, per network.
CACHE_BYTES = 256 * 2**20


class Network(Questions):
    """A Keras model with the names of its classes and the range of its images.

    `NetworkOptions` describes the options. An engine traces the model at the first question.

    A network can be pickled: the value holds the model's configuration and weights, and the model is traced anew where
    it is unpickled. Where Keras cannot write these (a Lambda layer, a model of Keras 2) pickling raises TypeError.
    """

    options: NetworkOptions
    model: Any
    inputs: InputBinding
    name: str
    value_range: tuple[float, float]
    input_shape: tuple[int | None, int | None, int]
    samples: tuple[InputImage, ...]
    task: str | None
    memory: Memory
    cache: ByteBoundedCache
    origin: "tuple[Network, tuple[int, int, bool]] | None"

    def __init__(
        self,
        model: Any,
        *,
        class_names: Iterable[str] | Mapping[Any, Any] | None = None,
        preprocess: Callable[[Any], Any] | str | None = None,
        value_range: tuple[float, float] | None = None,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        samples: Iterable[InputImage] = (),
        task: str | None = None,
        image_input: str | int | None = None,
        other_inputs: Mapping[str | int, Any] | None = None,
        output: str | int | None = None,
        memory_limit: float | str | None = None,
        output_is: str | None = None,
    ):
        options = NetworkOptions(
            name=name,
            input_shape=None if input_shape is None else tuple(input_shape),
            class_names=cast(Any, class_names),  # in any form until the options have settled it
            preprocess=preprocess,
            value_range=value_range,
            samples=tuple(samples),
            task=task,
            image_input=image_input,
            other_inputs=other_inputs,
            output=output,
            memory_limit=memory_limit,
            output_is=output_is,
        )
        self._begin(options, model)

    @classmethod
    def of_options(cls, model: Any, options: NetworkOptions) -> Self:
        """The Network of a model with these `NetworkOptions`."""
        network = object.__new__(cls)
        network._begin(options, model)
        return network

    @classmethod
    def of_engine(cls, engine: Engine, **options: Any) -> Self:
        """The Network of an existing `Engine`; `options` are fields of `NetworkOptions`, with the engine's own values.

        The engine knows its name and the shape of its images, so these may be left out.
        """
        network = object.__new__(cls)
        network._take(NetworkOptions(**{"name": engine.name, "input_shape": engine.input_shape} | options))
        network._engine = engine
        return network

    def _begin(self, options: NetworkOptions, model: Any) -> None:
        """Read from the model what it says of its images, and leave tracing for the first question."""
        inputs = bind_inputs(model, options.image_input, options.other_inputs)
        name = options.name or getattr(model, "name", None) or type(model).__name__
        shape = checked_shape(options.input_shape) if options.input_shape else shape_of(model, inputs)
        check_taken(inputs, shape)
        self._take(options.replaced(name=name, input_shape=shape), model, inputs)

    def _take(self, options: NetworkOptions, model: Any = None, inputs: InputBinding | None = None) -> None:
        self.options, self.model, self.inputs = options, model, inputs or InputBinding()
        self.name = cast(str, options.name)
        self.value_range, self.input_shape = options.settled_range, checked_shape(options.input_shape or ())
        self.samples, self.task = options.samples, options.task
        self.memory = Memory(options.memory_limit)
        self.cache = ByteBoundedCache(CACHE_BYTES)
        self.origin = None  # of a randomised network: the original one and the arguments of `randomised`
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._output: ClassOutput | RegressionOutput | None = None

    def __repr__(self) -> str:
        return f"Network({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    # ---- Description

    @property
    def engine(self) -> Engine:
        """The `Engine` that answers; the first use traces the model."""
        with self._lock:
            if self._engine is None:
                start_tensorflow()
                from .engine.tensorflow_engine import TensorFlowEngine

                self._engine = TensorFlowEngine(
                    self.model, self.inputs, self.input_shape, self.options, self.memory, self.cache
                )
            return self._engine

    @property
    def traced_engine(self) -> "TensorFlowEngine":
        """The engine of a traced Keras model. Raises ValueError for an engine without a graph."""
        if not has_graph(self.engine):
            raise ValueError(
                "This needs a network whose engine has traced a Keras model. "
                f"Received: {self.name}, on a {type(self.engine).__name__}."
            )
        return cast("TensorFlowEngine", self.engine)

    @property
    def range_is_assumed(self) -> bool:
        """True if `value_range` is a guess: nobody gave it or a `preprocess`, and the model does not tell it.

        A model tells that it takes 0 to 255 by its first operations, in nested models too: a Rescaling or Normalization
        layer, a `preprocess_input`, a cast to integers. Only photographs are scaled to a range; arrays are taken as
        they are.
        """
        if self.options.value_range is not None or self.options.preprocess is not None:
            return False
        return not (has_graph(self.engine) and self.traced_engine.takes_bytes())

    @property
    def output(self) -> ClassOutput | RegressionOutput:
        """The `ModelOutput`: names of the units, and the meaning of their numbers."""
        if self._output is None:
            engine = self.engine
            names = self.options.class_names
            self._output = output_of(self.task, self.name, engine.score_shape, engine.head, names)
        return self._output

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        """The layers in order of execution, nested ones as "base/conv2": a tuple of LayerInfo."""
        return self.engine.layers

    def layer(self, path: str) -> LayerInfo:
        """The LayerInfo at `path`. Raises ValueError, with the nearest spellings, for an unknown one."""
        for info in (*self.layers, *self.engine.grids, *self.attentions):
            if info.path == path:
                return info
        near = nearest(path, [info.path for info in self.layers])
        known = near or [info.path for info in self.spatial_layers][-6:] or ["none, as the trace shows no layers"]
        raise ValueError(f"No layer named {path!r}. {'Near to it' if near else 'For example'}: {', '.join(known)}.")

    @property
    def spatial_layers(self) -> tuple[LayerInfo, ...]:
        """The layers whose output is a grid of channels, and such maps between layers, in order of execution."""
        return self.engine.grids

    @property
    def attentions(self) -> tuple[AttentionInfo, ...]:
        """The attention matrices, in order of execution; their `path` may stand wherever a layer's does."""
        return self.engine.attentions

    @property
    def weighted_layers(self) -> tuple[str, ...]:
        """The paths of the layers with weights of their own, from the output back to the image."""
        return tuple(self.traced_engine.weights_by_layer())

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the model's outputs, of which one is explained; "0", "1" for outputs without names."""
        return self.engine.output_names

    @property
    def class_count(self) -> int:
        """The number of units of the output, one for each class or quantity; a single sigmoid counts as one."""
        return self.output.count

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the output; a single sigmoid has two, if two were given."""
        return self.output.names

    @property
    def classes(self) -> tuple[Target, ...]:
        """A Target for each of `class_names`: `Target(0)`, `Target(1)`, ...

        The two sides of a single sigmoid, if they have names, are `-Target(0)` and `Target(0)`.
        """
        return self.output.targets

    @property
    def classifies(self) -> bool:
        """True for an output of classes with probabilities, False for one of quantities (a regression)."""
        return self.output.classifies

    @property
    def head(self) -> str:
        """The end of the network: "softmax", "sigmoid", "log_softmax", "none", "hidden" or "hidden_log".

        "none" means that the output is logits, or quantities; "hidden" that it is probabilities, but that no softmax or
        sigmoid stands at the end: their mean does, say, or something that only sums to 1; "hidden_log" that it is the
        logarithms of such probabilities.
        """
        return self.engine.head

    # ---- Weights

    def randomised(self, count: int, seed: int = 0, alone: bool = False) -> "Network":
        """A Network in which the weights of the last `count` layers with weights are shuffled; the rest is shared.

        "Last" follows `weighted_layers`, from the output back. With `alone`, only the last of these `count` layers is
        shuffled. A seed shuffles a layer in the same way whatever the count; a count of 0 gives this network. The
        model is only read: `model` of the new network is the user's, with its own weights.

        Raises ValueError for an impossible count or seed. See `engine/weight_randomization.py` for the paper.
        """
        from .engine.weight_randomization import randomised

        key = ("randomised", count, seed, alone, self.weights_version())
        if (known := self.cache.get(key)) is None:
            engine = randomised(self.traced_engine, self.cache, count, seed, alone)
            name = f"{self.name}, {'layer' if alone else 'top'} {count} randomised"
            known = self.answered_by(engine, name=name, origin=(self, (count, seed, alone))) if count else self
            self.cache.put(key, known)
        return known

    def replica(self, variables: Mapping[int, Any] | None = None) -> "Network":
        """The same network with a cache of its own, for a thread, for a device, or for a large number of images.

        `variables` {id of a variable's handle: variable} are read in place of the network's own.
        """
        cache = ByteBoundedCache(CACHE_BYTES)
        engine = self.traced_engine.reading(dict(variables or {}), cache=cache)
        return self.answered_by(engine, cache=cache, origin=self.origin)

    def answered_by(
        self,
        engine: Engine,
        name: str | None = None,
        cache: ByteBoundedCache | None = None,
        origin: "tuple[Network, tuple[int, int, bool]] | None" = None,
    ) -> "Network":
        """The same description with another engine; the cache is shared unless one is given."""
        twin = object.__new__(type(self))
        twin._take(self.options.replaced(name=name or self.name), self.model, self.inputs)
        twin.memory, twin.cache = self.memory, self.cache if cache is None else cache
        twin._engine, twin.origin = engine, origin
        return twin
