"""The receptive fields of a tensor's cells, and functions that the rules for its operations share."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz_widgets.engine.constants import static_value

from .intervals import Intervals, hull

if TYPE_CHECKING:
    import tensorflow as tf


class Unknown(Exception):  # noqa: N818 - not an error
    """An operation whose output cells cannot be traced back to cells of its inputs."""


@dataclass(frozen=True)
class CellFields:
    """The receptive fields of a tensor's cells: their intervals along the image's height and along its width.

    `blocks` is (height, width): the distance of neighbouring cells before SpaceToBatchND moved the cells between them
    to other places of the batch. TensorFlow writes dilated convolutions in this way.
    """

    intervals: tuple[Intervals, Intervals]
    blocks: tuple[int, int] = (1, 1)

    def each(self, change: Callable[[Intervals], Intervals]) -> "CellFields":
        """The fields with a function applied to both Intervals."""
        down, across = self.intervals
        return replace(self, intervals=(change(down), change(across)))


def together(tensors: "Iterable[tf.Tensor]", inputs: "Iterable[CellFields | None]") -> CellFields:
    """The fields of a tensor that several others make cell by cell, broadcast against each other."""
    tensors = list(tensors)
    present = [(tensor, fields) for tensor, fields in zip(tensors, inputs, strict=True) if fields]
    blocks = {fields.blocks for _, fields in present}
    ranks = [tensor.shape.rank for tensor in tensors]
    if len(blocks) > 1 or None in ranks:
        raise Unknown
    rank = max(ranks)
    return replace(
        hulls([fields.each(lambda along: along.with_rank(rank)) for _, fields in present]), blocks=blocks.pop()
    )


def hulls(parts: Sequence[CellFields]) -> CellFields:
    """The hulls of several fields, along the image's height and along its width."""
    down, across = zip(*(part.intervals for part in parts), strict=True)
    return CellFields((hull(down), hull(across)))


def constant(tensor: "tf.Tensor") -> np.ndarray:
    """The array that a tensor always holds, such as the axes of a sum. Raises Unknown unless it is constant."""
    value = static_value(tensor)
    if value is None:
        raise Unknown
    return value


def attribute(operation: "tf.Operation", name: str, otherwise: Any) -> Any:
    """An attribute of an operation; `otherwise` for kinds without it."""
    return operation.get_attr(name) if name in operation.node_def.attr else otherwise
