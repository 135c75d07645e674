"""A traced forward pass as data, which can be cut, fed in the middle, and given other gradients for its ReLUs.

A `GraphDef` is a traced function as a plain list of named operations. We trace a model once; each compiled function
imports the part of that list that it needs. So one mechanism serves nested, subclassed and Lambda-ridden models alike,
and nothing of the user's model is rebuilt, cloned or patched.

Tensors have TensorFlow's names, `"operation:0"`. Sets of operations hold their names.
"""

import copy
import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, TypeVar

import tensorflow as tf

from .axis_parts import Axes, is_grid
from .batch_norm_folding import IMAGES, fold
from .channels_last import channels_last
from .custom_gradients import RECORDED, ImportedPart, WaysBack, has_inner_relu, is_cut, mark_within, with_ways_back
from .dilated_convolutions import fill_gaps
from .function_library import add_to_runtime, called, keep_as_own
from .grouped_convolutions import portable
from .image_grids import axes_of
from .inlining import inlined
from .op_kinds import LINEAR, OTHER_GATES, READING, RELUS, SHAPE_ONLY, TRANSPARENT, WRITING
from .recorded_gradients import SavedGradients, WayBack, has_own_gradient
from .relu_rules import gradient_name, register_rules
from .shapes import keep_shapes
from .tensor_names import GraphDef, NodeDef, operation, place_of, tensor_name
from .whole_numbers import without_integers

Asked = ParamSpec("Asked")
Found = TypeVar("Found")
Method = Callable[Concatenate["ForwardGraph", Asked], Found]


def remembered(method: Method[Asked, Found]) -> Method[Asked, Found]:
    """Keep a method's results: a decorator for a graph, which never changes."""

    @functools.wraps(method)
    def remember(self: "ForwardGraph", *asked: Asked.args, **more: Asked.kwargs) -> Found:
        key = (method.__name__, *asked, *more.items())
        if key not in self._remembered:
            self._remembered[key] = method(self, *asked, **more)
        return self._remembered[key]

    return remember


class ForwardGraph:
    """The operations of one traced function, from `input` to its results, and their connections."""

    backward: WaysBack
    within: Mapping[tuple[str, str], WayBack]  # the custom gradients in bodies of loops, see `SavedGradients`
    definition: GraphDef

    def __init__(self, function: Any, backward: SavedGradients | None = None):
        """`function` is a concrete function of one tensor, `backward` are the custom gradients of its layers."""
        self._remembered: dict[tuple[Any, ...], Any] = {}
        saved = backward or SavedGradients()
        traced = function.graph.as_graph_def()
        self.input: str = function.inputs[0].name
        opened, self.backward = with_ways_back(inlined(traced), saved.found)
        self.within = saved.within
        self.definition = without_integers(channels_last(opened), self.input)
        self.variables: tuple[tf.Variable, ...] = function.variables
        # Variables reach the graph as placeholders; each is fed the real variable when we import.
        self._variables = {inner.name: outer for outer, inner in function.graph.captures}
        self._looked_up_in = function.graph
        if self.definition is not traced:
            self._looked_up_in = self._whole(function.inputs[0])
        opened, self.definition = self.definition, portable(self.definition, self.tensor)
        if self.definition is not opened:
            self._looked_up_in = self._whole(function.inputs[0])

    def tensor(self, name: str) -> tf.Tensor:
        """The tensor of that name in a graph that is only looked at, for its type, its shape and its operation."""
        return self._looked_up_in.get_tensor_by_name(name)

    def with_definition(self, definition: GraphDef, known: Iterable[tf.Graph] = ()) -> "ForwardGraph":
        """A graph with the same input and variables, and the operations of another GraphDef.

        `known` are graphs of some of its operations, whose shapes they keep.
        """
        other = copy.copy(self)
        other.__dict__.pop("_nodes", None)
        other.__dict__.pop("_consumers", None)
        other.__dict__.pop("_updates", None)
        other._remembered, other.definition = {}, definition
        other._looked_up_in = other._whole(self.tensor(self.input))
        for graph in known:
            keep_shapes(graph, other._looked_up_in)
        return other

    def node(self, name: str) -> NodeDef:
        """The NodeDef of an operation."""
        return self._nodes[name]

    def inputs_of(self, name: str) -> list[str]:
        """The names of an operation's input tensors."""
        return [tensor_name(tensor) for tensor in self._nodes[name].input if not tensor.startswith("^")]

    def readers(self, name: str) -> list[str]:
        """The operations that compute with the numbers of an operation, not with its shape alone."""
        return [
            reader
            for reader in self._consumers[name]
            if self._nodes[reader].op not in SHAPE_ONLY and name in map(operation, self.inputs_of(reader))
        ]

    def of_numbers(self) -> set[str]:
        """The operations whose value depends on the numbers in the image, not only on its shape."""
        return self.with_numbers_of(self.input)

    @remembered
    def with_numbers_of(self, tensor: str) -> set[str]:
        """The operations whose value depends on the numbers in a tensor, not only on its shape; its own included."""
        return _reached(operation(tensor), self.readers)

    def handed_on(self, tensor: str) -> Iterator[str]:
        """Yield a tensor, then those in front of it of which it holds the numbers, perhaps in another shape or type."""
        yield tensor
        while (node := self._nodes[operation(tensor)]).op in TRANSPARENT:
            tensor = self.inputs_of(node.name)[place_of(tensor) if node.op == "IdentityN" else 0]
            yield tensor

    @cached_property
    def _nodes(self):
        return {node.name: node for node in self.definition.node}

    @cached_property
    def _consumers(self):
        consumers = defaultdict(list)
        for node in self.definition.node:
            for tensor in node.input:
                consumers[operation(tensor)].append(node.name)
        return consumers

    def after(self, tensor: str) -> set[str]:
        """The operations whose value depends on `tensor`."""
        return _reached(operation(tensor), lambda name: self._consumers[name]) - {operation(tensor)}

    @remembered
    def before(self, tensor: str) -> set[str]:
        """The operations on which `tensor` depends, its own included."""
        return _reached(operation(tensor), self._inputs)

    @remembered
    def reaches(self, start: str, end: str) -> bool:
        """True if `end` depends on `start`."""
        return operation(start) in self.before(end)

    def between(self, start: str, end: str) -> set[str]:
        """The operations through which `start` reaches `end`, and through which a gradient goes back."""
        return self.after(start) & self.before(end)

    @remembered
    def frontier(self, start: str, end: str) -> tuple[str, ...]:
        """The tensors from which `end` follows without the image: `start`, then those that skip past it."""
        tail, from_image = self.between(start, end), self.after(self.input) | {operation(self.input)}
        skips = {
            tensor_name(name)
            for node in tail
            for name in self._nodes[node].input
            if operation(name) in from_image - tail and not name.startswith("^")
        }
        return (start, *sorted(skips - {start}))

    @remembered
    def linear_maps(self, end: str) -> tuple[str, str | None, None] | tuple[None, None, str]:
        """The last grid of more than one cell of which `end` is a linear function, as (grid, its averages, None).

        The tensor of the averages is None if the grid is not averaged at once. (None, None, kind of operation) names
        the operation that is not linear if there is one between them.
        """
        of_numbers, tensor, made = self.of_numbers(), end, None
        while not self._is_grid(tensor):
            node = self._nodes[operation(tensor)]
            ways = [way for way in enumerate(self.inputs_of(node.name)) if operation(way[1]) in of_numbers]
            if len(ways) != 1 or not _is_linear(node, ways[0][0]):
                return None, None, node.op
            made, tensor = tensor, ways[0][1]
        averaged = made and self._nodes[operation(made)].op in ("AvgPool", "Mean")
        return tensor, made if averaged else None, None

    @remembered
    def axes(self) -> dict[str, Axes]:
        """{name: axes} of the tensors that depend on the image, see `axes_of`."""
        return axes_of(self)

    def _is_grid(self, tensor):
        return is_grid(self.axes().get(tensor)) and tuple(self.tensor(tensor).shape[1:3]) != (1, 1)

    @remembered
    def gates(self, start: str, end: str) -> tuple[int, Counter[str], bool]:
        """The gates between two tensors: (ReLUs that a rule would rewrite, other gates by kind, hidden).

        `hidden` is True if a ReLU is out of the rule's reach, inside a function call of the graph (a SavedModel, say).
        """
        between = self.between(start, end)
        kinds = Counter(self._nodes[name].op for name in between)
        hidden = any(kind in RELUS for kind in self.kinds_inside(between))
        others = Counter({kind: n for kind, n in kinds.items() if kind in OTHER_GATES})
        return sum(kinds[kind] for kind in RELUS), others, hidden

    def kinds_inside(self, names: Iterable[str]) -> set[str]:
        """The kinds of the operations in functions that these operations call, such as the body of a loop."""
        bodies = called((self._nodes[name] for name in names), self.definition)
        return {node.op for body in bodies.values() for node in body.node_def}

    def __call__(
        self, feeds: Mapping[str, tf.Tensor], fetches: Iterable[str], rule: str = "standard", folding: bool = True
    ) -> list[tf.Tensor]:
        """Compute the tensors `fetches` from the values of others, `feeds` {name: value}, inside a `tf.function`.

        With `folding`, normalisations are folded into the convolutions in front of them (`batch_norm_folding`).
        """
        feeds, fetches = dict(feeds), list(fetches)
        needed = self._needed(feeds, fetches)
        computed = [name for name in fetches if name not in feeds]
        imported = self._imported(needed, feeds, computed, rule, folding)
        if imported:
            ImportedPart(self, imported[0].name.removesuffix(computed[0]), feeds)
        found = dict(zip(computed, imported, strict=True)) | feeds
        return [found[name] for name in fetches]

    def continued(
        self, ends: Iterable[str], feeds: Mapping[str, tf.Tensor], there: Callable[[str], tf.Tensor | None]
    ) -> list[tf.Tensor]:
        """The tensors `ends`, beside a part that was imported before: `there(name)` is the tensor in it, or None."""
        ends, graph = list(ends), tf.compat.v1.get_default_graph()

        def value(tensor):
            # The placeholder of a variable is in the part, but without a value.
            variable = self._variables.get(tensor)
            return there(tensor) if variable is None else graph.capture(variable)

        known: dict[str, tf.Tensor | None] = {name: value(name) for name in ends} | dict(feeds)
        needed, waiting = set(), [operation(name) for name in ends if known[name] is None]
        while waiting:
            name = waiting.pop()
            for tensor in map(tensor_name, self._nodes[name].input):
                known.setdefault(tensor, None if operation(tensor) in needed else value(tensor))
                if known[tensor] is None and operation(tensor) not in needed:
                    waiting.append(operation(tensor))
            needed.add(name)
        given = {name: value for name, value in known.items() if value is not None}
        computed = [name for name in ends if name not in given]
        found = dict(zip(computed, self._imported(needed, given, computed), strict=True)) | given
        return [found[name] for name in ends]

    def _imported(self, needed, feeds, computed, rule="standard", folding=False):
        """Import the operations `needed`, and return the tensors `computed`."""
        definition = self._part(needed, rule)
        if folding:
            fold(definition, self, (*feeds, *computed, *self._read_on_the_way_back(needed)), IMAGES)
        fill_gaps(definition, self)
        graph = tf.compat.v1.get_default_graph()
        add_to_runtime(definition, graph)
        used = {tensor_name(name) for node in definition.node for name in node.input}
        values = {name: value for name, value in feeds.items() if name in used}
        for name, variable in self._variables.items():
            if operation(name) in needed:
                values[name] = graph.capture(variable)
        return tf.graph_util.import_graph_def(definition, input_map=values, return_elements=computed, name="part")

    def for_one_image(self, height: int, width: int) -> tuple[Any, tf.Tensor]:
        """(graph, image): all operations under their own names, with the shapes for one image of this size.

        The graph is only for looking at. The tensor `image` takes the place of the input.
        """
        given, graph = self.tensor(self.input), tf.__internal__.FuncGraph("one_image")
        with graph.as_default():
            image = tf.compat.v1.placeholder(given.dtype, [1, height, width, given.shape[-1]], name="one_image")
            values = {name: graph.capture(variable) for name, variable in self._variables.items()}
            tf.graph_util.import_graph_def(self.definition, {self.input: image, **values}, name="")
        keep_shapes(self._looked_up_in, graph)
        return graph, image

    def _whole(self, images):
        """A graph of all operations, with the variables' shapes; inlining and rewriting leave only a GraphDef."""

        def whole(images):
            graph = tf.compat.v1.get_default_graph()
            values = {name: graph.capture(variable) for name, variable in self._variables.items()}
            tf.graph_util.import_graph_def(self.definition, {self.input: images, **values}, name="")

        spec = tf.TensorSpec(images.shape, images.dtype, name="given")
        graph = tf.function(whole, autograph=False).get_concrete_function(spec).graph
        keep_shapes(self._looked_up_in, graph)
        return graph

    def _inputs(self, name):
        return [operation(tensor) for tensor in self._nodes[name].input]

    def _needed(self, feeds, fetches):
        """The operations to import: everything before the fetches, but nothing before the feeds."""
        fed = {operation(name) for name in feeds}
        start = [operation(name) for name in fetches if name not in feeds]
        needed = set()
        for name in start:
            needed |= _reached(name, lambda name: [] if name in fed else self._inputs(name))
        return needed - fed - self._updates

    @cached_property
    def _updates(self):
        """The operations that write a variable which nothing reads afterwards: who looks at a model changes nothing.

        They are the moving averages of a normalisation, and the state of a layer that draws random numbers.
        """
        writing = [node.name for node in self.definition.node if node.op in WRITING]
        return {name for name in writing if not any(self._nodes[later].op == READING for later in self.after(name))}

    def _keeps_own_gradient(self, node, rule):
        """True where a gradient of a layer's own counts, and not those of the operations inside it.

        True as well for a loop around one that is not known.
        """
        if node.name not in self.backward:
            return False
        own = has_own_gradient(node)
        return rule == "standard" or not own or is_cut(node, self._nodes) or not has_inner_relu(node, self._nodes)

    def _read_on_the_way_back(self, needed):
        """The tensors that custom gradients of the operations `needed` read, directly or by what they compute anew."""
        ways = [way for name in needed if not isinstance(way := self.backward.get(name, ""), str)]
        more = {name for _, wanted in ways for tensor in wanted if tensor is not None for name in self.before(tensor)}
        return {tensor_name(tensor) for name in more - needed for tensor in self._nodes[name].input}

    def _part(self, needed, rule):
        part = tf.compat.v1.GraphDef()
        part.versions.CopyFrom(self.definition.versions)
        part.node.extend(node for node in self.definition.node if node.name in needed)
        keep_as_own(part, mark_within(called(part.node, self.definition), self.within))
        if rule != "standard":
            register_rules()
        updates = {f"^{name}" for name in self._updates}
        for node in part.node:
            if waits := updates.intersection(node.input):
                node.input[:] = [name for name in node.input if name not in waits]
            node.attr.pop("_class", None)  # "beside that other operation", which may be fed and so not be there
            own = self._keeps_own_gradient(node, rule)
            if has_own_gradient(node):
                # A gradient written in Python holds tensors of the graph in which it was traced.
                del node.attr["_gradient_op_type"]
            if own:
                node.attr["_gradient_op_type"].s = RECORDED.encode()
            if rule != "standard" and node.op in RELUS:
                node.attr["_gradient_op_type"].s = gradient_name(rule, node.op).encode()
        return part


def _is_linear(node, place):
    """True if the output of a node is linear in the input at `place` while the others stay the same."""
    in_training = "is_training" in node.attr and node.attr["is_training"].b  # scaled by statistics of the batch
    return place in LINEAR.get(node.op, ()) and not in_training


def _reached(start, neighbours):
    seen, waiting = {start}, [start]
    while waiting:
        for name in neighbours(waiting.pop()):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen
