"""What is being explained: a class, or a channel of a layer. Both are "a score that the network computes"."""

from dataclasses import dataclass


@dataclass(frozen=True, init=False, repr=False)
class Target:
    """`Target(285)` is class 285; `Target("block3_project_bn", 17)` is channel 17 of that layer.

    The score of a class is its logit, the number in front of the softmax or sigmoid. The score of a channel is
    its mean over all positions (the convention of keras-vis); of a layer without positions, the unit itself.
    """

    layer: str | None
    index: int

    def __init__(self, layer, index=None):
        if index is None:
            layer, index = None, layer
        object.__setattr__(self, "layer", layer)
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise TypeError(f"A target's index is a whole number. Received: {index!r}.")
        object.__setattr__(self, "index", int(index))

    def __repr__(self):
        return f"Target({self.index})" if self.layer is None else f"Target({self.layer!r}, {self.index})"
