"""Rules for operations that give cells another place, leave them out or repeat them; see `rules`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnviz_widgets.engine.constants import applied
from cnnviz_widgets.engine.op_kinds import MOVES

from .cell_fields import CellFields, Unknown, constant, together
from .intervals import Intervals, everything, lost, paced


def _transpose(operation, inputs):
    order = constant(operation.inputs[1]).tolist()
    return [inputs[0].each(lambda intervals: transposed(intervals, order))]


def transposed(intervals: Intervals, order: Sequence[int]) -> Intervals:
    """Intervals with the axes of their tensor in another order."""
    values = intervals.values.transpose(0, *(axis + 1 for axis in order))
    return Intervals(values, intervals.pace and (order.index(intervals.pace[0]), *intervals.pace[1:]))


def _expand_dims(operation, inputs):
    rank = operation.outputs[0].shape.rank
    axis = int(constant(operation.inputs[1])) % rank
    order = [n for n in range(rank) if n != axis]
    return [inputs[0].each(lambda intervals: placed(intervals, order, rank))]


def _squeeze(operation, inputs):
    shape = operation.inputs[0].shape
    gone = [axis % shape.rank for axis in operation.get_attr("squeeze_dims")]
    gone = gone or [axis for axis, length in enumerate(shape) if length == 1]
    return [inputs[0].each(lambda intervals: intervals.reduced(gone, False))]


def placed(intervals: Intervals, order: Sequence[int], rank: int) -> Intervals:
    """Intervals with the axes of their tensor put at `order` among `rank` axes, the others of length 1."""
    shape = [1] * rank
    for axis, place in enumerate(order):
        shape[place] = intervals.shape[axis]
    return Intervals(
        intervals.values.reshape(4, *shape), intervals.pace and (order[intervals.pace[0]], *intervals.pace[1:])
    )


def _concatenation(operation, inputs):
    """The hull for a concatenation of channels; one of rows or columns moves the cells."""
    axis = int(constant(operation.inputs[-1])) % operation.outputs[0].shape.rank
    paces = [[along.pace and along.pace[0] for along in fields.intervals] for fields in inputs if fields]
    channels = 1 if paces == [[2, 3]] * len(paces) else 3  # first, where rows and columns lie along the other two
    if axis == channels and operation.outputs[0].shape.rank == 4:
        return [together(operation.inputs[:-1], inputs[:-1])]
    return _move(operation, inputs)


def _move(operation, inputs):
    """Run the operation itself on the intervals."""
    if not all(tensor.shape.is_fully_defined() for tensor in (*operation.inputs, *operation.outputs)):
        raise Unknown
    moved = [_moved(operation, [fields and fields.intervals[n] for fields in inputs]) for n in (0, 1)]
    return [CellFields(pair) for pair in zip(*moved, strict=True)]


def _moved(operation, inputs):
    """The Intervals of each output along one axis of the image, for those of the inputs."""
    if all(along is None or np.prod(along.shape) == 1 for along in inputs):  # all cells are equal: nothing to move
        values = np.maximum.reduce([along.values.reshape(4) for along in inputs if along])
        known = lost if np.isnan(values).any() else everything
        return [known(values.reshape(4, *[1] * output.shape.rank)) for output in operation.outputs]
    ask = {"Reshape": _reshaped, "Tile": _tiled}.get(operation.type, _asked)
    rows = [ask(operation, [along and along.values[n] for along in inputs]) for n in range(4)]
    return [paced(np.stack(output)) for output in zip(*rows, strict=True)]


def _reshaped(operation, rows):
    before, after = list(operation.inputs[0].shape), list(operation.outputs[0].shape)
    if before[-1] == after[-1] and rows[0].shape[-1] == 1:
        before[-1] = after[-1] = 1  # the channels stay: one can stand for all
    return [np.broadcast_to(rows[0], before).reshape(after)]


def _tiled(operation, rows):
    # From the shapes: the number of repetitions need not be a constant.
    before, after = operation.inputs[0].shape, operation.outputs[0].shape
    return [np.tile(np.broadcast_to(rows[0], before), [many // few for many, few in zip(after, before, strict=True)])]


def _asked(operation, rows):
    """The operation's outputs, with `rows`, which broadcast, in place of the inputs that depend on the image."""
    arguments, given = {}, list(zip(operation.inputs, rows, strict=True))
    counts = {argument.number_attr for argument in operation.op_def.input_arg}
    for argument in operation.op_def.input_arg:
        several = argument.number_attr
        count = operation.get_attr(several) if several else 1
        part, given = given[:count], given[count:]
        # A constant in a list with something that depends on the image has an empty field.
        depends = any(row is not None for _, row in part)
        values = [_filled(tensor, row) if depends else constant(tensor) for tensor, row in part]
        arguments[argument.name] = values if several else values[0]
    for attribute in operation.op_def.attr:
        if attribute.type != "type" and attribute.name not in counts:
            arguments[attribute.name] = operation.get_attr(attribute.name)
    return applied(operation.type, arguments)


def _filled(tensor, row):
    return np.full(tensor.shape, -np.inf) if row is None else np.broadcast_to(row, tensor.shape)


RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(MOVES, _move),
    "ConcatV2": _concatenation,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
}
