"""The same network with weights that know nothing: is a map about what the network has learned?

Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3
(arXiv:1810.03292): layers lose their weights one after the other from the output back ("cascading"), or one alone
("independent").

We differ in one point: they initialise a layer anew; here the numbers of each of its arrays are shuffled. That keeps
every array's mean, deviation and sign, a moving variance stays positive, and signals neither die nor explode on their
way. An array whose numbers are all the same stays as it is.

The user's variables are only read. An answer that has been compiled for the network serves the randomised one too: it
is called with other variables, so nothing is traced or compiled again, and no model is copied.
"""

import copy
import threading

import numpy as np
import tensorflow as tf

from .compiled import Questions


def weights_by_layer(opened, model, name):
    """{path: variables} of the layers that hold weights of their own, from the output back to the image.

    A layer that is used several times counts where it is used last. What belongs to no layer that can be seen stands
    last, under the `name` of the network.
    """
    used = {id(variable.handle) for variable in opened.traced.graph.variables}
    held = {info.path: _variables(info.layer, used) for info in opened.layers}
    claimed, found = set(), {}
    for info in reversed(opened.layers):
        inside = f"{info.path.split('@')[0]}/"
        deeper = {handle for path, variables in held.items() if path.startswith(inside) for handle in variables}
        own = held[info.path].keys() - deeper - claimed
        claimed |= own
        found[info.path] = [variable for handle, variable in held[info.path].items() if handle in own]
    # The graph has no order of its own, and a seed must mean the same in every process.
    others = [*_variables(model, used).values(), *sorted(opened.traced.graph.variables, key=lambda each: each.name)]
    others = {id(variable.handle): variable for variable in others if variable.dtype.is_floating}
    found[name] = [variable for handle, variable in others.items() if handle not in claimed]
    return {path: variables for path, variables in found.items() if variables}


def randomised(network, count, seed, alone):
    """See `Network.randomised`."""
    opened = network._open()
    layers = network.weighted_layers
    if isinstance(count, bool) or not hasattr(count, "__index__") or not 0 <= count <= len(layers):
        raise ValueError(
            f"count must be a whole number of layers with weights, 0 to {len(layers)} in {network.name}. "
            f"Received: count={count!r}."
        )
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or seed < 0:
        raise ValueError(f"seed must be a whole number, 0 or more. Received: seed={seed!r}.")
    if count == 0:
        return network
    key = ("randomised", network, count, seed, alone, network.stamp())
    if (known := network.cache.get(key)) is None:
        drawn = _draw(network, seed)
        chosen = layers[count - 1 : count] if alone else layers[:count]
        known = _twin(network, opened, key[2:5], drawn.replacing(chosen))
        network.cache.put(key, known)
    return known


class Draw:
    """New variables for each layer, made when first asked for: the same ones in every network of one seed."""

    def __init__(self, by_layer, seed):
        self._by_layer, self._seed = by_layer, seed
        self._made = {}
        self._lock = threading.Lock()

    @property
    def nbytes(self):
        """Bytes that it takes once all layers have been asked for."""
        variables = [variable for each in self._by_layer.values() for variable in each]
        return sum(int(np.prod(variable.shape)) * variable.dtype.size for variable in variables)

    def replacing(self, paths):
        """{id of a variable's handle: the variable to take in its place} for the layers at `paths`."""
        with self._lock:
            places = {path: place for place, path in enumerate(self._by_layer)}
            for path in paths:
                if path not in self._made:
                    random = np.random.default_rng([self._seed, places[path]])
                    variables = self._by_layer[path]
                    self._made[path] = {id(known.handle): shuffled(known, random) for known in variables}
            return {handle: made for path in paths for handle, made in self._made[path].items()}


def shuffled(variable, random):
    """A new variable with the numbers of another one in another order."""
    values = variable.numpy()
    values = random.permutation(values.ravel()).reshape(values.shape)
    return tf.Variable(values, trainable=False, dtype=variable.dtype)


class WithOtherVariables(Questions):
    """The answers of `plain`, called with other variables in the place of some."""

    def __init__(self, plain, replacing):
        if isinstance(plain, WithOtherVariables):
            plain, replacing = plain._plain, {**plain.replacing, **replacing}
        vars(self).update(vars(plain))
        self._plain, self.replacing = plain, replacing

    def keep(self, key, make):
        """The compiled answer that `plain` keeps, or now makes, under `key`, for the other variables."""
        plain = self._plain.keep(key, make)
        answer = copy.copy(plain)  # shares all that was compiled; what it reads is the copy's own list
        captured = [self.replacing.get(id(handle)) for handle in plain.captured_inputs]
        answer.set_external_captures(
            [
                handle if other is None else other.handle
                for handle, other in zip(plain.captured_inputs, captured, strict=True)
            ]
        )
        return answer


def with_other_variables(opened, replacing):
    """What is known of the same model, with answers that read `replacing` {id of a handle: variable} instead."""
    twin = copy.copy(opened)
    twin.questions = WithOtherVariables(opened.questions, replacing)
    twin.follower = opened.follower.asking(lambda questions: WithOtherVariables(questions, replacing))
    return twin


class WithOtherWeights:
    """A layer to look at, with other weights: its attributes, but for variables that have been replaced."""

    def __init__(self, layer, replacing):
        self._layer, self._replacing = layer, replacing

    @property
    def __class__(self):  # what asks for the kind of a layer gets the layer's own
        return type(self._layer)

    def __getattr__(self, name):
        value = getattr(self._layer, name)
        if not hasattr(value, "path") or not hasattr(value, "value"):
            return value
        return self._replacing.get(id(value.value.handle), value)


class Stamp:
    """Tells whether the weights have changed: those that are shared, or which have been replaced."""

    def __init__(self, network, replaced):
        self._network, self._replaced = network, replaced

    def stamp(self):
        """What the network says, and what makes the randomised one differ from it."""
        return (self._network.stamp(), *self._replaced)


def _draw(network, seed):
    key = ("drawn", network, seed, network.stamp())
    if (drawn := network.cache.get(key)) is None:
        drawn = Draw(weights_by_layer(network._open(), network.model, network.name), seed)
        network.cache.put(key, drawn)
    return drawn


def _twin(network, opened, replaced, replacing):
    """The network, but for its weights. It shares the store of answers, in which its stamp tells it apart."""
    twin = copy.copy(network)
    count, _, alone = replaced
    twin.name = f"{network.name}, {'layer' if alone else 'top'} {count} randomised"
    twin.derived = network, replaced
    twin._steady = threading.local()
    twin._opened = with_other_variables(opened, replacing)
    twin._opened.weights = Stamp(network, replaced)
    twin._opened.layers = tuple(_replaced(info, replacing) for info in opened.layers)
    return twin


def _replaced(info, replacing):
    if not _variables(info.layer, replacing):
        return info
    return type(info)(info.path, info.kind, info.output_shape, info.parameters, WithOtherWeights(info.layer, replacing))


def _variables(layer, among):
    """{id of its handle: variable} of a layer's weights, in the layer's own order, as far as they are `among` these."""
    variables = [weight.value for weight in getattr(layer, "weights", ())]
    return {id(variable.handle): variable for variable in variables if id(variable.handle) in among}
