"""The operations of a traced graph that can be followed: those for which the effect of a covered window is known.

Each is a `Step`, with the `Window` that tells which cells of its output see which of its input. An operation is
followed when there is a rule for it and all its inputs are followed too, or do not depend on the image. An operation
that is not followed is computed on whole maps, and so are all operations after it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz_widgets.anatomy.receptive_field.cell_fields import Unknown, attribute, constant
from cnnviz_widgets.anatomy.receptive_field.rules_windows import paddings_of, window_of
from cnnviz_widgets.anatomy.wiring import multiply_adds
from cnnviz_widgets.engine.op_kinds import (
    CELL_BY_CELL,
    CONVOLUTIONS,
    NORMALISATIONS,
    PADDINGS,
    POOLINGS,
    SHAPE_ONLY,
)

from .dirty_cells import Window

if TYPE_CHECKING:
    import tensorflow as tf

    from cnnviz_widgets.engine.graph import ForwardGraph


@dataclass(frozen=True)
class Work:
    """The cost of an operation for one image and whole maps, in numbers and multiply-adds."""

    kind: str
    multiply_adds: int
    read: int  # numbers in the inputs that depend on the image
    written: int
    weights: int  # numbers in the inputs that are the same for all images


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of the graph on grids of cells: its `inputs` that depend on the image, and its `output`."""

    name: str
    inputs: tuple[str, ...]
    output: str
    window: Window
    work: Work

    @property
    def is_direct(self) -> bool:
        """True where a rectangle of the output needs only the same rectangle of the only input."""
        return self.window.is_single and len(self.inputs) == 1


@dataclass(frozen=True, eq=False)
class Program:
    """The operations between the image and the tensors `wanted`, for images of one size.

    `steps` are those that can be followed, in order of execution. `works` {operation: Work} holds all operations.
    `shapes` {tensor: (rows, columns, channels)} holds the tensors that are followed, including the image.
    """

    image: str
    wanted: tuple[str, ...]
    steps: tuple[Step, ...]
    works: dict[str, Work]
    shapes: dict[str, tuple[int, ...]]

    def frontiers(self, graph: "ForwardGraph") -> dict[int, tuple[str, ...]]:
        """Return {cut: the tensors that are needed by the rest of the network, or wanted, after `cut` steps}."""
        found: dict[int, tuple[str, ...]] = {0: (self.image,)}
        made, rest = [self.image], set(self.works)
        for cut, step in enumerate(self.steps, start=1):
            made.append(step.output)
            rest.discard(step.name)
            if cut < len(self.steps) and self.steps[cut].name == step.name:  # the same operation goes on
                continue
            read = {tensor for name in rest for tensor in graph.inputs_of(name)} | set(self.wanted)
            found[cut] = tuple(tensor for tensor in made if tensor in read)
        return found


def program(graph: "ForwardGraph", sides: tuple[int, int], wanted: Sequence[str]) -> Program:
    """Return the `Program` of the tensors `wanted` for images of `sides` (height, width)."""
    sized, image = graph.for_one_image(*sides)
    needed = set().union(*(graph.before(tensor) for tensor in wanted)) & graph.after(graph.input)
    names = {image.name: graph.input}  # of the tensors that are followed
    steps, works = [], {}
    shapes: dict[str, Any] = {graph.input: tuple(image.shape[1:])}
    for operation in (operation for operation in sized.get_operations() if operation.name in needed):
        changing = [tensor for tensor in operation.inputs if tensor.op.name in needed or tensor.name == image.name]
        work = works[operation.name] = work_of(operation, changing)
        if operation.type in SHAPE_ONLY or not all(tensor.name in names for tensor in changing):
            continue
        try:
            window = rule_of(operation, changing)
        except Unknown:
            continue
        for taken, made in _made(operation, changing):
            taken = tuple(names[tensor.name] for tensor in taken)
            names[made.name] = made.name
            shapes[made.name] = tuple(made.shape[1:])
            steps.append(Step(operation.name, taken, made.name, window, work))
    return Program(graph.input, tuple(wanted), tuple(steps), works, shapes)


def _made(operation, changing):
    """Return [(inputs, output)]; the pairs of an operation that only hands tensors on are separate."""
    if operation.type != "IdentityN":
        return [(changing, operation.outputs[0])]
    handed_on = {tensor.name for tensor in changing}
    pairs = zip(operation.inputs, operation.outputs, strict=True)
    return [([taken], made) for taken, made in pairs if taken.name in handed_on]


def work_of(operation: "tf.Operation", changing: "Sequence[tf.Tensor]") -> Work:
    """Return the `Work` of an operation; `changing` are those of its inputs that depend on the image."""
    return Work(
        operation.type,
        multiply_adds(operation) or 0,
        sum(map(_length, changing)),
        sum(map(_length, operation.outputs)),
        sum(map(_length, _fixed(operation, changing))),
    )


def _fixed(operation, changing):
    names = {tensor.name for tensor in changing}
    return [tensor for tensor in operation.inputs if tensor.name not in names]


def _length(tensor):
    return tensor.shape.num_elements() or 0


# ---- The window of each kind of operation. A rule returns a Window, or raises Unknown where there is none.


def rule_of(operation: "tf.Operation", changing: "Sequence[tf.Tensor]") -> Window:
    """Return the `Window` of an operation; `changing` are those of its inputs that depend on the image.

    Raises Unknown for an operation without a rule.
    """
    if not all(_is_grid(tensor) for tensor in (*changing, operation.outputs[0])):
        raise Unknown
    if attribute(operation, "data_format", b"NHWC") != b"NHWC":
        raise Unknown
    rule = _cell_by_cell if operation.type in CELL_BY_CELL else RULES.get(operation.type)
    if rule is None:
        raise Unknown
    return rule(operation, changing)


def _is_grid(tensor):
    return tensor.shape.rank == 4 and tensor.shape[0] == 1 and tensor.shape.is_fully_defined()


def _sides(tensor):
    return tuple(tensor.shape[1:3])


def _first_alone(operation, changing):
    if [tensor.name for tensor in changing] != [operation.inputs[0].name]:
        raise Unknown


def _cell_by_cell(operation, changing):
    """Return the window of one cell at the same place; all other inputs must be the same at every place."""
    (output,) = operation.outputs
    fixed = _fixed(operation, changing)
    if any(_sides(tensor) != _sides(output) for tensor in changing):
        raise Unknown
    if any(tensor.shape.rank is None or any(n != 1 for n in tensor.shape[:-1]) for tensor in fixed):
        raise Unknown
    return Window.single(_sides(output))


def _convolution_or_pooling(operation, changing):
    _first_alone(operation, changing)
    dilation = np.array(attribute(operation, "dilations", [1, 1, 1, 1])[1:3])
    size, stride = np.array(window_of(operation)), np.array(operation.get_attr("strides")[1:3])
    before = np.array([padding[0] for padding in paddings_of(operation)])
    return Window((size - 1) * dilation + 1, stride, before, np.array(_sides(operation.outputs[0])))


def _normalisation(operation, changing):
    """Return the window of a normalisation that uses the mean and variance from training."""
    _first_alone(operation, changing)
    if operation.get_attr("is_training"):
        raise Unknown
    return Window.single(_sides(operation.outputs[0]))


def _padding(operation, changing):
    """Return the window of a padding, which moves the map; the padding is the same for every image."""
    _first_alone(operation, changing)
    widths = constant(operation.inputs[1])
    if widths[[0, 3]].any() or (widths < 0).any():
        raise Unknown
    return Window.single(_sides(operation.outputs[0]), widths[1:3, 0])


def _concatenation(operation, changing):
    """Return the window of a concatenation of channels."""
    if len(changing) != len(operation.inputs) - 1 or int(constant(operation.inputs[-1])) % 4 != 3:
        raise Unknown
    return Window.single(_sides(operation.outputs[0]))


def _identities(operation, changing):
    if len({_sides(tensor) for tensor in changing}) > 1:
        raise Unknown
    return Window.single(_sides(changing[0]))


RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(CONVOLUTIONS | POOLINGS, _convolution_or_pooling),
    **dict.fromkeys(NORMALISATIONS, _normalisation),
    **dict.fromkeys(PADDINGS, _padding),
    "ConcatV2": _concatenation,
    "IdentityN": _identities,
}
