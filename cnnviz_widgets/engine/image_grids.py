"""Grids of the image: tensors whose rows and columns are the image's, found by following its axes through the graph.

The rank tells nothing: attention is computed on tokens x heads, and a layer that runs once for each window sees windows
where the images were. One pass over the graph says of each tensor that depends on the image what its axes are
(`axis_parts`), by a rule for each family of operations.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from .axis_parts import (
    COLUMNS,
    IMAGES,
    OTHER,
    ROWS,
    SEQUENCE,
    Axes,
    Axis,
    Part,
    axis_beside,
    cells_of,
    dealt,
    is_grid,
    is_images,
    is_one,
    length,
    length_changed,
    rest,
)
from .constants import static_value
from .op_kinds import (
    CELL_BY_CELL,
    CONVOLUTIONS,
    GRIDS,
    OP_KINDS,
    PLACES_OF_EXTREMES,
    SHAPE_ONLY,
    TRANSPOSED_CONVOLUTIONS,
)

if TYPE_CHECKING:
    from .graph import ForwardGraph

Given = Sequence[Axes | None]
# Not in `op_kinds`, since nothing else is known of them.
MORE_WINDOWS = frozenset(
    {"AdjustContrastv2", "CropAndResize", "Dilation2D", "ExtractImagePatches", "FractionalAvgPool", "FractionalMaxPool"}
    | {"ImageProjectiveTransformV3", "MaxPoolV2", "MaxPoolWithArgmax", "ResizeArea", "ResizeBicubic"}
    | {"ScaleAndTranslate"}
)

# (rows, columns) of grids
Sides = frozenset[tuple[int | None, int | None]]


def axes_of(graph: "ForwardGraph") -> dict[str, Axes]:
    """{name: axes} of the tensors of a graph that depend on the image and whose rank is known."""
    image = graph.tensor(graph.input).graph.inputs[0]  # where a graph was rewritten, not the placeholder in it
    rows, columns, *channels = image.shape[1:]
    sides = (Part(ROWS, rows),), (Part(COLUMNS, columns),)
    found: dict[str, Axes] = {image.name: ((Part(IMAGES),), *sides, *(rest(size) for size in channels))}
    seen: dict[str, Sides] = {}  # the sides of grids that went into an unknown operation
    for operation in image.graph.get_operations():
        given = [found.get(tensor.name) for tensor in operation.inputs]
        hidden: Sides = frozenset().union(*(seen.get(tensor.name, ()) for tensor in operation.inputs))
        if (not any(given) and not hidden) or operation.type in SHAPE_ONLY:
            continue
        rule = _rule(operation.type)
        for output in operation.outputs:
            if output.shape.rank is None or (rule is None and not any(given)) or not _numbers(output):
                axes = None
            else:
                axes = (rule or _unknown)(operation, given, output)
            hints = hidden | frozenset(map(_sides, filter(is_grid, given)))
            if axes is None or len(axes) != output.shape.rank:
                axes = _guessed(output, hints)
            if axes is None or rule is None:
                seen[output.name] = hints
            if axes is not None:
                found[output.name] = _decoded(operation, given, axes, (rows, columns))
    return found


def _numbers(output):
    return output.dtype.name not in ("variant", "resource", "string")


def _sides(axes):
    return length(axes[1]), length(axes[2])


def _guessed(output, hints):
    """The axes of the output of an unknown operation: a grid if it is as large as one that went in, else unknown."""
    if output.shape.rank is None or not _numbers(output):
        return None
    sizes = tuple(output.shape)
    if len(sizes) == 4 and None not in sizes[1:3] and sizes[1:3] in hints:
        return (Part(IMAGES),), (Part(ROWS, sizes[1]),), (Part(COLUMNS, sizes[2]),), rest(sizes[3])
    return tuple(rest(size) for size in sizes)


def _decoded(operation, given, axes, image):
    """The axes; where a decoder begins, which lays a list of numbers out as the image is, with rows and columns."""
    source, sizes = given[0], tuple(map(length, axes))
    if operation.type != "Reshape" or source is None or len(source) != 2 or len(axes) != 4 or None in image:
        return axes
    lost = all(part.of == OTHER for axis in axes[1:3] for part in axis) and is_images(axes[0])
    if not lost or None in sizes[1:3] or sizes[1] * image[1] != sizes[2] * image[0]:
        return axes
    return axes[0], (Part(ROWS, sizes[1]),), (Part(COLUMNS, sizes[2]),), axes[3]


# ---- A rule takes an operation, the axes of its inputs (None for one without the image) and an output


def _unknown(operation, given, output):
    """The axes of the input of which the output has the shape."""
    for tensor, axes in zip(operation.inputs, given, strict=True):
        if axes is not None and tensor.shape.rank == output.shape.rank and tuple(tensor.shape) == tuple(output.shape):
            return axes
    return None


def _cell_by_cell(operation, given, output):
    rank = output.shape.rank
    result = tuple((Part(OTHER, 1),) for _ in range(rank))
    for axes in given:
        if axes is not None:
            padded = (*((Part(OTHER, 1),) for _ in range(rank - len(axes))), *axes)
            result = tuple(axis_beside(first, second) for first, second in zip(result, padded, strict=True))
    # A place that the image's part does not have comes from a constant.
    return tuple(
        axis if length(axis) in (size, None) or (size is None and not is_one(axis)) else rest(size)
        for axis, size in zip(result, output.shape, strict=True)
    )


def _handed_on(operation, given, output):
    return given[output.value_index] if operation.type == "IdentityN" else given[0]


def _window(operation, given, output):
    """The axes of a convolution, a pooling or a resize: rows stay rows, however many."""
    grid = given[GRIDS.get(operation.type, 0)]
    if grid is None or len(grid) != output.shape.rank or len(grid) < 3:
        return None
    sides = [length_changed(axis, size) for axis, size in zip(grid[1:-1], output.shape[1:-1], strict=True)]
    for place, of in ((0, ROWS), (1, COLUMNS)):  # a decoder may begin with a single cell
        if len(grid) == 4 and length(grid[place + 1]) == 1 and output.shape[place + 1] != 1:
            sides[place] = (Part(of, output.shape[place + 1]),)
    return grid[0], *sides, rest(output.shape[-1])


def _reshaped(operation, given, output):
    source = given[0]
    if source is None:
        return None
    sizes = _sizes(operation, source, output)
    axes = dealt(source, sizes)
    if axes is None and sizes and sizes[0] is None and is_images(source[0]) and None not in sizes[1:]:
        return source[0], *(rest(size) for size in sizes[1:])
    return axes


def _sizes(operation, source, output):
    """The sizes after a reshape, also where TensorFlow does not know them before there are images."""
    sizes = tuple(output.shape)
    if None not in sizes[1:]:
        return sizes
    if len(sizes) == 2:  # the images' and other axes in one, for a product with a matrix of a known number of rows
        products = [reader.inputs[1].shape[0] for reader in output.consumers() if reader.type == "MatMul"]
        return (None, products[0]) if products and sizes[0] is None else sizes
    all_numbers = length(tuple(part for axis in source[1:] for part in axis))
    if sizes.count(None) == 2 and all_numbers is not None and is_images(source[0]) and _is_number_of_images(operation):
        known = prod(size for size in sizes if size is not None)
        return None, *(all_numbers // known if size is None else size for size in sizes[1:])
    return sizes


def _is_number_of_images(operation):
    """True for a reshape that asks for as many places along the first axis as there are, as by `shape(values)[0]`."""
    asked = operation.inputs[1].op
    first = asked.inputs[0].op if asked.type == "Pack" else None
    if first is None or first.type != "StridedSlice" or first.inputs[0].op.type != "Shape":
        return False
    begin, counted = static_value(first.inputs[1]), first.inputs[0].op.inputs[0]
    return begin is not None and begin.tolist() == [0] and counted is operation.inputs[0]


def _transposed(operation, given, output):
    order = static_value(operation.inputs[1])
    return None if order is None or given[0] is None else tuple(given[0][axis] for axis in order)


def _reduced(operation, given, output):
    axes, over = given[0], static_value(operation.inputs[1])
    if axes is None or over is None:
        return None
    over = {int(axis) % len(axes) for axis in over.ravel()}
    if operation.type not in PLACES_OF_EXTREMES and operation.get_attr("keep_dims"):
        return tuple((Part(OTHER, 1),) if axis in over else parts for axis, parts in enumerate(axes))
    return tuple(parts for axis, parts in enumerate(axes) if axis not in over)


def _moved(operation, given, output):
    """The axes of what pads, crops, splits or repeats along some of them."""
    source = next((axes for axes in given if axes is not None), None)
    if source is None or len(source) != output.shape.rank:
        return None
    if operation.type == "Tile" and (times := static_value(operation.inputs[1])) is not None and times[0] != 1:
        source = (rest(None), *source[1:])
    return (source[0], *(length_changed(axis, size) for axis, size in zip(source[1:], output.shape[1:], strict=True)))


def _sliced(operation, given, output):
    """The axes of `values[...]`, with axes left out and put in."""
    begin = static_value(operation.inputs[1])
    masks = {
        name: operation.get_attr(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    source, sizes = given[0], iter(output.shape)
    rank, places = len(source or ()), operation.inputs[1].shape[0]
    if source is None or places is None:
        return None
    used = sum(not (masks["new_axis"] | masks["ellipsis"]) >> place & 1 for place in range(places))
    result, axis = [], 0
    for place in range(places):
        if masks["ellipsis"] >> place & 1:
            for _ in range(rank - used):
                result.append(source[axis])
                next(sizes)
                axis += 1
        elif masks["new_axis"] >> place & 1:
            result.append(rest(next(sizes)))
        elif masks["shrink_axis"] >> place & 1:
            axis += 1
        else:
            size = next(sizes)
            first = 0 if begin is None or masks["begin"] >> place & 1 else int(begin[place])
            result.append(_cut(source[axis], first, size))
            axis += 1
    return (*result, *source[axis:])


def _cut(axis: Axis, first: int, size: int | None) -> Axis:
    """The axis from place `first` on, `size` places long; the cells of a sequence may be cut free."""
    if is_images(axis):
        return axis
    if len(axis) == 1 and axis[0].of == SEQUENCE and size is not None and axis[0].size is not None:
        part = axis[0]
        first += (part.size or 0) if first < 0 else 0
        cells = length(part.cells)
        if first <= part.before and cells is not None and first + size >= part.before + cells:
            return sequence(part.cells, part.before - first, size)
        return rest(size)
    return length_changed(axis, size)


def sequence(cells: Axis, before: int, size: int) -> Axis:
    """The axis of `size` tokens, of which the first `before` and the last are none of the image's `cells`."""
    return cells if size == length(cells) else (Part(SEQUENCE, size, before=before, cells=cells),)


def _joined_along(operation, given, output):
    """The axes of a concatenation. Tokens in front of cells or behind them make a sequence."""
    along, tensors = static_value(operation.inputs[-1]), operation.inputs[:-1]
    if along is None:
        return None
    along, known = int(along) % output.shape.rank, [axes for axes in given[:-1] if axes is not None]
    result = list(known[0])
    for axes in known[1:]:
        result = [axis_beside(first, second) for first, second in zip(result, axes, strict=True)]
    lengths = _lengths(tensors, given, along)
    size = output.shape[along] if lengths is None else sum(lengths)
    cells = [place for place, axes in enumerate(given[:-1]) if axes is not None and cells_of(axes[along])[0]]
    if along == 0:
        result[along] = rest(size)
    elif len(cells) == 1 and lengths is not None and size is not None:
        axis, before = cells_of(given[cells[0]][along])
        result[along] = sequence(axis, before + sum(lengths[: cells[0]]), size)
    else:
        result[along] = length_changed(result[along], size)
    return tuple(result)


def _lengths(tensors, given, along):
    """The lengths of tensors along an axis; None where TensorFlow does not know one, and neither do its axes."""
    found: list[int] = []
    for tensor, axes in zip(tensors, given, strict=False):
        size = tensor.shape[along]
        if size is None and axes is not None:
            size = length(axes[along])
        if size is None:
            return None
        found.append(size)
    return found


def _packed(operation, given, output):
    known = next(axes for axes in given if axes is not None)
    along = operation.get_attr("axis") % output.shape.rank
    return (*known[:along], rest(output.shape[along]), *known[along:])


def _unpacked(operation, given, output):
    along = operation.get_attr("axis") % len(given[0])
    return (*given[0][:along], *given[0][along + 1 :])


def _gathered(operation, given, output):
    source, along = given[0], static_value(operation.inputs[2])
    if along is None or operation.get_attr("batch_dims"):
        return None
    if source is None:
        return _looked_up(operation, given, output) if int(along) == 0 else None
    along = int(along) % len(source)
    picked = output.shape[along : along + output.shape.rank - len(source) + 1]
    between = [length_changed(source[along], size) if len(source[along]) == 1 else rest(size) for size in picked]
    between = between if len(picked) == 1 else [rest(size) for size in picked]
    return (*source[:along], *between, *source[along + 1 :])


def _looked_up(operation, given, output):
    """The axes of rows of a table for each number, as of an embedding."""
    numbers = given[1]
    return None if numbers is None else (*numbers, *map(rest, output.shape[len(numbers) :]))


def _one_hot(operation, given, output):
    numbers, along = given[0], operation.get_attr("axis") % output.shape.rank
    return None if numbers is None else (*numbers[:along], rest(output.shape[along]), *numbers[along:])


def _product(operation, given, output):
    """The axes of a matrix product: rows of the first, columns of the second, the others place by place."""
    turned = [
        any(name in operation.node_def.attr and operation.get_attr(name) for name in names)
        for names in (("transpose_a", "adj_x"), ("transpose_b", "adj_y"))
    ]
    ends, fronts = [], []
    for place, axes in enumerate(given[:2]):
        kept = -1 if turned[place] == (place == 0) else -2
        ends.append(rest(output.shape[place - 2]) if axes is None else axes[kept])
        fronts.append(None if axes is None else axes[:-2])
    front = _cell_by_cell(operation, fronts, _Sized(output.shape[:-2]))
    return (*front, *ends)


class _Sized:
    def __init__(self, shape: Any):
        self.shape = shape


def _einsum(operation, given, output):
    """The axes of an Einstein sum, by its letters."""
    equation = operation.get_attr("equation").decode().replace(" ", "")
    if "." in equation:
        return None
    letters, result = equation.split("->")
    found: dict[str, Axis] = {}
    for term, axes in zip(letters.split(","), given, strict=True):
        for letter, axis in zip(term, axes or (), strict=axes is not None):
            found[letter] = axis_beside(found[letter], axis) if letter in found else axis
    return tuple(found.get(letter, rest(size)) for letter, size in zip(result, output.shape, strict=True))


RULES: dict[str, Callable[[Any, Given, Any], Axes | None]] = {
    "identities": _handed_on,
    "end of a gradient": _handed_on,
    "normalisation": _handed_on,
    "softmax": _handed_on,
    "pooling": _window,
    "resizing": _window,
    "reshaping": _reshaped,
    "reduction": _reduced,
    "place of an extreme": _reduced,
    "padding": _moved,
    "matrix product": _product,
    "einsum": _einsum,
}
OWN_RULES: dict[str, Callable[[Any, Given, Any], Axes | None]] = {
    "Transpose": _transposed,
    "StridedSlice": _sliced,
    "ConcatV2": _joined_along,
    "Pack": _packed,
    "Unpack": _unpacked,
    "GatherV2": _gathered,
    "PyFuncStateless": _window,  # a `preprocess` in NumPy, which may resize
    "ResourceGather": _looked_up,
    "OneHot": _one_hot,
    "DepthToSpace": _window,
    "SpaceToDepth": _window,
}


def _rule(kind):
    """The rule of a kind of operation; None for one of which nothing is known."""
    if kind in OWN_RULES:
        return OWN_RULES[kind]
    if kind in CONVOLUTIONS | TRANSPOSED_CONVOLUTIONS | MORE_WINDOWS:
        return _window
    if kind in CELL_BY_CELL:
        return _cell_by_cell
    family = OP_KINDS[kind].family if kind in OP_KINDS else ""
    return RULES.get(family, _moved if family == "moving" else None)
