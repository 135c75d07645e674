"""The receptive fields of a tensor's cells, and the questions that the rules for its operations share."""

from dataclasses import dataclass, replace

from cnnviz_widgets.engine.constants import static_value

from .intervals import Intervals, hull


class Unknown(Exception):  # noqa: N818 - no mistake of anybody's
    """An operation whose output cells cannot be traced back to cells of its inputs."""


@dataclass(frozen=True)
class CellFields:
    """The receptive fields of a tensor's cells: their intervals along the image's height and along its width.

    `blocks` is (height, width): how far apart neighbouring cells were before SpaceToBatchND moved the cells between
    them to other places of the batch. TensorFlow writes dilated convolutions in this way.
    """

    intervals: tuple[Intervals, Intervals]
    blocks: tuple[int, int] = (1, 1)

    def each(self, change):
        """The same with both Intervals changed by a function of one."""
        return replace(self, intervals=tuple(map(change, self.intervals)))


def together(tensors, inputs):
    """The fields of what several tensors make together, cell by cell, broadcast against each other."""
    present = [(tensor, fields) for tensor, fields in zip(tensors, inputs, strict=True) if fields]
    blocks = {fields.blocks for _, fields in present}
    if len(blocks) > 1:
        raise Unknown
    rank = max(tensor.shape.rank for tensor in tensors)
    pairs = zip(*(fields.intervals for _, fields in present), strict=True)
    return CellFields(tuple(hull([one.with_rank(rank) for one in pair]) for pair in pairs), blocks.pop())


def constant(tensor):
    """The array that a tensor always holds, such as the axes of a sum; raises Unknown where it is not constant."""
    value = static_value(tensor)
    if value is None:
        raise Unknown
    return value


def attribute(operation, name, otherwise):
    """An attribute of an operation; `otherwise` for kinds that do not have it."""
    return operation.get_attr(name) if name in operation.node_def.attr else otherwise
