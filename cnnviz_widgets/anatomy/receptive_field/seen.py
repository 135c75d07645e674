"""What a tensor of a traced graph sees of the image, and what the rules for its operations share."""

from dataclasses import dataclass, replace

import tensorflow as tf

from .intervals import Reach, hull

# The output does not depend on what the input holds.
BLIND = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike", "NoOp", "Assert", "BroadcastGradientArgs"}


class Unknown(Exception):  # noqa: N818 - no mistake of anybody's
    """An operation of which we cannot say what its cells are made of."""


@dataclass(frozen=True)
class Sight:
    """What a tensor sees, along the image's height and along its width.

    `blocks` is (height, width): how far apart neighbours were before SpaceToBatchND, which is how TensorFlow writes
    a dilated convolution, put the cells between them elsewhere in the batch.
    """

    reaches: tuple[Reach, Reach]
    blocks: tuple[int, int] = (1, 1)

    def each(self, change):
        """With both reaches changed by a function of one."""
        return replace(self, reaches=tuple(map(change, self.reaches)))


def is_image_free(operation):
    """Whether an operation looks only at the shape of its inputs."""
    return operation.type in BLIND


def together(tensors, inputs):
    """The hull of what several tensors see that are broadcast against each other."""
    seeing = [(tensor, sight) for tensor, sight in zip(tensors, inputs, strict=True) if sight]
    blocks = {sight.blocks for _, sight in seeing}
    if len(blocks) > 1:
        raise Unknown
    rank = max(tensor.shape.rank for tensor in tensors)
    reaches = zip(*(sight.reaches for _, sight in seeing), strict=True)
    return Sight(tuple(hull([reach.with_rank(rank) for reach in pair]) for pair in reaches), blocks.pop())


def constant(tensor):
    """What the tensor always holds, such as the axes of a sum; raises Unknown where that depends on something."""
    value = tf.get_static_value(tensor)
    if value is None:
        raise Unknown
    return value


def attribute(operation, name, otherwise):
    """A setting that not every kind of operation has."""
    return operation.get_attr(name) if name in operation.node_def.attr else otherwise
