"""Attention matrices: softmaxes whose numbers weigh tokens, found in the graph.

They are known by what is done with them: a matrix product with other numbers that come from the image. So they are
found in Keras' own layers and in attention that somebody wrote with `keras.ops`. The axes of the graph (`image_grids`)
tell which tokens the keys are, and whether these are a grid over the whole image, as in a vision transformer, or are
the cells of one window among many, as in Swin.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnviz_widgets.core.layer import AttentionInfo

from .axis_parts import OTHER, Axes, cells_of, is_images
from .image_ways import ImageWays
from .op_kinds import MATRIX_PRODUCTS, TRANSPARENT
from .tensor_names import operation

if TYPE_CHECKING:
    from .graph import ForwardGraph
    from .tracing import Tap

# Attention goes into one of these; on the way it may be turned round, or some of its numbers be left out (a mask).
PRODUCTS = MATRIX_PRODUCTS | {"Einsum"}
PASSED_THROUGH = TRANSPARENT | {"Mul", "SelectV2", "Transpose"}


def attentions_of(graph: "ForwardGraph", taps: "Sequence[Tap]", ways: ImageWays) -> list[tuple[AttentionInfo, str]]:
    """The attentions of a graph, each as (its facts, the name of its tensor), in order of execution."""
    found, times = [], Counter()
    for node in graph.definition.node:
        tensor = f"{node.name}:0"
        if node.op != "Softmax" or not _weighs_tokens(graph, node.name):
            continue
        name = _name(graph, taps, tensor)
        times[name] += 1
        path = name if times[name] == 1 else f"{name}@{times[name]}"
        found.append((_info(graph, path, tensor, ways), tensor))
    return found


def _weighs_tokens(graph, name):
    """True if the numbers of an operation are multiplied, as a matrix, by others that come from the image."""
    of_numbers, waiting = graph.of_numbers(), [name]
    if name not in of_numbers:
        return False
    for source in waiting:
        for reader in graph.readers(source):
            given = [operation(tensor) for tensor in graph.inputs_of(reader)]
            others = of_numbers.intersection(given) - {source}
            if graph.node(reader).op in PASSED_THROUGH and not others:
                waiting.append(reader)
            elif graph.node(reader).op in PRODUCTS and others:
                return True
    return False


def _info(graph, path, tensor, ways):
    shape, axes = tuple(graph.tensor(tensor).shape[1:]), graph.axes().get(tensor)
    cells, before = _grid_behind(axes)
    return AttentionInfo(
        path=path,
        kind="Attention",
        output_shape=shape if len(shape) == 3 else (1, *shape),  # of a single head there is perhaps no axis
        parameters=0,
        layer=None,
        dtype=graph.tensor(tensor).dtype.name,
        mirrored=ways.is_mirrored(tensor),
        shared=ways.is_shared(tensor),
        cells=cells,
        before=before,
        among_tokens=cells is not None and axes is not None and axes[-2] == axes[-1],
    )


def _grid_behind(axes: Axes | None) -> tuple[tuple[int, int] | None, int]:
    """((rows, columns) of the keys, the number of tokens in front), or (None, 0) where they are no grid of the image.

    An axis between the images and the queries is that of the heads: it must be nothing of the image.
    """
    if axes is None or len(axes) not in (3, 4) or not is_images(axes[0]):
        return None, 0
    if len(axes) == 4 and any(part.of != OTHER for part in axes[1]):
        return None, 0
    cells, before = cells_of(axes[-1])
    if not cells or cells[0].size is None or cells[1].size is None:
        return None, 0
    return (cells[0].size, cells[1].size), before


def _name(graph, taps, tensor):
    """ "attention in mha" for a softmax inside the layer "mha", or "softmax after norm" by the last layer before it."""
    before, own = graph.before(tensor), operation(tensor)
    known = [tap for tap in taps if own not in map(operation, graph.handed_on(tap.tensor))]
    last = next((tap.path for tap in reversed(known) if operation(tap.tensor) in before), "")
    first = next((tap.path for tap in known if own in graph.before(tap.tensor)), "")
    inside = _folder(last)
    if inside and inside == _folder(first):
        return f"attention in {inside}"
    return f"softmax after {last}" if last else "softmax"


def _folder(path):
    """The path of the layer around another: "encoder/mha/query" -> "encoder/mha"."""
    return path.rpartition("/")[0]
