"""Rectangles of maps through the operations that are followed, and whole maps through the rest, in TensorFlow."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from cnnviz_widgets.engine.graph import ForwardGraph
from cnnviz_widgets.engine.op_kinds import PADDINGS

from .steps import Program, Step


def clean_tensors(program: Program, cut: int, frontier: Sequence[str]) -> tuple[str, ...]:
    """Return the tensors whose maps of the uncovered image are needed, around rectangles and under them at the end."""
    pasted = {tensor for step in program.steps[:cut] if not step.is_direct for tensor in step.inputs}
    return tuple(tensor for tensor in program.shapes if tensor in pasted or tensor in frontier)


def answers(
    graph: ForwardGraph, program: Program, cut: int, frontier: Sequence[str], spec: Callable[[str], tf.TensorSpec]
) -> Callable[..., Any]:
    """Return a `tf.function` that follows the first `cut` steps of a `Program` and then runs the rest of the network.

    Its arguments are the rectangles of the image in which something is covered, (n, rows, columns, channels); the maps
    of the uncovered image, those of `clean_tensors`; and the sources of the cells of each part that is pasted, see
    `plan.pastes`. Its result is the wanted tensors of each covered image. `spec(name)` is a tensor's TensorSpec.
    """
    steps, names = program.steps[:cut], clean_tensors(program, cut, frontier)
    image = spec(program.image)
    pastes = sum(len(step.inputs) for step in steps if not step.is_direct) + len(frontier)
    specs = [
        tf.TensorSpec([None, None, None, image.shape[-1]], image.dtype),
        [spec(name) for name in names],
        [tf.TensorSpec([None, None, None], tf.int32)] * pastes,
    ]

    @tf.function(autograph=False, input_signature=specs)
    def answer(covered, clean, sources):
        rectangles, maps = {program.image: covered}, dict(zip(names, clean, strict=True))
        fixed, sources = _fixed_inputs(graph, steps), iter(sources)

        def put(name, outside=0, change=lambda cells: cells):
            return pasted(change(maps[name]), change(rectangles[name]), next(sources), outside)

        for step in steps:
            if step.is_direct:
                inputs = [rectangles[name] for name in step.inputs]
            elif leaves_out_padding(graph, step):
                inputs = [put(name, change=with_presence) for name in step.inputs]
            else:
                outside = covered.dtype.min if step.work.kind == "MaxPool" else 0
                inputs = [put(name, outside) for name in step.inputs]
            rectangles[step.output] = output(graph, step, dict(zip(step.inputs, inputs, strict=True)), fixed)
        return graph({name: put(name) for name in frontier}, program.wanted)

    return answer


def pasted(clean: tf.Tensor, rectangles: tf.Tensor, source: tf.Tensor, outside: float = 0) -> tf.Tensor:
    """Return a part of a map for each window, (n, rows, columns, channels), assembled from known cells.

    `clean` is the map of the uncovered image, `rectangles` the parts that the windows have changed, and `outside` the
    number beyond the map's border. `source` (n, rows, columns) tells which of all these cells goes where, see
    `dirty_cells.sources`.
    """
    channels = clean.shape[-1]
    border = tf.constant(outside, clean.dtype, [1, channels])
    # One look-up in one table is faster than several of which one is chosen.
    table = tf.concat([*(tf.reshape(cells, [-1, channels]) for cells in (clean, rectangles)), border], axis=0)
    return tf.gather(table, source)


def leaves_out_padding(graph: ForwardGraph, step: Step) -> bool:
    """Return True for a mean over only those cells of a window that lie in the map."""
    return step.work.kind == "AvgPool" and graph.node(step.name).attr["padding"].s != b"VALID"


def with_presence(cells: tf.Tensor) -> tf.Tensor:
    """Return the cells with a further channel that is 1; beyond the map's border it will be 0."""
    return tf.concat([cells, tf.ones_like(cells[:, :, :, :1])], axis=-1)


def output(graph: ForwardGraph, step: Step, inputs: dict[str, tf.Tensor], fixed: dict[str, tf.Tensor]) -> tf.Tensor:
    """Return a step's output for `inputs` {tensor: (n, rows, columns, channels)}, which have their padding already.

    `fixed` {tensor: value} holds the inputs that are the same for every image.
    """
    if step.work.kind in PADDINGS | {"IdentityN"}:
        return inputs[step.inputs[0]]
    values = fixed | inputs
    made = _applied(graph, step.name, [values[name] for name in graph.inputs_of(step.name)])
    return made[..., :-1] / made[..., -1:] if leaves_out_padding(graph, step) else made


def _fixed_inputs(graph, steps):
    """Return {tensor: value} of the steps' inputs that are the same for every image."""
    taken = {tensor for step in steps for tensor in graph.inputs_of(step.name)}
    names = sorted(taken - {tensor for step in steps for tensor in step.inputs})
    return dict(zip(names, graph({}, names), strict=True))


def _applied(graph, name, inputs):
    """Return the first output of an operation of the graph, without padding, for these inputs."""
    node, part = tf.compat.v1.NodeDef(), tf.compat.v1.GraphDef(versions=graph.definition.versions)
    node.CopyFrom(graph.node(name))
    node.input[:] = [f"given{k}:0" for k in range(len(inputs))]
    for attribute in ("_class", "_gradient_op_type", "explicit_paddings"):
        node.attr.pop(attribute, None)
    if "padding" in node.attr:
        node.attr["padding"].s = b"VALID"
    part.node.append(node)
    given = dict(zip(node.input, inputs, strict=True))
    (made,) = tf.graph_util.import_graph_def(part, given, [f"{name}:0"], name="followed")
    return made
