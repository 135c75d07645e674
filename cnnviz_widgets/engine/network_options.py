"""`NetworkOptions`: all that a person says of a network beside the model, in one frozen value."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cnnviz_widgets.core.model_output import TASKS


@dataclass(frozen=True, eq=False)
class NetworkOptions:
    """The options of a Network, and what is pickled of it beside the model.

    `class_names` are the names of the classes, of a regression network those of its quantities. Where the output is a
    single number for yes or no, they may name both sides, (no, yes).
    `preprocess` is a function of a batch of images in `value_range`, written with Keras or TensorFlow operations, that
    makes what the model takes; it becomes part of the network, so that gradients are per unit of `value_range`.
    `task` is "classification", "regression", or None for classification as far as one knows: of a regression network
    the score is the output itself, whatever its last activation, and there are no probabilities.
    `input_shape` (height, width, channels) is needed only for a subclassed model that does not tell it. `samples` are
    InputImages of the kind that the network knows; the score of a made image is compared with theirs.

    Of several inputs, `image_input` (name or index) is the one that takes the image, and `other_inputs` {name or index:
    number or array without a batch axis} are the values of the others, for every image the same. Of several outputs,
    `output` (name or index) is the one that is explained, the first if none is named. Images have their channels last
    for us, also `preprocess` and `input_shape`, where the model counts its channels first.

    `memory_limit` is what a pass through the network may take, bytes or a text such as "2GB": a larger batch goes in
    pieces, and an image that alone takes more is refused by a MemoryError. Without it, and where the environment
    variable CNNVIZ_MEMORY_LIMIT says nothing, a batch may take a quarter of the memory that is free, and one image all
    of it. The use of a pass is predicted; `network.memory.limit` changes the limit later.
    """

    name: str | None = None
    input_shape: tuple | None = None
    class_names: tuple[str, ...] | None = None
    preprocess: Callable | None = None
    value_range: tuple[float, float] = (0, 255)
    samples: tuple = ()
    task: str | None = None
    image_input: str | int | None = None
    other_inputs: dict[str | int, Any] | None = None
    output: str | int | None = None
    memory_limit: int | float | str | None = None

    def __post_init__(self):
        names = None if self.class_names is None else tuple(map(str, self.class_names))
        settled = {
            "class_names": names,
            "value_range": _checked_range(self.value_range),
            "samples": tuple(self.samples),
            "task": _checked_task(self.task),
        }
        for field, value in settled.items():
            object.__setattr__(self, field, value)

    def replaced(self, **changes):
        """The options with some of them changed."""
        return replace(self, **changes)


def _checked_range(value_range):
    low, high = map(float, value_range)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"value_range must be (low, high) with low < high. Received: {value_range!r}.")
    return low, high


def _checked_task(task):
    if task not in TASKS:
        known = ", ".join(map(repr, TASKS))
        raise ValueError(f"task must be one of {known}. Received: {task!r}.")
    return task
