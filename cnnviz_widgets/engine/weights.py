"""The variables of a model: whether they have changed, and which layer holds which of them."""

import threading
from contextlib import contextmanager
from functools import partial

import numpy as np
import tensorflow as tf


class WeightsVersion:
    """A number that grows when a variable changes, told without reading what the variables hold.

    TensorFlow never writes into memory that somebody else still holds: while we keep what a variable held, a
    change must give it new memory. So comparing addresses finds every change, and takes a few milliseconds for
    millions of weights; only where an address is new are the values compared.
    """

    def __init__(self, variables):
        variables = list(variables)

        def read():
            return [_bytes(variable.read_value()) for variable in variables]

        self._read = tf.function(read, autograph=False).get_concrete_function()
        self._lock = threading.Lock()
        self._number = 0
        self._held = _memory(self._read())
        self._frozen = threading.local()

    def number(self):
        """The version now; inside of `frozen`, the version at the first look."""
        if not getattr(self._frozen, "now", False):
            return self._looked_up()
        if self._frozen.number is None:
            self._frozen.number = self._looked_up()
        return self._frozen.number

    @contextmanager
    def frozen(self, number=None):
        """For as long as the block runs, in this thread, look at most once; `number` is the version found just now."""
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
            # Both are held, so what shares memory is one array. Asking for addresses would take ten times as long.
            if not all(map(np.may_share_memory, held, self._held)) and any(map(_differs, held, self._held)):
                self._number += 1
            self._held = held
            return self._number


def weights_by_layer(traced, layers, model, name):
    """{path: variables} of the layers that hold weights of their own, from the output back to the image.

    A layer that is used several times counts where it is used last. What belongs to no layer that can be seen stands
    last, under the `name` of the network.
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


def variables_of_layer(layer, among):
    """{id of its handle: variable} of a layer's weights, in the layer's own order, as far as they are `among` these."""
    variables = [weight.value for weight in getattr(layer, "weights", ())]
    return {id(variable.handle): variable for variable in variables if id(variable.handle) in among}


def _bytes(tensor):
    """The tensor, where NumPy has its type; else (bfloat16, float8) its bytes, in the same memory."""
    return tensor if np.dtype(tensor.dtype.as_numpy_dtype).isbuiltin == 1 else tf.bitcast(tensor, tf.uint8)


def _memory(tensors):
    """The bytes of tensors where they are; they stay as they are for as long as these arrays are kept."""
    return list(map(partial(np.frombuffer, dtype=np.uint8), tensors))


def _differs(new, old):
    return not np.may_share_memory(new, old) and not np.array_equal(new, old)
