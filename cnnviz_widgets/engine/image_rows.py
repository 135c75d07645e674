"""The rows of a batch: images that know nothing of each other, or that must be asked one at a time.

Most networks answer for each image of a batch as if it were alone. Some do not: statistics of the batch that stay on
(pix2pix), or a shape that says that there is one image (networks for small devices). These are asked one image at a
time. The graph tells which networks are under suspicion, and only those are put to a trial (`trials`).
"""

import re
from functools import cached_property
from typing import TYPE_CHECKING

from .constants import static_value
from .op_kinds import NORMALISATIONS, OP_KINDS, READING, REDUCTIONS, SHAPE_ONLY
from .tensor_names import operation

if TYPE_CHECKING:
    from .graph import ForwardGraph

# Operations that take numbers from other places, and the input that says along which axis.
ALONG_AXIS = {"ConcatV2": -1, "GatherV2": 2, "ReverseV2": 1, "Roll": 2, "Split": 0, "SplitV": 2}
ANYWHERE = frozenset({"GatherNd", "TensorScatterUpdate"})
# Kinds of operations that draw random numbers, and those that hold what is different the next time.
RANDOM = re.compile("Random|Multinomial|Normal(V2)?$|Stateful(Uniform|Standard|Truncated|Random)|Shuffle|^Rng")
STATES = frozenset({READING, "VarHandleOp", "StatefulUniformFullInt", "StatefulUniformInt", "RngReadAndSkip"})


class ImageRows:
    """The operations on whose numbers the tensor `end` depends, and in which those of several images may meet."""

    def __init__(self, graph: "ForwardGraph", end: str):
        self._graph, self._of_numbers, self._before_end = graph, graph.of_numbers(), _before(graph, end)
        self._on_the_way = self._of_numbers & self._before_end

    @cached_property
    def mixed(self) -> bool:
        """True if images meet, by statistics over the batch, or must be a set number."""
        return any(map(self._mixes, self._on_the_way))

    @property
    def suspicious(self) -> bool:
        """True if images may meet, or if there may be only one."""
        drawn = any(RANDOM.search(self._graph.node(name).op) for name in self._before_end)
        return drawn or self.may_meet  # numbers are drawn for as many images as there are

    @cached_property
    def may_meet(self) -> bool:
        """True if an operation may let images meet."""
        return self.mixed or any(map(self._may_mix, self._on_the_way))

    @cached_property
    def random(self) -> bool:
        """True if numbers that are drawn anew for every question reach the end."""
        inside = self._graph.kinds_inside(self._before_end)
        return any(map(self._draws_anew, self._before_end)) or any(map(RANDOM.search, inside))

    def _draws_anew(self, name):
        kind = self._graph.node(name).op
        if not RANDOM.search(kind):
            return False
        # One without a state draws the same again from the same key, which may be a constant.
        return "Stateless" not in kind or any(
            self._graph.node(earlier).op in STATES for earlier in _before(self._graph, name)
        )

    def _mixes(self, name):
        node = self._graph.node(name)
        if node.op in NORMALISATIONS:
            return "is_training" in node.attr and node.attr["is_training"].b
        if not self._of_all_images(name):
            return False
        if node.op == "Reshape":  # TensorFlow may leave it out where it says one image and there are two
            return self._first_length(f"{name}:0") is not None
        if node.op not in REDUCTIONS:
            return False
        taken, along = self._graph.inputs_of(name)[:2]
        # Behind a reshape the first axis may be another one; a trial tells.
        return 0 in _axes(self._graph.tensor(along), self._graph.tensor(taken).shape.rank)

    def _may_mix(self, name):
        node = self._graph.node(name)
        if node.op in ANYWHERE or node.op not in OP_KINDS or self._takes_other_rows(node):
            return True
        return self._of_all_images(name) and self._first_length(f"{name}:0") is not None

    def _takes_other_rows(self, node):
        """True if a row of the output may be another row of the input."""
        inputs = [self._graph.tensor(tensor) for tensor in self._graph.inputs_of(node.name)]
        if node.op in ALONG_AXIS:
            return 0 in _axes(inputs[ALONG_AXIS[node.op]], self._graph.tensor(f"{node.name}:0").shape.rank)
        if node.op == "Slice":
            begin, size = static_value(inputs[1]), static_value(inputs[2])
            return begin is None or size is None or (begin[0], size[0]) != (0, -1)
        if node.op == "StridedSlice":
            strides, all_rows = static_value(inputs[3]), node.attr["begin_mask"].i & node.attr["end_mask"].i & 1
            from_front = node.attr["ellipsis_mask"].i & 1  # x[..., 0]
            return strides is None or not (all_rows or from_front) or strides.reshape(-1)[0] != 1
        return False

    def _of_all_images(self, name):
        """True if the operation takes a tensor whose first axis is as long as there are images."""
        taken = [tensor for tensor in self._graph.inputs_of(name) if operation(tensor) in self._of_numbers]
        return any(self._first_length(tensor) is None for tensor in taken)

    def _first_length(self, tensor):
        """The length of a tensor's first axis, where it is the same for any number of images; None otherwise."""
        shape = self._graph.tensor(tensor).shape
        return 1 if shape.rank == 0 else None if shape.rank is None else shape[0]


def _before(graph, end):
    """The operations on whose numbers, not only on whose shapes, a tensor depends."""
    found, waiting = {operation(end)}, [operation(end)]
    while waiting:
        name = waiting.pop()
        if graph.node(name).op in SHAPE_ONLY:
            continue
        before = {operation(tensor) for tensor in graph.inputs_of(name)}
        waiting += before - found
        found |= before
    return found


def _axes(tensor, rank):
    """The axes that a tensor names, of tensors of that rank; the first one where nobody knows."""
    axes = static_value(tensor)
    return {0} if axes is None or not rank else {int(axis) % rank for axis in axes.reshape(-1)}
