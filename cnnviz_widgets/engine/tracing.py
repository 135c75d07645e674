"""From a Keras model to a traced graph: where each layer's output is, and where the logits are.

The model is called once, inside a `tf.function`, while every layer's `call` is shadowed on the instance by one
that also writes down what it returned. The shadows are gone when the trace ends, also when it ends by an
exception: the model leaves as it came.
"""

import inspect
import itertools
import re
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

import tensorflow as tf

from cnnviz_widgets.words import one_line

from .custom_gradients import record_gradients
from .graph import ForwardGraph
from .inputs import TO_FIRST, TO_LAST, names_in, output_number
from .layer_paths import layer_paths
from .op_kinds import HEADS, TRANSPARENT

# Shadowing `call` changes what other threads see of the model: one trace at a time.
_one_trace = threading.RLock()


@dataclass(frozen=True)
class Tap:
    """One call of one layer: `path` names it ("base/conv2"), `tensor` is what it returned in the graph."""

    path: str
    layer: object
    tensor: str
    shape: tuple  # without the batch axis; None where it depends on the image


@dataclass(frozen=True)
class TracedModel:
    """A model's forward pass: the graph, the layers' outputs in order of execution, the head."""

    graph: ForwardGraph
    taps: tuple[Tap, ...]
    output: str
    logits: str
    head: str  # "softmax", "sigmoid", or "none" where the output is not behind either
    output_shape: tuple
    output_names: tuple[str, ...] = ("0",)


@dataclass(frozen=True, eq=False)
class Call:
    """A model called once: the function that was traced, what its layers returned meanwhile, its outputs' names."""

    function: object
    paths: list
    heard: list  # (layer, what it returned)
    names: tuple[str, ...]
    backward: dict  # see `recorded`


def call_once(model, inputs, shape, dtype="float32", preprocess=None):
    """The `Call` of a model, None in `shape` where any size goes. May raise anything: the model's code runs."""
    paths, heard, seen = layer_paths(model), [], {}
    layers, turned = [layer for layer, _ in paths], inputs.channels_first

    @tf.function
    def forward(images):
        images = images if preprocess is None else preprocess(images)
        outputs = model(inputs.filled(images), training=False)
        seen["names"] = names_in(outputs, getattr(model, "output_names", None))
        seen["backward"] = record_gradients(tf.compat.v1.get_default_graph())
        return [_as_read(tensor, turned) for tensor in tf.nest.flatten(outputs)]

    with _one_trace, _listening(layers, heard, turned):
        function = forward.get_concrete_function(tf.TensorSpec([None, *shape], dtype))
    return Call(function, paths, heard, seen["names"], seen["backward"])


def _as_read(output, turned):
    """An output of a model with its numbers along the last axis."""
    if not tf.is_tensor(output):
        return output
    if output.shape.rank == 1:  # one number an image
        return tf.expand_dims(output, -1)
    return tf.transpose(output, TO_LAST) if turned and output.shape.rank == 4 else output


def read(call, output=None):
    """The `TracedModel` of a `Call`. Raises ValueError for an output that is not there or no row of numbers."""
    function, number = call.function, output_number(output, call.names)
    graph = ForwardGraph(function, call.backward)
    made = function.structured_outputs[number]
    if not tf.is_tensor(made) or made.shape.rank in (None, 0) or made.shape[-1] is None:
        raise ValueError(
            "The output must be a tensor whose last axis is the classes, a known number of them. "
            f"Received: {call.names[number]!r}, {'of shape' if tf.is_tensor(made) else 'a'} "
            f"{made.shape if tf.is_tensor(made) else type(made).__name__}."
        )
    # What a layer returned inside a function of its own (a `@tf.function`, a loop), or to another thread that was
    # running the model meanwhile, has no place in this graph.
    heard = [(layer, tensor) for layer, tensor in call.heard if getattr(tensor, "graph", None) is function.graph]
    output = graph.tensor(function.outputs[_place(function.structured_outputs, number)].name)
    logits, head = _head(output)
    return TracedModel(
        graph=graph,
        taps=_taps(call.paths, heard),
        output=output.name,
        logits=logits.name,
        head=head,
        output_shape=_shape(output),
        output_names=call.names,
    )


def _place(structured, number):
    """Which of a function's tensors output `number` is: what is no tensor has none."""
    before = tf.nest.flatten(structured[:number], expand_composites=True)
    return sum(tensor is not None for tensor in before)


@contextmanager
def _listening(layers, heard, turned):
    """For as long as the block runs, append (layer, output) to `heard` whenever a layer is called."""
    entries = [_entry(layer) for layer in layers]
    # A call that somebody else put on the instance.
    own = [layer.__dict__.get(entry) for layer, entry in zip(layers, entries, strict=True)]
    try:
        for layer, entry in zip(layers, entries, strict=True):
            layer.__dict__[entry] = _shadow(layer, entry, heard, turned)  # not setattr: Keras tracks attributes
        yield
    finally:
        for layer, entry, call in zip(layers, entries, own, strict=True):
            layer.__dict__.pop(entry, None)
            if call is not None:
                layer.__dict__[entry] = call


def _entry(layer):
    """The method that Keras runs when the layer is called."""
    return "call" if getattr(layer, "quantization_mode", None) is None else "quantized_call"


def _shadow(layer, entry, heard, turned):
    original = getattr(layer, entry)

    def call(*arguments, **keywords):
        output = original(*arguments, **keywords)
        if turned and tf.is_tensor(output) and output.shape.rank == 4:
            # By way of a tensor with its channels last: one can look at it, and feed it.
            last = tf.transpose(output, TO_LAST)
            heard.append((layer, last))
            return tf.transpose(last, TO_FIRST)
        heard.append((layer, output))
        return output

    call.__signature__ = inspect.signature(original)
    return call


def _taps(paths, calls):
    """The layers' outputs in the order in which they were made; a layer used twice is "conv" and "conv@2"."""
    path_of, times, taps = {id(layer): path for layer, path in paths}, Counter(), []
    for layer, output in calls:
        if tf.is_tensor(output) and output.shape.rank is not None:
            path = path_of[id(layer)]
            times[path] += 1
            name = path if times[path] == 1 else f"{path}@{times[path]}"
            taps.append(Tap(name, layer, output.name, _shape(output)))
    return tuple(taps)


def _shape(tensor):
    return tuple(tensor.shape[1:])


def _head(output):
    """The tensor in front of the softmax or sigmoid that ends the model, and which of the two it is."""
    tensor = output
    while tensor.op.type in TRANSPARENT:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    if tensor.op.type in HEADS and tensor.shape[-1] == output.shape[-1]:
        return tensor.op.inputs[0], HEADS[tensor.op.type]
    return output, "none"


def keras_said(error, longest=200):
    """The part of an error from Keras or TensorFlow that helps a person, on one line."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).split("\n")]
    # Before it stand the lines of code that were running, after it what they were called with.
    said = itertools.takewhile(lambda line: not line.startswith("Arguments received"), lines)
    said = [line for line in said if line and not re.match(r"in user code|File |Exception encountered", line)]
    own = next((n for n, line in enumerate(said) if re.match(r"\w+(Error|Exception): ", line)), 0)
    return one_line(" ".join(said[own:]) or type(error).__name__, longest)
