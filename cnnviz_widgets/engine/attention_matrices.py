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
from .op_kinds import PRODUCTS, TRANSPARENT
from .tensor_names import operation

if TYPE_CHECKING:
    from .graph import ForwardGraph
    from .tracing import Tap

# On the way to its product attention may be turned round, or some of its numbers be left out (a mask).
PASSED_THROUGH = TRANSPARENT | {"Mul", "SelectV2", "Transpose"}


def attentions_of(graph: "ForwardGraph", taps: "Sequence[Tap]", ways: ImageWays) -> list[tuple[AttentionInfo, str]]:
    """The attentions of a graph, each as (its facts, the name of its tensor), in order of execution."""
    softmaxes = {node.name: weighed for node in graph.definition.node if (weighed := _weighed_by(graph, node))}
    products = {node.name for node in graph.definition.node if _is_product(graph, node.name)}
    known = {product for name, weighed in softmaxes.items() for product in weighed | _compared_for(graph, name)}
    found, times = [], Counter()
    for softmax in softmaxes:
        tensor = f"{softmax}:0"
        name = _name(graph, taps, tensor)
        times[name] += 1
        path = name if times[name] == 1 else f"{name}@{times[name]}"
        found.append((_info(graph, path, tensor, ways, alone=products <= known), tensor))
    return found


def _weighed_by(graph, node):
    """The matrix products in which the numbers of a softmax weigh others that come from the image."""
    of_numbers, waiting, found = graph.of_numbers(), [node.name], set()
    if node.op != "Softmax" or node.name not in of_numbers:
        return found
    for source in waiting:
        for reader in graph.readers(source):
            if _is_product(graph, reader):
                found.add(reader)
            elif graph.node(reader).op in PASSED_THROUGH and _from_image(graph, reader) == {source}:
                waiting.append(reader)
    return found


def _compared_for(graph, name):
    """The matrix products of queries and keys behind a softmax, in front of it with nothing else of the image."""
    found, waiting = set(), [name]
    for source in waiting:
        if _is_product(graph, source):
            found.add(source)
        elif len(given := _from_image(graph, source)) == 1:
            waiting += given
    return found


def _is_product(graph, name):
    """True for a matrix product of two tensors that come from the image."""
    return graph.node(name).op in PRODUCTS and len(_from_image(graph, name)) > 1


def _from_image(graph, name):
    """The operations whose numbers, which come from the image, an operation takes."""
    return graph.of_numbers().intersection(map(operation, graph.inputs_of(name)))


def _info(graph, path, tensor, ways, alone):
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
        alone=alone,
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
