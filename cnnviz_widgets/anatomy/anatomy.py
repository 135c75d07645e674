"""The anatomy of a network in numbers: its layers, their connections, parameters, multiply-adds, receptive fields.

Everything comes from the traced graph and the layers' own settings, so that nested, subclassed and functional models
are treated alike.
"""

import math
import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cnnviz_widgets.anatomy.receptive_field.receptive_field import ReceptiveField, receptive_fields
from cnnviz_widgets.core.layer import LayerInfo

from .grouping import Group, grouped

if TYPE_CHECKING:
    from cnnviz_widgets.network import Network

OUTPUT = object()  # stands for the network's output among the paths of layers

_known: "weakref.WeakKeyDictionary[Network, tuple[tuple[bool, ...], Anatomy]]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class LayerStructure:
    """One layer as it is called in the network, in numbers. Those of a nested model include its layers'."""

    info: LayerInfo
    inputs: tuple[str, ...]  # paths of the layers whose outputs it takes; "" is the image
    trainable: int  # parameters that training may change
    fixed: int  # parameters that it may not
    multiply_adds: int | None  # for one image; None if they depend on the image's size, or are unknown
    kernel: tuple[int, int] | None  # (height, width) of a convolution's or a pooling's window
    stride: tuple[int, int] | None
    dilation: tuple[int, int] | None
    padding: str | None  # "same", "valid", or the number of cells at the "top, bottom, left, right"
    groups: int | None
    activation: str | None
    field: ReceptiveField | None

    @property
    def path(self) -> str:
        """The layer's name in the network, as in LayerInfo."""
        return self.info.path


@dataclass(frozen=True)
class Anatomy:
    """The structure of a network.

    `layers` are those without layers inside, in order of execution: the nodes of the diagram. `containers` are nested
    models and layers made of layers. `members` is the tree of both: paths, and Groups.
    """

    layers: tuple[LayerStructure, ...]
    containers: tuple[LayerStructure, ...]
    members: tuple[str | Group, ...]
    # For the whole network: weights that several layers share count once, a layer that is used twice computes twice.
    trainable: int
    fixed: int
    multiply_adds: int | None

    @cached_property
    def _by_path(self):
        return {facts.path: facts for facts in (*self.layers, *self.containers)}

    @property
    def groups(self) -> tuple[Group, ...]:
        """The Groups at the top of the tree."""
        return tuple(member for member in self.members if isinstance(member, Group))

    @property
    def parameters(self) -> int:
        """The number of the network's parameters, trainable or not."""
        return self.trainable + self.fixed

    def layer(self, path: str) -> LayerStructure:
        """The LayerStructure of a layer or nested model. Raises KeyError for an unknown path."""
        return self._by_path[path]


def anatomy(network: "Network") -> Anatomy:
    """The Anatomy of a Network; the same object for as long as the layers' `trainable` stays the same."""
    layers = {id(info.layer): info.layer for info in network.layers}.values()
    frozen = tuple(bool(layer.trainable) for layer in layers)
    known = _known.get(network)
    if known is None or known[0] != frozen:
        known = _known[network] = frozen, _anatomy(network)
    return known[1]


def _anatomy(network):
    from .wiring import inputs_of, multiply_adds_of

    infos = network.layers
    inside = _inside([info.path for info in infos])
    leaves = [info.path for info in infos if not inside[info.path]]
    sized, image, tensors, output, known_size = _tensors_of(network)
    feeds = inputs_of(sized, image, [(path, tensors[path]) for path in leaves])
    # Operations between the last layer and the output belong to no layer, but count for the network.
    taps: list[tuple[Any, Any]] = [*tensors.items(), (OUTPUT, output)]
    own = multiply_adds_of(image, taps) if known_size else dict.fromkeys([*tensors, OUTPUT])
    fields = receptive_fields(network)

    def facts(info):
        within = inside[info.path]
        inputs = feeds[info.path] if not within else _from_outside(within, feeds)
        return _facts(info, inputs, _sum(own[path] for path in (info.path, *within)), fields[info.path])

    layers, containers = [], []
    for info in infos:
        (containers if inside[info.path] else layers).append(facts(info))
    variables = {id(weight): weight for info in infos for weight in info.layer.weights}
    variables |= {id(weight): weight for weight in getattr(network.model, "weights", ())}
    trainable = sum(_size(weight) for weight in variables.values() if weight.trainable)
    tree = _tree([info.path for info in infos], inside)
    return Anatomy(
        layers=tuple(layers),
        containers=tuple(containers),
        members=grouped(tree, feeds, {info.path: info.kind for info in infos}),
        trainable=trainable,
        fixed=sum(map(_size, variables.values())) - trainable,
        multiply_adds=_sum(own.values()),
    )


def _tensors_of(network):
    """(graph, image, {path: tensor}, output, True if sizes are known), for one image if the network fixes its size."""
    traced = network.traced_engine.traced
    graph, (height, width, _) = traced.graph, network.input_shape
    known_size = height is not None and width is not None
    if known_size:
        sized, image = graph.for_one_image(height, width)
    else:
        sized = graph.tensor(graph.input).graph
        image = sized.inputs[0]
    tensors = {
        tap.path: image if tap.tensor == graph.input else sized.get_tensor_by_name(tap.tensor) for tap in traced.taps
    }
    return sized, image, tensors, sized.get_tensor_by_name(traced.output), known_size


def _inside(paths):
    """{path: the layers that ran inside it in this use}. A nested model comes after the layers that it called.

    Its second use is "base@2", and its layers are then "base/conv@2".
    """
    inside, last_use = {}, {}
    for now, path in enumerate(paths):
        name = path.partition("@")[0]
        inside[path] = [inner for inner in paths[last_use.get(name, 0) : now] if inner.startswith(f"{name}/")]
        last_use[name] = now
    return inside


def _from_outside(within, feeds):
    """The inputs of a nested model: those of its layers that come from outside."""
    taken = [path for inner in within for path in feeds.get(inner, ()) if path not in within]
    return tuple(dict.fromkeys(taken))


def _tree(paths, inside):
    """Paths and Groups, nested as the models are."""
    held = {inner for within in inside.values() for inner in within}
    return tuple(_member(path, inside) for path in paths if path not in held)


def _member(path, inside):
    within = inside[path]
    if not within:
        return path
    deeper = {inner for outer in within for inner in inside[outer]}
    members = tuple(_member(inner, inside) for inner in within if inner not in deeper)
    return Group(path, path.rpartition("/")[2], members)


def _facts(info, inputs, multiply_adds, field):
    layer = info.layer
    trainable = sum(map(_size, layer.trainable_weights))
    return LayerStructure(
        info=info,
        inputs=inputs,
        trainable=trainable,
        fixed=sum(map(_size, layer.weights)) - trainable,
        multiply_adds=multiply_adds,
        kernel=_pair(layer, "kernel_size", "pool_size"),
        stride=_pair(layer, "strides"),
        dilation=_pair(layer, "dilation_rate"),
        padding=_padding(getattr(layer, "padding", None)),
        groups=getattr(layer, "groups", None),
        activation=_activation(layer),
        field=field,
    )


def _pair(layer, *names):
    """(height, width) of the first attribute of these names that the layer has."""
    for name in names:
        value = getattr(layer, name, None)
        if isinstance(value, int):
            return value, value
        if isinstance(value, (tuple, list)) and len(value) == 2:
            return tuple(value)
    return None


def _activation(layer):
    """The name of the layer's activation function; None for the identity."""
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    return None if name == "linear" else name


def _padding(padding):
    """The padding in words: "same", "valid", or the number of cells at each side."""
    if isinstance(padding, (tuple, list)) and len(padding) == 2:
        return ", ".join(str(cells) for side in padding for cells in (side if isinstance(side, tuple) else (side,)))
    return padding if isinstance(padding, str) else None


def _size(weight):
    return math.prod(weight.shape)


def _sum(costs):
    costs = list(costs)
    return None if None in costs else sum(costs)
