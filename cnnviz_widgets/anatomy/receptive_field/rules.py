"""A walk through a traced graph that finds the receptive fields of its tensors' cells, by a rule for each kind."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cnnviz_widgets.engine.op_kinds import CELL_BY_CELL, CONVOLUTIONS, SHAPE_ONLY

from . import rules_moving, rules_summing, rules_windows
from .cell_fields import CellFields, Unknown, together
from .intervals import Intervals

if TYPE_CHECKING:
    from cnnviz_widgets.engine.graph import ForwardGraph

# Operations that may stand between SpaceToBatchND and BatchToSpaceND.
INTERLEAVED = CELL_BY_CELL | CONVOLUTIONS | {"BatchToSpaceND", "IdentityN"}
# A rule is a function of an operation, every shape of which is known, and of the CellFields of its inputs, None for an
# input that does not depend on the image. It returns those of the outputs, and raises Unknown if it cannot find them.
RULES: dict[str, Callable[..., Any]] = {**rules_moving.RULES, **rules_windows.RULES, **rules_summing.RULES}


def fields_of(
    graph: "ForwardGraph", sides: tuple[int, int], wanted: Iterable[str]
) -> dict[str, tuple[tuple[int, ...], tuple[Intervals, Intervals]]]:
    """{name: (shape, (Intervals, Intervals))} of the `wanted` tensors, for an image of `sides` (height, width).

    Tensors with unknown fields are left out, and so are those that do not depend on the image.
    """
    sized, image = graph.for_one_image(*sides)
    height, width = sides
    known: dict[Any, Any] = {
        image.ref(): CellFields((Intervals.of_pixels(height, 1, 4), Intervals.of_pixels(width, 2, 4)))
    }
    for operation in sized.get_operations():
        inputs = [known.get(tensor.ref()) for tensor in operation.inputs]
        if not any(inputs) or operation.type in SHAPE_ONLY:
            continue
        try:
            outputs = [Unknown] * len(operation.outputs) if Unknown in inputs else _outputs(operation, inputs)
        except Unknown:
            outputs = [Unknown] * len(operation.outputs)
        known.update({tensor.ref(): fields for tensor, fields in zip(operation.outputs, outputs, strict=True)})
    found = {}
    for name in wanted:
        tensor = image if name == graph.input else sized.get_tensor_by_name(name)
        fields = known.get(tensor.ref())
        if fields not in (None, Unknown) and fields.blocks == (1, 1):
            found[name] = tuple(tensor.shape), fields.intervals
    return found


def _outputs(operation, inputs):
    """The CellFields of an operation's outputs, for those of its inputs."""
    kind = operation.type
    if any(fields and fields.blocks != (1, 1) for fields in inputs) and kind not in INTERLEAVED:
        raise Unknown
    if kind in CELL_BY_CELL:
        return [together(operation.inputs, inputs)]
    if kind == "IdentityN":
        return inputs
    rule = RULES.get(kind)
    if rule is None:
        raise Unknown
    return rule(operation, inputs)
