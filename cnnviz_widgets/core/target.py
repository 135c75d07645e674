"""What is being explained: a class, or a channel of a layer. Both are "a score that the network computes"."""

from dataclasses import dataclass


@dataclass(frozen=True, init=False, repr=False)
class Target:
    """`Target(285)` is class 285; `Target("conv3", 17)` is channel 17 of that layer.

    `Target("conv3", 17, (4, 5))` is one unit of that channel: the one in row 4, column 5 of the layer's grid.

    The score of a class is its logit, the number in front of the softmax or sigmoid. The score of a channel is
    its mean over all positions (the convention of keras-vis); of a layer without positions, the unit itself.
    """

    layer: str | None
    index: int
    position: tuple | None

    def __init__(self, layer, index=None, position=None):
        if index is None:
            layer, index = None, layer
        object.__setattr__(self, "layer", layer)
        object.__setattr__(self, "index", _whole(index, "index"))
        object.__setattr__(self, "position", None if position is None else _pair(position))

    def __repr__(self):
        parts = [part for part in (self.layer, self.index, self.position) if part is not None]
        return f"Target({', '.join(map(repr, parts))})"


def _whole(value, what):
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"A target's {what} is a whole number. Received: {value!r}.")
    return int(value)


def _pair(position):
    if not isinstance(position, (tuple, list)) or len(position) != 2:
        raise TypeError(f"A target's position is (row, column). Received: {position!r}.")
    return tuple(_whole(place, "row or column") for place in position)
