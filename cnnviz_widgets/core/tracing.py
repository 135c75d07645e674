"""From a Keras model to a traced graph: where each layer's output is, and where the logits are.

The model is called once, inside a `tf.function`, while every layer's `call` is shadowed on the instance by one
that also writes down what it returned. The shadows are gone when the trace ends, also when it ends by an
exception: the model leaves as it came.
"""

import inspect
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import tensorflow as tf

from .graph import ForwardGraph

# Shadowing `call` changes what other threads see of the model: one trace at a time.
_one_trace = threading.RLock()

HEADS = {"Softmax": "softmax", "LogSoftmax": "softmax", "Sigmoid": "sigmoid"}
# What may stand between a head and the model's output without changing a value.
TRANSPARENT = ("Identity", "IdentityN", "Cast", "Reshape", "Squeeze")


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


def trace(model, shape, dtype="float32", preprocess=None):
    """Trace `model` on batches of images of `shape` (height, width, channels), None where any size goes."""
    calls = []

    @tf.function
    def forward(images):
        return model(_as_taken(model, images if preprocess is None else preprocess(images)), training=False)

    paths = layer_paths(model)
    with _one_trace, _listening([layer for layer, _ in paths], calls):
        concrete = forward.get_concrete_function(tf.TensorSpec([None, *shape], dtype))
    outputs = [tensor for tensor in tf.nest.flatten(concrete.outputs) if tf.is_tensor(tensor)]
    graph = ForwardGraph(concrete)
    # What a layer returned inside a function of its own (a `@tf.function`, a loop), or to another thread that was
    # running the model meanwhile, has no place in this graph.
    calls = [(layer, output) for layer, output in calls if getattr(output, "graph", None) is concrete.graph]
    output = graph.tensor(outputs[0].name)
    logits, head = _head(output)
    return TracedModel(
        graph=graph,
        taps=_taps(paths, calls),
        output=output.name,
        logits=logits.name,
        head=head,
        output_shape=_shape(output),
    )


def _as_taken(model, images):
    """The images inside what the model takes them in: a list of one, a dictionary of one."""
    structure = getattr(model, "_inputs_struct", None)
    return images if structure is None else tf.nest.map_structure(lambda _: images, structure)


def layer_paths(model):
    """Every layer inside `model` with its path, nested models before their own layers: [(layer, "base/conv2")]."""
    found, seen = [], set()

    def walk(parent, prefix):
        for layer in _children(parent):
            if id(layer) not in seen:
                seen.add(id(layer))
                path = f"{prefix}{layer.name}"
                found.append((layer, path))
                walk(layer, f"{path}/")

    walk(model, "")
    return found


def _children(layer):
    # `Model.layers` hides a Sequential's inner machinery; other layers list what they hold privately.
    if isinstance(layer, keras.Model) and layer.layers:
        return layer.layers
    return layer._flatten_layers(recursive=False, include_self=False)


@contextmanager
def _listening(layers, calls):
    """For as long as the block runs, append (layer, output) to `calls` whenever a layer is called."""
    own = [layer.__dict__.get("call") for layer in layers]  # a call that somebody else put on the instance
    try:
        for layer in layers:
            layer.__dict__["call"] = _shadow(layer, calls)  # not setattr: Keras tracks attributes
        yield
    finally:
        for layer, call in zip(layers, own, strict=True):
            layer.__dict__.pop("call", None)
            if call is not None:
                layer.__dict__["call"] = call


def _shadow(layer, calls):
    original = layer.call

    def call(*arguments, **keywords):
        output = original(*arguments, **keywords)
        calls.append((layer, output))
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
