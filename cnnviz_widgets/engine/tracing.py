"""Tracing of a Keras model: the graph, with the tensors of each layer's output and of the logits.

The model is called once, inside a `tf.function`, while every layer's `call` is shadowed on the instance by one
that also records its output. The shadows are removed when the trace ends, even by an exception, so that the model
stays as it was.
"""

import inspect
import itertools
import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from cnnviz_widgets.words import one_line

from .graph import ForwardGraph
from .inputs import TO_FIRST, TO_LAST, InputBinding, names_in, output_number
from .layer_paths import layer_paths
from .maps_between import with_maps_between
from .op_kinds import HEADS, LOOKUP
from .recorded_gradients import SavedGradients, record_gradients
from .shapes import tell_shape
from .token_grids import with_token_grids
from .whole_numbers import DOOR

# Shadowing `call` changes what other threads see of the model: one trace at a time.
_one_trace = threading.RLock()


@dataclass(frozen=True)
class Tap:
    """One call of one layer: `path` names it ("base/conv2"), `tensor` is the name of its output in the graph.

    Maps that operations make between layers have the operation's `kind`, and no layer.
    """

    path: str
    layer: Any
    tensor: str
    shape: tuple[int | None, ...]  # without the batch axis; None for a length that depends on the image
    kind: str


@dataclass(frozen=True)
class TracedModel:
    """A model's forward pass: the graph, the outputs of layers and between them in order of execution, the head."""

    graph: ForwardGraph
    all_taps: tuple[Tap, ...]
    output: str
    logits: str
    head: str  # "softmax", "log_softmax", "sigmoid", or "none" if the output is behind none of them
    output_shape: tuple[int | None, ...]
    output_names: tuple[str, ...] = ("0",)

    @property
    def taps(self) -> tuple[Tap, ...]:
        """The layers' outputs."""
        return tuple(tap for tap in self.all_taps if tap.layer is not None)


@dataclass(frozen=True, eq=False)
class Call:
    """The trace of one call of a model."""

    function: Any  # a concrete function
    paths: list[tuple[Any, str]]  # layers and their paths
    heard: list[tuple[Any, Any]]  # layers and their outputs, (None, what a layer takes), in order of execution
    names: tuple[str, ...]  # of the model's outputs
    backward: SavedGradients


def call_once(
    model: Any,
    inputs: InputBinding,
    shape: tuple[int | None, ...],
    dtype: str = "float32",
    preprocess: Callable[[Any], Any] | None = None,
) -> Call:
    """The `Call` of a model. `shape` is that of an image, None for a side of any length.

    It may raise any exception, because the model's own code runs.
    """
    paths, heard, seen = layer_paths(model), [], {}
    layers, turned = [layer for layer, _ in paths], inputs.channels_first

    @tf.function
    def forward(images):
        given = images if preprocess is None else tf.identity(preprocess(images), name=DOOR)
        outputs = model(inputs.filled(given), training=False)
        seen["names"] = names_in(outputs, getattr(model, "output_names", None))
        seen["backward"] = record_gradients(tf.compat.v1.get_default_graph())
        return [_as_read(tensor, turned) for tensor in tf.nest.flatten(outputs)]

    with _one_trace, _listening(layers, heard, turned):
        function = forward.get_concrete_function(tf.TensorSpec([None, *shape], dtype))
    for operation in function.graph.get_operations():
        if operation.type == LOOKUP:  # its shape is known from the table, which a GraphDef does not hold
            tell_shape(operation.outputs[0])
    return Call(function, paths, heard, seen["names"], seen["backward"])


def _as_read(output, turned):
    """An output of a model with its units along the last axis."""
    if not tf.is_tensor(output):
        return output
    if output.shape.rank == 1:  # one number an image
        return tf.expand_dims(output, -1)
    return tf.transpose(output, TO_LAST) if turned and output.shape.rank == 4 else output


def read(call: Call, output: str | int | None = None) -> TracedModel:
    """The `TracedModel` of a `Call`, for one of its outputs (by name or index; None for the first).

    Raises ValueError for an output that does not exist, or that is not a tensor of a known number of units.
    """
    function, number = call.function, output_number(output, call.names)
    graph = ForwardGraph(function, call.backward)
    made = function.structured_outputs[number]
    if not tf.is_tensor(made) or made.shape.rank in (None, 0) or made.shape[-1] is None:
        raise ValueError(
            "The output must be a tensor whose last axis is the classes, a known number of them. "
            f"Received: {call.names[number]!r}, {'of shape' if tf.is_tensor(made) else 'a'} "
            f"{made.shape if tf.is_tensor(made) else type(made).__name__}."
        )
    # Outputs that a layer returned inside a function of its own (a `@tf.function`, a loop), or to another thread that
    # was running the model meanwhile, are not in this graph.
    heard = [(layer, tensor) for layer, tensor in call.heard if getattr(tensor, "graph", None) is function.graph]
    taps = _taps(call.paths, heard)
    graph, token_grids = with_token_grids(graph, {tap.tensor for tap in taps})
    explained = graph.tensor(function.outputs[_place(function.structured_outputs, number)].name)
    logits, head = _head(graph, explained)
    return TracedModel(
        graph=graph,
        all_taps=with_maps_between(graph, [_on_its_grid(tap, token_grids) for tap in taps]),
        output=explained.name,
        logits=logits.name,
        head=head,
        output_shape=_shape(explained),
        output_names=call.names,
    )


def _place(structured, number):
    """The place of output `number` among a function's tensors; not every output is one."""
    before = tf.nest.flatten(structured[:number], expand_composites=True)
    return sum(tensor is not None for tensor in before)


@contextmanager
def _listening(layers, heard, turned):
    """A context in which each call of a layer appends (layer, output) to `heard`."""
    entries = [_entry(layer) for layer in layers]
    # Another `call` may be on the instance already.
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
        if not turned:
            heard.extend((None, tensor) for tensor in tf.nest.flatten((arguments, keywords)) if tf.is_tensor(tensor))
        output = original(*arguments, **keywords)
        if turned and tf.is_tensor(output) and output.shape.rank == 4:
            # The output passes through a tensor with its channels last, to look at and to feed.
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
            if layer is None:
                taps.append(Tap("", None, output.name, _shape(output), output.op.type))
                continue
            path = path_of[id(layer)]
            times[path] += 1
            name = path if times[path] == 1 else f"{path}@{times[path]}"
            taps.append(Tap(name, layer, output.name, _shape(output), type(layer).__name__))
    return tuple(taps)


def _on_its_grid(tap, token_grids):
    """The tap; of tokens with a grid behind them, that grid."""
    grid = token_grids.get(tap.tensor)
    return tap if grid is None else replace(tap, tensor=grid.tensor, shape=grid.shape)


def _shape(tensor):
    return tuple(tensor.shape[1:])


def _head(graph, output):
    """(the tensor in front of the model's final softmax or sigmoid, its name); (`output`, "none")."""
    *_, last = graph.handed_on(output.name)
    tensor = graph.tensor(last)
    if tensor.op.type in HEADS and tensor.shape[-1] == output.shape[-1]:
        return tensor.op.inputs[0], HEADS[tensor.op.type]
    return output, "none"


def keras_said(error: Exception, longest: int = 200) -> str:
    """The useful part of an error message of Keras or TensorFlow, on one line."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).split("\n")]
    # In front of it are the lines of code that were running, behind it their arguments.
    said = itertools.takewhile(lambda line: not line.startswith("Arguments received"), lines)
    said = [line for line in said if line and not re.match(r"in user code|File |Exception encountered", line)]
    own = next((n for n, line in enumerate(said) if re.match(r"\w+(Error|Exception): ", line)), 0)
    return one_line(" ".join(said[own:]) or type(error).__name__, longest)
