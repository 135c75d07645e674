"""Connection of a model: the input that takes the image, the values of the other inputs, the explained output."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cnnviz_widgets.words import one_line

from .image_ways import HELD
from .layer_paths import is_channels_first, layer_paths

if TYPE_CHECKING:
    import tensorflow as tf

# The transpositions between (n, height, width, channels) and (n, channels, height, width).
TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
# (height, width, channels), None for a side that may have any length
ImageShape = tuple[int | None, int | None, int]


@dataclass(frozen=True, eq=False)
class InputBinding:
    """The place of the images among a model's inputs, and the values of the other inputs.

    `structure` is the nested list or dictionary that the model takes, with a number for each input. `image` is the
    number of the one that takes the images, as (channels, height, width) if `channels_first`; `held` are the values of
    the others, {number: array without a batch axis}, the same for every image; None leaves an optional one out. `shape`
    is that of the images, None if the model does not declare it.
    """

    structure: Any = 0
    image: int = 0
    held: dict[int, np.ndarray | None] = field(default_factory=dict)
    shape: tuple[int | None, ...] | None = None
    dtype: str = "float32"
    channels_first: bool = False
    taken: tuple[int | None, ...] | None = None  # what the model takes of an image, if that is no image: (28, 28)

    def filled(self, images: "tf.Tensor") -> Any:
        """The model's inputs, in its structure, for a batch of images (n, height, width, channels)."""
        import tensorflow as tf

        count = tf.shape(images)[0]
        images = tf.transpose(images, TO_FIRST) if self.channels_first else images
        if self.taken is not None:
            sides = [-1 if n is None else n for n in self.taken]
            images = tf.squeeze(images, -1) if -1 in sides else tf.reshape(images, [-1, *sides])

        def value(number):
            if number == self.image:
                return images
            held = self.held[number]
            if held is None:
                return None
            name = HELD if held.ndim > 1 else None  # another image, or a mask of one
            return tf.broadcast_to(held, tf.concat([[count], tf.shape(held)], axis=0), name=name)

        return tf.nest.map_structure(value, self.structure)


def bind_inputs(
    model: Any, image_input: str | int | None = None, other_inputs: Mapping[str | int, Any] | None = None
) -> InputBinding:
    """The InputBinding of a model.

    `image_input` is the name or index of the image's input, by default the only one that is not optional;
    `other_inputs` is {name or index: array, number or text}, and None for an optional input that is left out, which is
    their default. Raises ValueError, with an example to write, if one of several inputs has to be chosen.
    """
    tensors, structure, names = _declared(model)
    if len(tensors) < 2 and (image_input is not None or other_inputs):
        raise ValueError(
            "image_input and other_inputs are for a model that lists several inputs, as a functional one does. "
            f"Received: {_named(model)}, which lists {len(tensors)}."
        )
    turned = is_channels_first(_named(model), [layer for layer, _ in layer_paths(model)])
    if not tensors:
        return InputBinding(dtype=_float_type(getattr(model, "compute_dtype", None)), channels_first=turned)
    image, held = (0, {}) if len(tensors) == 1 else _chosen(model, tensors, names, image_input, other_inputs)
    shape, dtype = tuple(tensors[image].shape[1:]), _float_type(tensors[image].dtype)
    shape = (*shape[1:], shape[0]) if turned and len(shape) == 3 else shape
    taken = shape if len(shape) in (1, 2) else None
    return InputBinding(structure, image, held, shape if taken is None else as_image(taken), dtype, turned, taken)


def _chosen(model, tensors, names, image_input, other_inputs):
    """(number of the image's input, {number: value of another input}) of a model with several inputs."""
    sizes = [f"{name!r} {tuple(tensor.shape[1:])}" for name, tensor in zip(names, tensors, strict=True)]
    optional = {number for number, tensor in enumerate(tensors) if _is_optional(tensor)}
    needed = sorted(set(range(len(names))) - optional)
    if image_input is None and len(needed) != 1:
        likely = next((number for number, tensor in enumerate(tensors) if len(tensor.shape) == 4), 0)
        other = 0 if likely else 1
        example = {names[other]: "text" if _is_text(tensors[other]) else 0.5}
        raise ValueError(
            "One of several inputs is the image, and the others are held at values of yours: "
            f"Network(model, image_input={names[likely]!r}, other_inputs={example}), for example. "
            f"Received: {_named(model)} with the inputs {', '.join(sizes)}."
        )
    image = needed[0] if image_input is None else _number(image_input, names, "image_input")
    given = {_number(key, names, "other_inputs"): value for key, value in dict(other_inputs or {}).items()}
    given = dict.fromkeys(optional - {image}) | given
    if set(given) != set(range(len(names))) - {image}:
        wanted = ", ".join(size for number, size in enumerate(sizes) if number != image)
        raise ValueError(
            f"other_inputs must give a value for each input that is not the image: {wanted}. "
            f"Received: {', '.join(repr(names[number]) for number in sorted(given)) or 'none'}."
        )
    return image, {number: _value(value, names[number], tensors[number]) for number, value in given.items()}


def _is_optional(tensor):
    """True for an input that a model of Keras 3 does without."""
    return bool(getattr(getattr(getattr(tensor, "_keras_history", None), "operation", None), "optional", False))


def _is_text(tensor):
    return getattr(tensor.dtype, "name", tensor.dtype) == "string"


def output_number(asked: str | int | None, names: Sequence[str]) -> int:
    """The number of an output, given by its name, its index, or None for the first."""
    return 0 if asked is None else _number(asked, names, "output")


def names_in(structure: Any, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """A name for each leaf of lists and dictionaries: its key, else its name in `names`, else its number."""
    import tensorflow as tf

    if isinstance(structure, dict) and not any(isinstance(value, (list, tuple, dict)) for value in structure.values()):
        return tuple(map(str, sorted(structure)))  # the order in which TensorFlow flattens it
    count = len(tf.nest.flatten(structure))
    if names is not None and len(names) == len(set(names)) == count:
        return tuple(names)
    return tuple(str(number) for number in range(count))


def _declared(model):
    """(tensors, structure of numbers, names) of the inputs that a model lists.

    A subclassed one lists none, but one that takes a dictionary or a list has kept the shapes that it was built with.
    """
    import tensorflow as tf

    tensors = list(getattr(model, "inputs", None) or ())
    nested = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", None))  # Keras 3, Keras 2
    if not tensors and (built := _built_with(model)) is not None:
        tensors, nested = tf.nest.flatten(built), built
    if nested is None or len(tf.nest.flatten(nested)) != len(tensors):
        nested = tensors if len(tensors) > 1 else 0
    numbers = iter(range(len(tensors)))
    structure = tf.nest.map_structure(lambda _: next(numbers), nested) if tensors else 0
    return tensors, structure, names_in(nested, [tensor.name for tensor in tensors])


def _built_with(model):
    """The specs of the inputs, in their structure, of a subclassed model that was called on several; else None."""
    import tensorflow as tf

    given = _built_shape(model)
    if not isinstance(given, (dict, list)):
        return None
    shapes = given if isinstance(given, dict) else dict(enumerate(given))
    if not all(isinstance(shape, tuple) for shape in shapes.values()):
        return None
    specs = {name: tf.TensorSpec((None, *shape[1:]), name=str(name)) for name, shape in shapes.items()}
    return specs if isinstance(given, dict) else list(specs.values())


def _built_shape(model):
    """The shape, or the structure of shapes, with which a model was built from its only argument; else None."""
    shapes = list((getattr(model, "_build_shapes_dict", None) or {}).values())
    return shapes[0] if len(shapes) == 1 else None


def _number(asked, names, what):
    if asked in names:
        return names.index(asked)
    if hasattr(asked, "__index__") and not isinstance(asked, bool) and 0 <= int(asked) < len(names):
        return int(asked)
    known = ", ".join(map(repr, names))
    raise ValueError(f"{what} must be one of {known}, or an index from 0 to {len(names) - 1}. Received: {asked!r}.")


def _value(value, name, tensor):
    """The value at which an input is held, in its shape and type; None for an optional one that is left out."""
    if value is None and _is_optional(tensor):
        return None
    shape, kind = tuple(tensor.shape[1:]), "text" if _is_text(tensor) else "number"
    array = np.asarray(value)
    if array.dtype.kind not in {"text": "US", "number": "biuf"}[kind]:
        raise ValueError(f"other_inputs[{name!r}] must be a {kind} or an array of {kind}s. Received: {value!r:.60}.")
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits and (array.ndim > 0 or None in shape):
        single = "" if None in shape else f"a {kind} or "
        raise ValueError(
            f"other_inputs[{name!r}] must be {single}an array of shape {shape}, without a batch axis. "
            f"Received: {f'a {kind}' if array.ndim == 0 else f'an array of shape {array.shape}'}."
        )
    array = array if fits else np.broadcast_to(array, shape)
    return np.array(array, None if kind == "text" else getattr(tensor.dtype, "name", tensor.dtype))


def _float_type(dtype):
    """The type of the numbers in images for an input of this type: "float64" or "float32"."""
    return "float64" if getattr(dtype, "name", dtype) == "float64" else "float32"


def _named(model):
    return one_line(repr(getattr(model, "name", type(model).__name__)))


def shape_of(model: Any, inputs: InputBinding) -> ImageShape:
    """(height, width, channels) of a model's images; None for a side that may have any length."""
    if inputs.shape is not None:
        return checked_shape(inputs.shape)
    if not getattr(model, "built", False):
        raise ValueError(
            "The model must have its weights before one can look inside: call it once on a batch of images. "
            f"Received: {type(model).__name__} {getattr(model, 'name', '')!r}, not built yet."
        )
    built = _built_shape(model)
    if built is not None:
        shape = tuple(built[1:])
        return checked_shape((*shape[1:], shape[0]) if inputs.channels_first else shape)
    raise ValueError(
        "This model does not tell the shape of its images: give Network(..., input_shape=(height, width, channels)). "
        f"Received: {type(model).__name__}."
    )


def as_image(taken: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """(height, width, channels) of the images of a model that takes (height, width), or all numbers in a row.

    A row is a square, grey or of three colours; where it is neither, it stays as it is.
    """
    if len(taken) == 2:
        return *taken, 1
    for channels in (1, 3):
        side = round(((taken[0] or 0) / channels) ** 0.5)
        if side > 1 and side * side * channels == taken[0]:
            return side, side, channels
    return taken


def checked_shape(shape: Sequence[int | None]) -> ImageShape:
    """(height, width, channels). Raises ValueError for a shape that is not an image's."""
    if len(shape) == 3 and shape[2] is not None:
        return shape[0], shape[1], shape[2]
    raise ValueError(
        "A network takes images of shape (height, width, channels); a row of numbers that is no square needs "
        f"Network(..., input_shape=(height, width, channels)). Received: a model that takes {tuple(shape)}."
    )


def check_taken(inputs: InputBinding, shape: ImageShape) -> None:
    """Raise ValueError unless images of this shape have as many numbers as a model takes that takes no images."""
    taken = inputs.taken
    if taken is None or None in taken or None in shape:
        return
    wanted, given = (math.prod(cast(Sequence[int], sides)) for sides in (taken, shape))
    if wanted != given:
        raise ValueError(f"input_shape must have as many numbers as the model takes, {wanted}. Received: {shape}.")
