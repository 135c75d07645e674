"""What a network is made of, in numbers: its layers, what feeds which, parameters, multiply-adds, receptive fields.

Everything comes from the traced graph and the layers' own settings, so that nested, subclassed and functional models
are told alike.
"""

import math
import weakref
from dataclasses import dataclass
from functools import cached_property

from cnnviz_widgets.anatomy.receptive_field.receptive_field import ReceptiveField, receptive_fields
from cnnviz_widgets.core.layer import LayerInfo

from .grouping import Group, grouped

OUTPUT = object()  # stands for the network's output where layers are meant by their paths

_known = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class LayerStructure:
    """One layer as it is called in the network, in numbers. Of a nested model they include what is inside."""

    info: LayerInfo
    inputs: tuple[str, ...]  # paths of the layers whose outputs it takes; "" is the image
    trainable: int  # parameters that training may change
    fixed: int  # parameters that it may not
    multiply_adds: int | None  # for one image; None where that depends on the image's size, or cannot be told
    kernel: tuple | None  # (height, width) of a convolution's or a pooling's window
    stride: tuple | None
    dilation: tuple | None
    padding: str | None  # "same", "valid", or how many cells are put at "top, bottom, left, right"
    groups: int | None
    activation: str | None
    field: ReceptiveField | None

    @property
    def path(self):
        """The layer's name in the network, as in LayerInfo."""
        return self.info.path


@dataclass(frozen=True)
class Anatomy:
    """A network taken apart. `layers` are those that have no layers inside, in order of execution: the diagram's nodes.

    `containers` are nested models and layers made of layers. `members` is the tree of both: paths, and Groups.
    """

    layers: tuple[LayerStructure, ...]
    containers: tuple[LayerStructure, ...]
    members: tuple
    # Of the whole network: weights that several layers share count once, a layer that is used twice computes twice.
    trainable: int
    fixed: int
    multiply_adds: int | None

    @cached_property
    def _by_path(self):
        return {facts.path: facts for facts in (*self.layers, *self.containers)}

    @property
    def groups(self):
        """The Groups at the top of the tree."""
        return tuple(member for member in self.members if isinstance(member, Group))

    @property
    def parameters(self):
        """How many parameters the network has, trainable or not."""
        return self.trainable + self.fixed

    def layer(self, path):
        """The LayerStructure of a layer or nested model. Raises KeyError for an unknown path."""
        return self._by_path[path]


def anatomy(network):
    """The Anatomy of a Network. The same object as long as the model's layers stay as trainable as they are."""
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
    sized, image, tensors, output, known_size = _opened(network)
    feeds = inputs_of(sized, image, [(path, tensors[path]) for path in leaves])
    # What comes after the last layer, up to the output, is no layer's but counts for the network.
    taps = [*tensors.items(), (OUTPUT, output)]
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


def _opened(network):
    """(graph, image, {path: tensor}, output, whether sizes are known): for one image if the network says its size."""
    traced = network.traced_engine.traced
    graph, sides = traced.graph, network.input_shape[:2]
    known_size = None not in sides
    if known_size:
        sized, image = graph.for_one_image(*sides)
    else:
        sized = graph.tensor(graph.input).graph
        image = sized.inputs[0]
    tensors = {
        tap.path: image if tap.tensor == graph.input else sized.get_tensor_by_name(tap.tensor) for tap in traced.taps
    }
    return sized, image, tensors, sized.get_tensor_by_name(traced.output), known_size


def _inside(paths):
    """{path: the layers that ran inside it this time}. What a nested model called comes before it, since its last use.

    Used for the second time it is "base@2", and so are its layers, "base/conv@2".
    """
    inside, last_use = {}, {}
    for now, path in enumerate(paths):
        name = path.partition("@")[0]
        inside[path] = [inner for inner in paths[last_use.get(name, 0) : now] if inner.startswith(f"{name}/")]
        last_use[name] = now
    return inside


def _from_outside(within, feeds):
    """What a nested model takes: all that its layers take and are not themselves."""
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
    """The name of the layer's activation function; None for the one that does nothing."""
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    return None if name == "linear" else name


def _padding(padding):
    """In words: "same", "valid", or the cells at each side."""
    if isinstance(padding, (tuple, list)) and len(padding) == 2:
        return ", ".join(str(cells) for side in padding for cells in (side if isinstance(side, tuple) else (side,)))
    return padding if isinstance(padding, str) else None


def _size(weight):
    return math.prod(weight.shape)


def _sum(costs):
    costs = list(costs)
    return None if None in costs else sum(costs)
