"""Maps that operations make between layers, such as `relu(x + y)` of a residual block written with `keras.ops`.

No layer returns them, but a layer takes them, or a mean over all places does. They get names by which they can be
chosen: "relu after branch", the operation and the last layer in front of it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .constants import static_value
from .op_kinds import CONVOLUTIONS, PADDINGS, REDUCTIONS
from .tensor_names import operation

if TYPE_CHECKING:
    from .graph import ForwardGraph
    from .tracing import Tap

# Names of operations, where TensorFlow's own is not what a person would say.
WORDS = {
    "AddV2": "add",
    "AddN": "add",
    "BiasAdd": "bias",
    "ConcatV2": "concatenate",
    "FusedBatchNormV3": "normalisation",
    "IdentityN": "activation",
    "Mul": "multiply",
    "RealDiv": "divide",
    "Relu": "relu",
    "Relu6": "relu6",
    "ResizeBilinear": "resize",
    "ResizeNearestNeighbor": "resize",
    "Sub": "subtract",
}
# They make no maps to look at: a frame of zeros, other axes.
NO_MAPS = PADDINGS | {"MirrorPad", "Transpose"}


def with_maps_between(graph: "ForwardGraph", taps: "Sequence[Tap]") -> "tuple[Tap, ...]":
    """The taps, those of layers and named ones of grids between layers, in order of execution.

    Of those without a layer, which are what layers take, some are layers' outputs or the image itself: these go.
    """
    known = {operation(tap.tensor): tap for tap in taps if tap.layer is not None}
    times, found, seen = Counter(), [], {operation(graph.input), *known}
    for tap in (*taps, *_averaged(graph, taps)):
        if tap.layer is not None:
            found.append(tap)
        # One that only hands on what is known, perhaps in another type, is no other map.
        elif _is_map(graph, tap) and not any(operation(source) in seen for source in graph.handed_on(tap.tensor)):
            seen.add(operation(tap.tensor))
            before = graph.before(tap.tensor)
            if last := [other for name, other in known.items() if name in before]:
                found.append(_named(tap, last[-1], times))
    return tuple(found)


def _averaged(graph, taps):
    """Taps of the grids over whose places operations take a mean, a sum or the largest number."""
    for node in graph.definition.node if taps else ():
        if node.op in REDUCTIONS:
            tensor, over = map(graph.tensor, graph.inputs_of(node.name)[:2])
            if tensor.shape.rank == 4 and tensor.op.type not in CONVOLUTIONS and _is_over_places(over):
                shape, kind = tuple(tensor.shape[1:]), tensor.op.type
                yield replace(taps[0], path="", layer=None, tensor=tensor.name, shape=shape, kind=kind)


def _is_over_places(axes):
    """True unless the axes are known not to be those of rows or of columns, as where channels are normalised."""
    over = static_value(axes)
    return over is None or not {1, 2, -3, -2}.isdisjoint(over.ravel().tolist())


def _is_map(graph, tap):
    tensor = graph.tensor(tap.tensor)
    return len(tap.shape) == 3 and tap.shape[-1] is not None and tensor.dtype.is_floating and tap.kind not in NO_MAPS


def _named(tap, last, times):
    name = f"{WORDS.get(tap.kind, tap.kind.lower())} after {last.path}"
    times[name] += 1
    return replace(tap, path=name if times[name] == 1 else f"{name}@{times[name]}")
