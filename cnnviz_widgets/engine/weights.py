"""The variables of a model: the version of the weights, and the layer that holds each of them."""

import threading
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.layer import LayerInfo

if TYPE_CHECKING:
    from .tracing import TracedModel


class WeightsVersion:
    """A number that grows when a variable changes, found without reading the variables' values.

    TensorFlow never writes into memory that is still in use: as long as we hold a variable's value, a change must give
    it new memory. So a comparison of addresses finds every change, and takes a few milliseconds for millions of
    weights; values are compared only where an address is new.
    """

    def __init__(self, variables: Iterable[Any]):
        variables = list(variables)

        def read():
            return [_bytes(variable.read_value()) for variable in variables]

        self._read = tf.function(read, autograph=False).get_concrete_function()
        self._lock = threading.Lock()
        self._number = 0
        self._held = _memory(self._read())
        self._frozen = threading.local()

    def number(self) -> int:
        """The version now; in the context `frozen`, the version at its first use there."""
        if not getattr(self._frozen, "now", False):
            return self._looked_up()
        if self._frozen.number is None:
            self._frozen.number = self._looked_up()
        return self._frozen.number

    @contextmanager
    def frozen(self, number: int | None = None) -> Iterator[None]:
        """A context in which, for this thread, the version is found once at most; `number` is one found just now."""
        if getattr(self._frozen, "now", False):
            yield
            return
        self._frozen.now, self._frozen.number = True, number
        try:
            yield
        finally:
            self._frozen.now = False

    def _looked_up(self):
        with self._lock:
            held = _memory(self._read())
            # Both are held, so arrays that share memory are one. Asking for addresses would take ten times as long.
            if not all(map(np.may_share_memory, held, self._held)) and any(map(_differs, held, self._held)):
                self._number += 1
            self._held = held
            return self._number


def weights_by_layer(traced: "TracedModel", layers: Sequence[LayerInfo], model: Any, name: str) -> dict[str, list[Any]]:
    """{path: variables} of the layers that hold weights of their own, from the output back to the image.

    A layer that is used several times counts at its last use. Variables of no layer in the trace come last, under the
    `name` of the network.
    """
    used = {id(variable.handle) for variable in traced.graph.variables}
    held = {info.path: variables_of_layer(info.layer, used) for info in layers}
    claimed, found = set(), {}
    for info in reversed(layers):
        inside = f"{info.path.split('@')[0]}/"
        deeper = {handle for path, variables in held.items() if path.startswith(inside) for handle in variables}
        own = held[info.path].keys() - deeper - claimed
        claimed |= own
        found[info.path] = [variable for handle, variable in held[info.path].items() if handle in own]
    # The graph has no order of its own, and a seed must mean the same in every process.
    others = [
        *variables_of_layer(model, used).values(),
        *sorted(traced.graph.variables, key=lambda each: each.name),
    ]
    others = {id(variable.handle): variable for variable in others if variable.dtype.is_floating}
    found[name] = [variable for handle, variable in others.items() if handle not in claimed]
    return {path: variables for path, variables in found.items() if variables}


def variables_of_layer(layer: Any, among: Container[int]) -> dict[int, Any]:
    """{id of its handle: variable} of a layer's weights with ids in `among`, in the layer's own order."""
    variables = [weight.value for weight in getattr(layer, "weights", ())]
    return {id(variable.handle): variable for variable in variables if id(variable.handle) in among}


def _bytes(tensor):
    """The tensor if NumPy has its type, else (bfloat16, float8) its bytes, in the same memory."""
    return tensor if np.dtype(tensor.dtype.as_numpy_dtype).isbuiltin == 1 else tf.bitcast(tensor, tf.uint8)


def _memory(tensors):
    """The tensors' own memory as arrays of bytes, unchanged for as long as these arrays are held."""
    return list(map(partial(np.frombuffer, dtype=np.uint8), tensors))


def _differs(new, old):
    return not np.may_share_memory(new, old) and not np.array_equal(new, old)
