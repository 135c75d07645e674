"""The ways by which the image comes to a tensor: mirrored, turned, together with another input, or not at all.

A map is laid over the image, so its rows must run as the image's do. A network that looks at its image and at the
mirrored image (test-time augmentation) has layers whose maps belong to the mirrored one; a network of two images has
layers that never see the one that is explained.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .axis_parts import COLUMNS, ROWS, is_side
from .constants import static_value
from .tensor_names import operation

if TYPE_CHECKING:
    from .graph import ForwardGraph

# The name of the operations that hold the values of the other inputs.
HELD = "held_input"


@dataclass(frozen=True)
class Orientation:
    """The way a grid lies to the image: transposed first, then its rows and its columns turned round."""

    transposed: bool = False
    rows: bool = False
    columns: bool = False


UPRIGHT = Orientation()


class ImageWays:
    """What each operation of a graph knows of the image."""

    def __init__(self, graph: "ForwardGraph"):
        self._graph = graph
        self._orientations = self._spread({operation(graph.input): {UPRIGHT}})
        held = [node.name for node in graph.definition.node if HELD in node.name and node.op != "Const"]
        self._with_others = set(self._spread({name: {UPRIGHT} for name in held}))

    def reaches(self, tensor: str) -> bool:
        """True if the tensor depends on the numbers in the image."""
        return operation(tensor) in self._orientations

    def is_mirrored(self, tensor: str) -> bool:
        """True if the tensor holds the image mirrored or turned, alone or beside the upright one."""
        return self._orientations.get(operation(tensor), {UPRIGHT}) != {UPRIGHT}

    def is_shared(self, tensor: str) -> bool:
        """True if the tensor depends on another input that is an image."""
        return operation(tensor) in self._with_others

    def _spread(self, found):
        """{operation: its orientations}, from those of the first ones to all that depend on them."""
        waiting = list(found)
        while waiting:
            name = waiting.pop()
            for reader in self._graph.readers(name):
                made = {self._behind(self._graph.node(reader), orientation) for orientation in found[name]}
                known = found.setdefault(reader, set())
                if not made <= known:
                    known |= made
                    waiting.append(reader)
        return found

    def _behind(self, node, before):
        if node.op == "Transpose" and tuple(self._constant(node, 1)) == (0, 2, 1, 3) and self._takes_sides(node):
            return Orientation(not before.transposed, before.columns, before.rows)
        turned = self._turned_axes(node)
        return Orientation(before.transposed, before.rows ^ (1 in turned), before.columns ^ (2 in turned))

    def _takes_sides(self, node):
        """True unless the two axes in the middle are known to be others than rows and columns, as tokens and heads."""
        axes = self._graph.axes().get(self._graph.inputs_of(node.name)[0])
        return axes is None or any(
            is_side(axes[1], first) and is_side(axes[2], second) for first, second in ((ROWS, COLUMNS), (COLUMNS, ROWS))
        )

    def _turned_axes(self, node):
        """The axes of (n, rows, columns, channels) that a node runs through backwards."""
        if node.op == "ReverseV2":
            rank = self._graph.tensor(self._graph.inputs_of(node.name)[0]).shape.rank
            return {int(axis) % rank for axis in self._constant(node, 1)} if rank == 4 else set()
        if node.op == "StridedSlice" and not node.attr["new_axis_mask"].i | node.attr["ellipsis_mask"].i:
            return {axis for axis, stride in enumerate(self._constant(node, 3)) if stride < 0}
        return set()

    def _constant(self, node, place):
        """The constant numbers at an input of a node; none where they are not constant."""
        value = static_value(self._graph.tensor(self._graph.inputs_of(node.name)[place]))
        return () if value is None else value.reshape(-1)
