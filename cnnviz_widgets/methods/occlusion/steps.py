"""The operations of a traced graph that can be followed: of which it is known what a covered window changes.

Each is a `Step`, with the `Window` that tells which cells of its output see which of its input. An operation is
followed when there is a rule for it and all that it takes is followed too, or does not depend on the image. What is
not followed is computed on whole maps, and so is all that comes after it.
"""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Work:
    """What an operation costs for one image when its maps are whole."""

    kind: str
    multiply_adds: int
    read: int  # numbers that it takes in, of what depends on the image
    written: int
    weights: int  # numbers that it takes in and that are the same for all images


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of the graph, on grids of cells: its `inputs` that depend on the image, and what it makes."""

    name: str
    inputs: tuple[str, ...]
    output: str
    window: Window
    work: Work

    @property
    def is_direct(self):
        """Whether a rectangle of its only input is all that it needs for the same rectangle of its output."""
        return self.window.is_single and len(self.inputs) == 1


@dataclass(frozen=True, eq=False)
class Program:
    """What the tensors `wanted` need of the image, operation by operation, for images of one size.

    `steps` can be followed, in order of execution. `works` {operation: Work} are theirs and those of all others.
    `shapes` {tensor: (rows, columns, channels)} are of what is followed, the image included.
    """

    image: str
    wanted: tuple[str, ...]
    steps: tuple[Step, ...]
    works: dict
    shapes: dict

    def frontiers(self, graph):
        """{cut: the tensors that the rest of the network needs, and those that are wanted, after `cut` steps}."""
        found, made, rest = {0: (self.image,)}, [self.image], set(self.works)
        for cut, step in enumerate(self.steps, start=1):
            made.append(step.output)
            rest.discard(step.name)
            if cut < len(self.steps) and self.steps[cut].name == step.name:  # the same operation goes on
                continue
            read = {tensor for name in rest for tensor in graph.inputs_of(name)} | set(self.wanted)
            found[cut] = tuple(tensor for tensor in made if tensor in read)
        return found


def program(graph, sides, wanted):
    """The `Program` of the tensors `wanted` for images of `sides` (height, width)."""
    sized, image = graph.for_one_image(*sides)
    needed = set().union(*(graph.before(tensor) for tensor in wanted)) & graph.after(graph.input)
    names = {image.name: graph.input}  # of what is followed
    steps, works, shapes = [], {}, {graph.input: tuple(image.shape[1:])}
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
    """[(inputs, what is made of them)]; what is only handed on goes one by one."""
    if operation.type != "IdentityN":
        return [(changing, operation.outputs[0])]
    handed_on = {tensor.name for tensor in changing}
    pairs = zip(operation.inputs, operation.outputs, strict=True)
    return [([taken], made) for taken, made in pairs if taken.name in handed_on]


def work_of(operation, changing):
    """The `Work` of an operation, the tensors `changing` of whose inputs depend on the image."""
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


# ---- What each kind of operation looks at. A rule gives the Window, and raises Unknown where it cannot tell.


def rule_of(operation, changing):
    """The `Window` of an operation, `changing` being those of its inputs that depend on the image."""
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
    """Cells at the same place; whatever else it takes in must be the same at every place."""
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
    """With the mean and variance of the training."""
    _first_alone(operation, changing)
    if operation.get_attr("is_training"):
        raise Unknown
    return Window.single(_sides(operation.outputs[0]))


def _padding(operation, changing):
    """What is put around the map is the same for every image; what was there moves."""
    _first_alone(operation, changing)
    widths = constant(operation.inputs[1])
    if widths[[0, 3]].any() or (widths < 0).any():
        raise Unknown
    return Window.single(_sides(operation.outputs[0]), widths[1:3, 0])


def _concatenation(operation, changing):
    """Channels of maps side by side."""
    if len(changing) != len(operation.inputs) - 1 or int(constant(operation.inputs[-1])) % 4 != 3:
        raise Unknown
    return Window.single(_sides(operation.outputs[0]))


def _identities(operation, changing):
    if len({_sides(tensor) for tensor in changing}) > 1:
        raise Unknown
    return Window.single(_sides(changing[0]))


RULES = {
    **dict.fromkeys(CONVOLUTIONS | POOLINGS, _convolution_or_pooling),
    **dict.fromkeys(NORMALISATIONS, _normalisation),
    **dict.fromkeys(PADDINGS, _padding),
    "ConcatV2": _concatenation,
    "IdentityN": _identities,
}
