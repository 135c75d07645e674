"""`Network`: a Keras model with all that is known of its images and classes."""

import threading

from .core.cache import ByteBoundedCache
from .core.model_output import output_of
from .engine.inputs import bind_inputs, checked_shape, shape_of
from .engine.memory import Memory
from .engine.network_options import NetworkOptions
from .engine.pickling import reduced
from .engine.startup import start_tensorflow
from .questions import Questions
from .words import nearest

# Kept results and activations, per network.
CACHE_BYTES = 256 * 2**20


class Network(Questions):
    """A Keras model with the names of its classes and the range of its images.

    The options are those of `NetworkOptions`. The model is traced at the first question, by an engine.

    A network is a plain value to pickle: it takes along the model's configuration and weights, and is traced anew where
    it is opened. Where Keras cannot write these (a Lambda layer, a model of Keras 2) pickling raises TypeError.
    """

    def __init__(
        self,
        model,
        *,
        class_names=None,
        preprocess=None,
        value_range=(0, 255),
        name=None,
        input_shape=None,
        samples=(),
        task=None,
        image_input=None,
        other_inputs=None,
        output=None,
        memory_limit=None,
    ):
        options = NetworkOptions(
            name=name,
            input_shape=input_shape,
            class_names=class_names,
            preprocess=preprocess,
            value_range=value_range,
            samples=samples,
            task=task,
            image_input=image_input,
            other_inputs=other_inputs,
            output=output,
            memory_limit=memory_limit,
        )
        self._begin(options, model)

    @classmethod
    def of_options(cls, model, options):
        """The Network of a model with these `NetworkOptions`."""
        network = object.__new__(cls)
        network._begin(options, model)
        return network

    @classmethod
    def of_engine(cls, engine, **options):
        """The Network of an `Engine` that exists; `options` as for a model, but for what the engine knows by itself."""
        network = object.__new__(cls)
        network._take(NetworkOptions(**{"name": engine.name, "input_shape": engine.input_shape} | options))
        network._engine = engine
        return network

    def _begin(self, options, model):
        """Settle what the model tells, and wait with tracing until somebody asks."""
        inputs = bind_inputs(model, options.image_input, options.other_inputs)
        name = options.name or getattr(model, "name", None) or type(model).__name__
        shape = checked_shape(options.input_shape) if options.input_shape else shape_of(model, inputs)
        self._take(options.replaced(name=name, input_shape=shape), model, inputs)

    def _take(self, options, model=None, inputs=None):
        self.options, self.model, self.inputs = options, model, inputs
        self.name, self.value_range, self.input_shape = options.name, options.value_range, options.input_shape
        self.samples, self.task = options.samples, options.task
        self.memory = Memory(options.memory_limit)
        self.cache = ByteBoundedCache(CACHE_BYTES)
        self.origin = None  # of a randomised network: (the one that it was made of, with which arguments)
        self._lock = threading.RLock()
        self._engine = self._output = None

    def __repr__(self):
        return f"Network({self.name!r})"

    def __reduce__(self):
        return reduced(self)

    # ---- Description

    @property
    def engine(self):
        """The `Engine` that answers; the model is traced here at the first use."""
        with self._lock:
            if self._engine is None:
                start_tensorflow()
                from .engine.tensorflow_engine import TensorFlowEngine

                self._engine = TensorFlowEngine(
                    self.model, self.inputs, self.input_shape, self.options, self.memory, self.cache
                )
            return self._engine

    @property
    def traced_engine(self):
        """The engine of a traced Keras model. Raises ValueError for one that has no graph to look at."""
        if not hasattr(self.engine, "traced"):
            raise ValueError(
                "This needs a network whose engine has traced a Keras model. "
                f"Received: {self.name}, on a {type(self.engine).__name__}."
            )
        return self.engine

    @property
    def output(self):
        """The `ModelOutput`: names of the units, and the meaning of their numbers."""
        if self._output is None:
            engine = self.engine
            names = self.options.class_names
            self._output = output_of(self.task, self.name, engine.score_shape, engine.head, names)
        return self._output

    @property
    def layers(self):
        """The layers in order of execution, nested ones as "base/conv2": a tuple of LayerInfo."""
        return self.engine.layers

    def layer(self, path):
        """The LayerInfo at `path`. Raises ValueError, with the nearest spellings, where there is none."""
        for info in self.layers:
            if info.path == path:
                return info
        near = nearest(path, [info.path for info in self.layers])
        known = near or [info.path for info in self.spatial_layers][-6:] or ["none; they run out of sight"]
        raise ValueError(f"No layer named {path!r}. {'Near to it' if near else 'For example'}: {', '.join(known)}.")

    @property
    def spatial_layers(self):
        """The layers whose output is a grid of channels."""
        return tuple(info for info in self.layers if info.spatial)

    @property
    def weighted_layers(self):
        """The paths of the layers with weights of their own, from the output back to the image: a tuple."""
        return tuple(self.traced_engine.weights_by_layer())

    @property
    def output_names(self):
        """The names of the model's outputs, of which one is explained; "0", "1" where they have none."""
        return self.engine.output_names

    @property
    def class_count(self):
        """The number of units of the output, one for each class or quantity; a single sigmoid counts as one."""
        return self.output.count

    @property
    def class_names(self):
        """The names of the classes, in the order of the output; of a single sigmoid two, if two were given."""
        return self.output.names

    @property
    def classes(self):
        """A Target for each of `class_names`: `Target(0)`, `Target(1)`, ...

        Where a single sigmoid's two sides have names, these are `-Target(0)` and `Target(0)`.
        """
        return self.output.targets

    @property
    def classifies(self):
        """True where the output is classes with probabilities, False where it is quantities (a regression)."""
        return self.output.classifies

    @property
    def head(self):
        """The end of the network: "softmax", "sigmoid", "none" (the output is logits, or quantities) or "hidden".

        "hidden" means that the output is probabilities, but no softmax could be found in front of which to stop.
        """
        return self.engine.head

    # ---- Weights

    def randomised(self, count, seed=0, alone=False):
        """A Network whose last `count` layers with weights hold shuffled ones; everything else is shared with this one.

        "Last" is in the order of `weighted_layers`, from the output back. With `alone`, only the last of these `count`
        layers is shuffled. The layers of one `seed` are the same whatever the count; a count of 0 is this network. The
        model is only read, and `model` of what is returned is still the user's, with the weights that it has.

        Raises ValueError for a count or a seed that makes no sense. See `engine/weight_randomization.py` for the paper.
        """
        from .engine.weight_randomization import randomised

        key = ("randomised", count, seed, alone, self.weights_version())
        if (known := self.cache.get(key)) is None:
            engine = randomised(self.traced_engine, self.cache, count, seed, alone)
            name = f"{self.name}, {'layer' if alone else 'top'} {count} randomised"
            known = self.answered_by(engine, name=name, origin=(self, (count, seed, alone))) if count else self
            self.cache.put(key, known)
        return known

    def replica(self, variables=None):
        """The same network with a cache of its own, for a thread or a device, or for images that leave nothing behind.

        `variables` {id of a variable's handle: variable} are read in the place of the network's own.
        """
        cache = ByteBoundedCache(CACHE_BYTES)
        engine = self.traced_engine.reading(variables or {}, cache=cache)
        return self.answered_by(engine, cache=cache, origin=self.origin)

    def answered_by(self, engine, name=None, cache=None, origin=None):
        """The same description, answered by another engine, in the same cache unless one is given."""
        twin = object.__new__(type(self))
        twin._take(self.options.replaced(name=name or self.name), self.model, self.inputs)
        twin.memory, twin.cache = self.memory, self.cache if cache is None else cache
        twin._engine, twin.origin = engine, origin
        return twin
