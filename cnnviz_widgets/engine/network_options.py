"""`NetworkOptions`: the options of a `Network`, in one frozen value."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cnnviz_widgets.core.class_names import class_names_of
from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.model_output import HEAD_OF, TASKS
from cnnviz_widgets.core.pixel_conventions import PIXEL_CONVENTIONS, Standardisation

# The pixels of a picture file, which a network is given where nobody says what it takes.
ASSUMED_RANGE = PIXEL_CONVENTIONS[0].value_range


@dataclass(frozen=True, eq=False)
class NetworkOptions:
    """The options of a Network. They are pickled with its model.

    `class_names` are the names of the classes, or of the quantities of a regression network: a list, a
    tensor, {name: index} or {index: name}. For an output that is a
    single number for yes or no they may name both sides, (no, yes).
    `value_range` (low, high) is what black and white are for the network; photographs are scaled to it. None stands for
    0 to 255, and where the model does not tell that it takes these, `Network.range_is_assumed` is true.
    `preprocess` is a function from a batch of images in `value_range` to the model's input, or the name of one of
    Keras's, "torch" (ImageNet's mean and deviation), "caffe" (BGR less the mean) or "tf" (−1 to 1); it becomes part of
    the network, so that gradients are per unit of `value_range`. It is written with Keras or TensorFlow operations, or
    in NumPy (OpenCV, albumentations): gradients then pass it if it only scales pixels or mixes their channels
    (`engine/numpy_preprocess.py`).
    `task` is "classification", "regression", or None, which is taken for classification. The score of a regression
    network is the output itself, whatever its last activation, and there are no probabilities.
    `output_is` says of an output of classes that its numbers are "probabilities", "log probabilities" or "logits". None
    looks at the graph: behind a softmax, a logarithm of one or a sigmoid, or where they can only lie between 0 and 1 or
    sum to 1, they are probabilities, and otherwise logits. What the graph leaves open is put to a trial.
    `input_shape` (height, width, channels) is needed only for a subclassed model that does not declare it. `samples`
    are InputImages of the kind that the network knows; the score of a made image is compared with theirs.

    If a model has several inputs, `image_input` (name or index) is the one that takes the image, and `other_inputs`
    {name or index: number, text or array without a batch axis} are the values of the others, the same for every image;
    an optional one is left out unless it is given. If it has several outputs, `output` (name or index) is the one that
    is explained, by default the first. The channels of images are last, also for `preprocess` and `input_shape`, even
    if they are first in the model.

    `memory_limit` is the memory that a pass through the network may take, in bytes or as a text such as "2GB": a larger
    batch is split, and an image that takes more by itself raises MemoryError. By default the limit is that of the
    environment variable CNNVIZ_MEMORY_LIMIT; without one, a batch may take a quarter of the free memory, and one image
    all of it. The use of a pass is predicted. `network.memory.limit` changes the limit later.
    """

    name: str | None = None
    input_shape: tuple[int | None, ...] | None = None
    class_names: tuple[str, ...] | None = None
    preprocess: Callable[[Any], Any] | str | None = None
    value_range: tuple[float, float] | None = None
    samples: tuple[InputImage, ...] = ()
    task: str | None = None
    image_input: str | int | None = None
    other_inputs: Mapping[str | int, Any] | None = None
    output: str | int | None = None
    memory_limit: float | str | None = None
    output_is: str | None = None

    def __post_init__(self) -> None:
        names = None if self.class_names is None else class_names_of(self.class_names)
        settled = {
            "class_names": names,
            "value_range": None if self.value_range is None else _checked_range(self.value_range),
            "preprocess": self._settled_preprocess(),
            "samples": tuple(self.samples),
            "task": _checked_task(self.task),
            "output_is": _checked_meaning(self.output_is, self.task),
        }
        for field, value in settled.items():
            object.__setattr__(self, field, value)

    @property
    def settled_range(self) -> tuple[float, float]:
        """The range that photographs are scaled to: `value_range`, or what is assumed without one."""
        return ASSUMED_RANGE if self.value_range is None else self.value_range

    def _settled_preprocess(self):
        """The function of a `preprocess` by name, for images in the range, also where that has just been replaced."""
        given = self.preprocess
        name = given.name if isinstance(given, Standardisation) else given
        return Standardisation(name, self.settled_range) if isinstance(name, str) else given

    def replaced(self, **changes: Any) -> "NetworkOptions":
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


def _checked_meaning(output_is, task):
    if output_is is not None and output_is not in HEAD_OF:
        known = ", ".join(map(repr, HEAD_OF))
        raise ValueError(f"output_is must be one of {known}, or None. Received: {output_is!r}.")
    if output_is is not None and task == "regression":
        raise ValueError(
            "output_is tells of an output of classes; the numbers of a regression network are quantities. "
            f"Received: output_is={output_is!r} beside task='regression'."
        )
    return output_is
