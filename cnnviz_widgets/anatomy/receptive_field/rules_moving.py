"""What the outputs of operations see that give cells another place, leave them out or repeat them.

A rule is a function of the operation and of what its inputs see; see `sight_rules`.
"""

import numpy as np
import tensorflow as tf

from .intervals import Reach, everything, lost, paced
from .seen import Sight, Unknown, constant, together


def _transpose(operation, inputs):
    order = constant(operation.inputs[1]).tolist()
    return [inputs[0].each(lambda reach: turned(reach, order))]


def turned(reach, order):
    """A reach with the axes of its tensor in another order."""
    values = reach.values.transpose(0, *(axis + 1 for axis in order))
    return Reach(values, reach.pace and (order.index(reach.pace[0]), *reach.pace[1:]))


def _expand_dims(operation, inputs):
    rank = operation.outputs[0].shape.rank
    axis = int(constant(operation.inputs[1])) % rank
    order = [n for n in range(rank) if n != axis]
    return [inputs[0].each(lambda reach: placed(reach, order, rank))]


def _squeeze(operation, inputs):
    shape = operation.inputs[0].shape
    gone = [axis % shape.rank for axis in operation.get_attr("squeeze_dims")]
    gone = gone or [axis for axis, length in enumerate(shape) if length == 1]
    return [inputs[0].each(lambda reach: reach.reduced(gone, False))]


def placed(reach, order, rank):
    """The axes of a reach put at `order` among `rank` axes, the others of length 1."""
    shape = [1] * rank
    for axis, place in enumerate(order):
        shape[place] = reach.shape[axis]
    return Reach(reach.values.reshape(4, *shape), reach.pace and (order[reach.pace[0]], *reach.pace[1:]))


def _concatenation(operation, inputs):
    """Along the channels, which are taken together, it is a hull; along rows or columns the cells move."""
    axis = int(constant(operation.inputs[-1])) % operation.outputs[0].shape.rank
    paces = [[reach.pace and reach.pace[0] for reach in sight.reaches] for sight in inputs if sight]
    channels = 1 if paces == [[2, 3]] * len(paces) else 3  # first, where rows and columns lie along the other two
    if axis == channels and operation.outputs[0].shape.rank == 4:
        return [together(operation.inputs[:-1], inputs[:-1])]
    return _move(operation, inputs)


def _move(operation, inputs):
    """Asks the operation itself where it puts the intervals."""
    if not all(tensor.shape.is_fully_defined() for tensor in (*operation.inputs, *operation.outputs)):
        raise Unknown
    moved = [_moved(operation, [sight and sight.reaches[n] for sight in inputs]) for n in (0, 1)]
    return [Sight(pair) for pair in zip(*moved, strict=True)]


def _moved(operation, reaches):
    """For each output of the operation, the Reach along one axis of the image."""
    if all(reach is None or np.prod(reach.shape) == 1 for reach in reaches):  # all cells are alike: nothing to move
        values = np.maximum.reduce([reach.values.reshape(4) for reach in reaches if reach])
        known = lost if np.isnan(values).any() else everything
        return [known(values.reshape(4, *[1] * output.shape.rank)) for output in operation.outputs]
    ask = {"Reshape": _reshaped, "Tile": _tiled}.get(operation.type, _asked)
    rows = [ask(operation, [reach and reach.values[n] for reach in reaches]) for n in range(4)]
    return [paced(np.stack(output)) for output in zip(*rows, strict=True)]


def _reshaped(operation, rows):
    before, after = list(operation.inputs[0].shape), list(operation.outputs[0].shape)
    if before[-1] == after[-1] and rows[0].shape[-1] == 1:
        before[-1] = after[-1] = 1  # the channels stay: one can stand for all
    return [np.broadcast_to(rows[0], before).reshape(after)]


def _tiled(operation, rows):
    before, after = (
        operation.inputs[0].shape,
        operation.outputs[0].shape,
    )  # how often is often not written as a constant
    return [np.tile(np.broadcast_to(rows[0], before), [many // few for many, few in zip(after, before, strict=True)])]


def _asked(operation, rows):
    """The operation's outputs when the inputs that see the image are `rows`, which broadcast to the shapes it takes."""
    arguments, given = {}, list(zip(operation.inputs, rows, strict=True))
    counts = {argument.number_attr for argument in operation.op_def.input_arg}
    for argument in operation.op_def.input_arg:
        several = argument.number_attr
        count = operation.get_attr(several) if several else 1
        part, given = given[:count], given[count:]
        # What stands in a list beside something that sees the image, and is constant itself, sees nothing.
        seeing = any(row is not None for _, row in part)
        values = [_filled(tensor, row) if seeing else constant(tensor) for tensor, row in part]
        arguments[argument.name] = values if several else values[0]
    for attribute in operation.op_def.attr:
        if attribute.type != "type" and attribute.name not in counts:
            arguments[attribute.name] = operation.get_attr(attribute.name)
    with tf.init_scope():  # computed now, also where somebody is tracing
        outputs = getattr(tf.raw_ops, operation.type)(**arguments)
        return [np.asarray(output) for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def _filled(tensor, row):
    return np.full(tensor.shape, -np.inf) if row is None else np.broadcast_to(row, tensor.shape)


MOVES = (
    *("BroadcastTo", "DepthToSpace", "GatherNd", "GatherV2", "MirrorPad", "Pack", "Reshape", "ReverseV2", "Roll"),
    *("Slice", "SpaceToDepth", "Split", "SplitV", "StridedSlice", "Tile", "Unpack"),
)
RULES = {
    **dict.fromkeys(MOVES, _move),
    "ConcatV2": _concatenation,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
}
