"""In TensorFlow: rectangles of maps go through the operations that are followed, whole maps through the rest."""

import tensorflow as tf

from cnnviz_widgets.engine.op_kinds import PADDINGS


def clean_tensors(program, cut, frontier):
    """The tensors whose maps of the uncovered image are needed: around rectangles, and under them at the end."""
    pasted = {tensor for step in program.steps[:cut] if not step.is_direct for tensor in step.inputs}
    return tuple(tensor for tensor in program.shapes if tensor in pasted or tensor in frontier)


def answers(graph, program, cut, frontier, spec):
    """The `tf.function` that follows the first `cut` steps of a `Program`, and then runs the rest of the network.

    It takes the rectangles of the image in which something is covered, (n, rows, columns, channels); the maps of the
    uncovered image, those of `clean_tensors`; and where the cells come from of each part that is pasted, see
    `plan.pastes`. It returns the tensors that are wanted, of each covered image. `spec` gives a tensor's TensorSpec.
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


def pasted(clean, rectangles, source, outside=0):
    """(n, rows, columns, channels): for each window a part of a map, put together from what is known of it.

    `clean` is the map of the uncovered image, `rectangles` what the windows have changed of it, and `outside` the
    number beyond its border. `source` (n, rows, columns) tells which of all these cells goes where, see
    `changed.sources`.
    """
    channels = clean.shape[-1]
    border = tf.constant(outside, clean.dtype, [1, channels])
    # One look-up in one table is faster than several of which one is chosen.
    table = tf.concat([*(tf.reshape(cells, [-1, channels]) for cells in (clean, rectangles)), border], axis=0)
    return tf.gather(table, source)


def leaves_out_padding(graph, step):
    """Whether it is a mean over those cells of a window only that lie in the map."""
    return step.work.kind == "AvgPool" and graph.node(step.name).attr["padding"].s != b"VALID"


def with_presence(cells):
    """With a further channel that is 1: where there is nothing, it will be 0."""
    return tf.concat([cells, tf.ones_like(cells[..., :1])], axis=-1)


def output(graph, step, inputs, fixed):
    """What a step makes of `inputs` {tensor: (n, rows, columns, channels)}; whatever border it pads is there already.

    `fixed` {tensor: value} is what is the same for every image.
    """
    if step.work.kind in PADDINGS | {"IdentityN"}:
        return inputs[step.inputs[0]]
    values = fixed | inputs
    made = _applied(graph, step.name, [values[name] for name in graph.inputs_of(step.name)])
    return made[..., :-1] / made[..., -1:] if leaves_out_padding(graph, step) else made


def _fixed_inputs(graph, steps):
    """{tensor: value} of what the steps take in that is the same for every image."""
    taken = {tensor for step in steps for tensor in graph.inputs_of(step.name)}
    names = sorted(taken - {tensor for step in steps for tensor in step.inputs})
    return dict(zip(names, graph({}, names), strict=True))


def _applied(graph, name, inputs):
    """The first output of an operation of the graph, without padding, given its inputs."""
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
