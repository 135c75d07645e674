"""Randomised weights: a map that stays the same with them says nothing about what the network has learned.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3
(arXiv:1810.03292): layers lose their weights one after the other from the output back ("cascading"), or one alone
("independent").

We differ in one point: they initialise a layer anew; here the numbers of each of its arrays are shuffled. That keeps
the mean, deviation and signs of every array, a moving variance stays positive, and signals neither vanish nor explode
on their way. An array whose numbers are all the same does not change.

The user's variables are only read. The network's compiled functions serve the randomised one too: they are called with
other variables, so nothing is traced or compiled again, and no model is copied.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz_widgets.core.cache import ByteBoundedCache

if TYPE_CHECKING:
    from .tensorflow_engine import TensorFlowEngine


def randomised(
    engine: "TensorFlowEngine", cache: ByteBoundedCache, count: int, seed: int, alone: bool
) -> "TensorFlowEngine":
    """An engine like `engine` whose last `count` layers with weights are shuffled; with `alone`, only the last of them.

    See `Network.randomised`. The draws of a seed are kept in `cache`.
    """
    by_layer = engine.weights_by_layer()
    _check(count, seed, len(by_layer), engine.name)
    key = ("drawn", seed, engine.weights_version())
    if (drawn := cache.get(key)) is None:
        drawn = Draw(by_layer, seed)
        cache.put(key, drawn)
    chosen = list(by_layer)[count - 1 if alone else 0 : count]
    return engine.reading(drawn.replacing(chosen), version=((count, seed, alone),))


def _check(count, seed, most, name):
    if isinstance(count, bool) or not hasattr(count, "__index__") or not 0 <= count <= most:
        raise ValueError(
            f"count must be a whole number of layers with weights, 0 to {most} in {name}. Received: count={count!r}."
        )
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or seed < 0:
        raise ValueError(f"seed must be a whole number, 0 or more. Received: seed={seed!r}.")


class Draw:
    """New variables for each layer, made at their first use: the same ones in every network of one seed."""

    def __init__(self, by_layer: Mapping[str, Sequence[Any]], seed: int):
        self._by_layer, self._seed = by_layer, seed
        self._made: dict[str, dict[int, Any]] = {}
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the variables of all layers take together."""
        variables = [variable for each in self._by_layer.values() for variable in each]
        return sum(int(np.prod(variable.shape)) * variable.dtype.size for variable in variables)

    def replacing(self, paths: Iterable[str]) -> dict[int, Any]:
        """{id of a variable's handle: the variable to take in its place} for the layers at `paths`."""
        paths = list(paths)
        with self._lock:
            places = {path: place for place, path in enumerate(self._by_layer)}
            for path in paths:
                if path not in self._made:
                    random = np.random.default_rng([self._seed, places[path]])
                    variables = self._by_layer[path]
                    self._made[path] = {id(known.handle): shuffled(known, random) for known in variables}
            return {handle: made for path in paths for handle, made in self._made[path].items()}


def shuffled(variable: Any, random: np.random.Generator) -> tf.Variable:
    """A new variable with the numbers of another one in random order."""
    values = variable.numpy()
    values = random.permutation(values.ravel()).reshape(values.shape)
    return tf.Variable(tf.constant(values), trainable=False, dtype=variable.dtype)
