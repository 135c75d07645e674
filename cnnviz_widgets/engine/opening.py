"""Opening a Keras model: what shape it takes, what it is made of, how it ends, and whether its weights have changed."""

import itertools
import re
import threading
from functools import partial

import numpy as np

from cnnviz_widgets.core.cache import ByteBoundedCache
from cnnviz_widgets.core.layer import LayerInfo
from cnnviz_widgets.core.picture_file import plain_text

from .output import Output
from .startup import start_tensorflow

# Of what is found out about a network and holds for every image.
KEPT_BYTES = 64 * 2**20


class Opened:
    """What is known of a network once it has been traced."""

    def __init__(self, network):
        start_tensorflow()
        from cnnviz_widgets.methods.occlusion.incremental import Follower

        from .compiled import Questions, place_of
        from .tracing import call_once, read

        model, inputs = network.model, network.inputs
        self.dtype = inputs.dtype
        try:
            call = call_once(model, inputs, network.input_shape, self.dtype, network.preprocess)
        except Exception as error:  # the model's own code runs here
            raise ValueError(
                "A model must run on a batch of images as a TensorFlow graph, and so must its preprocess. "
                f"{network.name} does not, it said: {what_it_said(error)}"
            ) from error
        self.traced = read(call, network.output)
        # Those in the trace and those that Keras knows: each list lacks some that the other has.
        own = [_variable(weight) for weight in getattr(model, "weights", ())]
        self.weights = Weights({id(variable): variable for variable in (*self.traced.graph.variables, *own)}.values())
        self.tensors = {tap.path: tap.tensor for tap in self.traced.taps}
        # Numbers above 65504 overflow there.
        types = {path: self.traced.graph.tensor(tensor).dtype.name for path, tensor in self.tensors.items()}
        self.half_precision = {path: self.tensors[path] for path, kind in types.items() if kind == "float16"}
        self.layers = tuple(
            LayerInfo(
                tap.path,
                type(tap.layer).__name__,
                tap.shape,
                int(tap.layer.count_params()),
                tap.layer,
            )
            for tap in self.traced.taps
        )
        self.place = place_of
        self.head = self.traced.head
        self.questions = Questions(self.traced, memory=network.memory)
        self.kept = ByteBoundedCache(KEPT_BYTES)
        if network.task == "regression":
            self.head = "none"  # whatever it is, the value behind it is the score
        elif self.head == "none" and self._gives_probabilities(network):
            self.head = "hidden"
            self.questions = Questions(self.traced, log=True, memory=network.memory)
        self.follower = Follower(self.traced, network.memory)
        behind = network.task == "regression" or self.head == "hidden"
        # The tensor in whose values a class has its score.
        self.objective = self.traced.output if behind else self.traced.logits
        grid = tuple(self.traced.graph.tensor(self.objective).shape[1:])
        self.output = Output(network.name, grid, self.head, network.task, network.given_names)

    def _gives_probabilities(self, network):
        """True where noise comes out as two or more numbers from 0 to 1 that sum to 1: a softmax we cannot see."""
        shape = [n or 64 for n in network.input_shape]
        noise = np.random.default_rng(0).uniform(*network.value_range, (1, *shape)).astype(self.dtype)
        output = np.asarray(self.questions.values(self.traced.output)(noise)[0], np.float64)
        sums_to_one = np.allclose(output.sum(axis=-1), 1, atol=1e-3)
        return output.shape[-1] > 1 and output.min() >= 0 and sums_to_one


def _variable(weight):
    """TensorFlow's variable behind a weight of Keras 3; one of Keras 2 is itself one."""
    return weight if callable(weight.value) else weight.value


def what_it_said(error, longest=200):
    """The part of an error out of Keras or TensorFlow that a person can use, on one line."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).split("\n")]
    # Before it stand the lines of code that were running, after it what they were called with.
    said = itertools.takewhile(lambda line: not line.startswith("Arguments received"), lines)
    said = [line for line in said if line and not re.match(r"in user code|File |Exception encountered", line)]
    own = next((n for n, line in enumerate(said) if re.match(r"\w+(Error|Exception): ", line)), 0)
    return plain_text(" ".join(said[own:]) or type(error).__name__, longest)


def shape_of(model, inputs):
    """(height, width, channels) that a model takes by its `Inputs`, None where any size goes."""
    if inputs.shape is not None:
        return checked_shape(inputs.shape)
    if not getattr(model, "built", False):
        raise ValueError(
            "The model must have its weights before one can look inside: call it once on a batch of images. "
            f"Received: {type(model).__name__} {getattr(model, 'name', '')!r}, not built yet."
        )
    shapes = list((getattr(model, "_build_shapes_dict", None) or {}).values())
    if len(shapes) == 1 and shapes[0] is not None:
        shape = tuple(shapes[0][1:])
        return checked_shape((*shape[1:], shape[0]) if inputs.channels_first else shape)
    raise ValueError(
        "This model does not tell the shape of its images: give Network(..., input_shape=(height, width, channels)). "
        f"Received: {type(model).__name__}."
    )


def checked_shape(shape):
    """(height, width, channels), or a refusal of what is no image."""
    shape = tuple(shape)
    if len(shape) != 3 or shape[2] is None:
        raise ValueError(
            f"A network takes images of shape (height, width, channels). Received: a model that takes {shape}."
        )
    return shape


class Weights:
    """Tells whether variables have changed since it last looked, without reading what they hold.

    TensorFlow never writes into memory that somebody else still holds: while we keep what a variable held, a
    change must give it new memory. So comparing addresses finds every change, and takes a few milliseconds for
    millions of weights; only where an address is new are the values compared.
    """

    def __init__(self, variables):
        import tensorflow as tf

        variables = list(variables)

        def read():
            return [_bytes(variable.read_value()) for variable in variables]

        self._read = tf.function(read, autograph=False).get_concrete_function()
        self._lock = threading.Lock()
        self._stamp = 0
        self._held = _memory(self._read())

    def stamp(self):
        """A number that grows when a variable changes."""
        with self._lock:
            held = _memory(self._read())
            # Both are held, so what shares memory is one array. Asking for addresses would take ten times as long.
            if not all(map(np.may_share_memory, held, self._held)) and any(map(_differs, held, self._held)):
                self._stamp += 1
            self._held = held
            return self._stamp


def _bytes(tensor):
    """The tensor, where NumPy has its type; else (bfloat16, float8) its bytes, in the same memory."""
    import tensorflow as tf

    return tensor if np.dtype(tensor.dtype.as_numpy_dtype).isbuiltin == 1 else tf.bitcast(tensor, tf.uint8)


def _memory(tensors):
    """The bytes of tensors where they are; they stay as they are for as long as these arrays are kept."""
    return list(map(partial(np.frombuffer, dtype=np.uint8), tensors))


def _differs(new, old):
    return not np.may_share_memory(new, old) and not np.array_equal(new, old)
