"""Rewriting of graphs so that token sequences with a grid behind them pass through that grid.

A vision transformer keeps its grid as a list, (tokens, channels), often with a class token or others in front. Such a
tensor is laid out as (rows, columns, channels) and put back between the tokens that are not of the image. The grid in
between is the tensor to look at: it can be read, fed in the middle and differentiated like that of a convolution.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tensorflow as tf

from .axis_parts import Axes, cells_of, is_images, length
from .tensor_names import GraphDef, operation, tensor_name

if TYPE_CHECKING:
    from .graph import ForwardGraph

GIVEN, GRID, TOKENS = "given", "as_grid", "as_tokens"


@dataclass(frozen=True)
class TokenGrid:
    """The grid in a tensor of tokens: `tensor` is its name, (images, *shape); `before` tokens stand in front of it."""

    tensor: str
    shape: tuple[int, int, int]
    before: int
    tokens: int  # together; TensorFlow may not know it


def with_token_grids(graph: "ForwardGraph", tensors: Iterable[str]) -> tuple["ForwardGraph", dict[str, TokenGrid]]:
    """(a graph that computes the same, {name: grid}) for those of `tensors` that are tokens with a grid behind them."""
    axes, found = graph.axes(), {}
    for name in tensors:
        if (grid := _grid(graph.tensor(name), axes.get(name))) is not None:
            found[name] = grid
    if not found:
        return graph, found
    ways = {name: _way_through(graph.tensor(name), grid) for name, grid in found.items()}
    return graph.with_definition(_rewritten(graph.definition, ways), ways.values()), found


def is_token_grid(tensor: str) -> bool:
    """True for the name of a tensor in which tokens are laid out as their grid."""
    return tensor.endswith(f"/{GRID}:0")


def _grid(tensor: tf.Tensor, axes: Axes | None) -> TokenGrid | None:
    if axes is None or len(axes) != 3 or not is_images(axes[0]):
        return None
    channels, (cells, before) = tensor.shape[-1], cells_of(axes[1])
    rows, columns = (cell.size for cell in cells) if cells else (None, None)
    tokens = length(axes[1]) if tensor.shape[1] is None else tensor.shape[1]
    if channels is None or rows is None or columns is None or tokens is None:
        return None
    return TokenGrid(f"{_named(tensor.name, GRID)}:0", (rows, columns, channels), before, tokens)


def _rewritten(definition: GraphDef, ways: dict[str, tf.Graph]) -> GraphDef:
    changed = tf.compat.v1.GraphDef(versions=definition.versions, library=definition.library)
    by_operation = defaultdict(list)
    for name, way in ways.items():
        nodes = [node for node in way.as_graph_def().node if node.name != _named(name, GIVEN)]
        for node in nodes:
            node.input[:] = [name if given == _named(name, GIVEN) else given for given in node.input]
        by_operation[operation(name)] += nodes
    for node in definition.node:
        copy = tf.compat.v1.NodeDef()
        copy.CopyFrom(node)
        copy.input[:] = [_named(name, TOKENS) if tensor_name(name) in ways else name for name in node.input]
        changed.node.extend([copy, *by_operation[node.name]])
    return changed


def _named(tensor, what):
    """The name of an operation on the way from a tensor through its grid."""
    return f"{tensor_name(tensor).replace(':', '_')}/{what}"


def _way_through(tensor, grid):
    """A graph of the operations from a tensor of tokens to the grid and back."""
    rows, columns, channels = grid.shape
    end = grid.before + rows * columns
    with tf.Graph().as_default() as graph:
        shape = (tensor.shape[0], grid.tokens, channels)
        given = tf.compat.v1.placeholder(tensor.dtype, shape, name=_named(tensor.name, GIVEN))
        with tf.name_scope(_named(tensor.name, "")):
            # No slices of all or of nothing, which would stay in the graph, between an output and its softmax.
            own = given if grid.tokens == rows * columns else given[:, grid.before : end]
            cells = tf.reshape(tf.reshape(own, (-1, *grid.shape), name=GRID), (-1, rows * columns, channels))
            before = [given[:, : grid.before]] if grid.before else []
            behind = [] if grid.tokens == end else [given[:, end:]]
            tf.identity(tf.concat([*before, cells, *behind], 1), name=TOKENS)
    return graph
