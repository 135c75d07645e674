"""Places for the boxes of a directed graph, in rows from top to bottom, and paths for its edges around the boxes.

The four steps of Sugiyama, Tagawa, Toda, "Methods for Visual Understanding of Hierarchical System Structures", IEEE
Trans. Systems, Man and Cybernetics 11 (1981): rows by longest path, a bend point wherever an edge passes a row, order
within a row by barycentres, then coordinates. For the last step we differ: each row is fitted by least squares to its
neighbours, without overlap (Barlow et al. 1972, pooling of adjacent violators), so that chains come out straight.

Arithmetic on numbers only: no Keras, no widgets. A few milliseconds for a hundred boxes.
"""

from bisect import bisect_right, insort
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

ROW_GAP = 22  # px between rows, at least
BOX_GAP = 18  # px between boxes in a row
BEND_WIDTH = 8  # px kept free around an edge that passes a row
SPREAD = 22  # px between edges that enter a box
SWEEPS = 8  # for the order within rows
FITS = 16  # for the coordinates
# The pull of two nodes in neighbouring rows into one line, by the number of bend points among the two: edges that pass
# rows are made straight first, then chains of boxes; the ends of such edges give way to both.
PULL = (2.0, 1.0, 8.0)


@dataclass(frozen=True)
class DiagramLayout:
    """The places of boxes and edges, in px from the top left corner."""

    width: float
    height: float
    corners: dict[Any, tuple[float, float]]  # box -> (left, top)
    # edge -> [(x, y), ...] from box to box; where x changes between two of them, bend
    routes: dict[tuple[Any, ...], list[tuple[float, float]]]


def layered(
    sizes: Mapping[Any, tuple[float, float]],
    edges: Iterable[tuple[Any, ...]],
    ports: Mapping[tuple[Any, ...], tuple[float, float]] | None = None,
    last: Collection[Hashable] = (),
) -> DiagramLayout:
    """Lay out boxes so that edges run downwards.

    `sizes` has the (width, height) of each box, in an order of execution. An edge is (from, to, ...), where the rest
    tells it from others between the same boxes; one that runs against the order is laid out the other way round.
    `ports` gives for an edge the distances of its two ends from the middles of their boxes, in px. The boxes in `last`
    stand in the last row.
    """
    edges = list(dict.fromkeys(edges))
    rows = _ordered(grid := _Grid(sizes, edges, ports or {}, last))
    grid = _Grid(sizes, edges, _spread(grid, rows) | dict(ports or {}), last)
    middle = _placed(grid, rows)
    return _drawn(grid, rows, middle, edges)


class _Grid:
    """Boxes and bend points in rows, and the short links between neighbouring rows."""

    def __init__(self, sizes, edges, ports, last):
        place = {box: number for number, box in enumerate(sizes)}
        self.sizes = dict(sizes)
        self.row = _rows(place, edges, last)
        self.bends = set()
        self.steps = {}  # edge -> [(node, offset from its middle, node in the next row, offset there), ...] downwards
        self.above = {box: [] for box in sizes}  # node -> [(neighbour, offset there, offset here)]
        self.below = {box: [] for box in sizes}
        for edge in edges:
            (upper, at_upper), (lower, at_lower) = sorted(
                zip(edge, ports.get(edge, (0, 0)), strict=False), key=lambda end: place[end[0]]
            )
            bends = [((edge, row), 0) for row in range(self.row[upper] + 1, self.row[lower])]
            for bend, _ in bends:
                self.bends.add(bend)
                self.sizes[bend], self.row[bend] = (BEND_WIDTH, 0), bend[1]
                self.above[bend], self.below[bend] = [], []
            nodes = [(upper, at_upper), *bends, (lower, at_lower)]
            self.steps[edge] = [(*one, *other) for one, other in pairwise(nodes)]
            for one, here, other, there in self.steps[edge]:
                self.below[one].append((other, there, here))
                self.above[other].append((one, here, there))


def _rows(place, edges, last):
    """box -> its row: one below the lowest of those that feed it."""
    feeds = {box: [] for box in place}
    for edge in edges:
        upper, lower = sorted(edge[:2], key=place.__getitem__)
        feeds[lower].append(upper)
    row = {}
    for box in place:  # in order of execution, so what feeds a box has its row already
        row[box] = max((row[upper] + 1 for upper in feeds[box]), default=0)
    bottom = max(row.values(), default=0)
    if any(row[box] == bottom for box in place if box not in last):
        bottom += bool(last)
    return row | dict.fromkeys(last, bottom)


# ---- Order within the rows


def _ordered(grid):
    """The rows, each a list from left to right: the order with the fewest crossings of several sweeps."""
    rows = [[] for _ in range(max(grid.row.values(), default=-1) + 1)]
    for node, row in grid.row.items():
        rows[row].append(node)
    best, fewest = rows, _crossings(grid, rows)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        rows = _swept(grid, rows, downwards=sweep % 2 == 0)
        crossings = _crossings(grid, rows)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _swept(grid, rows, downwards):
    """Return the rows, each sorted by the places of its neighbours in the row before it."""
    neighbours = grid.above if downwards else grid.below
    done, position = [], {}
    for row in rows if downwards else rows[::-1]:
        wanted = {}
        for number, node in enumerate(row):
            there = [position[other] + offset / 1e4 for other, offset, _ in neighbours[node]]
            wanted[node] = sum(there) / len(there) if there else number
        done.append(sorted(row, key=wanted.__getitem__))
        position |= {node: number for number, node in enumerate(done[-1])}
    return done if downwards else done[::-1]


def _crossings(grid, rows):
    """Return the number of pairs of links that cross."""
    count = 0
    for upper, lower in pairwise(rows):
        position = {node: number for number, node in enumerate(lower)}
        ends = []
        for node in upper:
            links = sorted(grid.below[node], key=lambda link: (link[2], position[link[0]], link[1]))
            here = [(position[other], at_other) for other, at_other, _ in links]
            count += sum(len(ends) - bisect_right(ends, end) for end in here)
            for end in here:
                insort(ends, end)
    return count


# ---- Coordinates


def _spread(grid, rows):
    """Ports for the edges: those that enter a box do so side by side, those that leave are one value."""
    position = {node: number for row in rows for number, node in enumerate(row)}
    entering = {}
    for edge, steps in grid.steps.items():
        before, _, box, _ = steps[-1]
        entering.setdefault(box, []).append((position[before], edge))
    ports = {}
    for box, found in entering.items():
        apart = min(SPREAD, grid.sizes[box][0] / (len(found) + 1))
        for number, (_, edge) in enumerate(sorted(found, key=lambda pair: pair[0])):
            offset = (number - (len(found) - 1) / 2) * apart
            ports[edge] = (0, offset) if box == edge[1] else (offset, 0)
    return ports


def _placed(grid, rows):
    """node -> x of its middle."""
    middle = {}
    for row in rows:
        x = 0
        for node in row:
            middle[node] = x + grid.sizes[node][0] / 2
            x += grid.sizes[node][0] + BOX_GAP
    for sweep in range(FITS):
        sides = ((grid.above,), (grid.below,))[sweep % 2] if sweep < FITS / 2 else (grid.above, grid.below)
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            _fit(grid, row, middle, sides)
    return _straightened(grid, rows, middle)


def _straightened(grid, rows, middle):
    """Put a box that follows only one other exactly below it, where there is room: least squares bend chains."""
    for row in rows[1:]:
        for number, node in enumerate(row):
            if len(grid.above[node]) != 1:
                continue
            other, there, here = grid.above[node][0]
            if len(grid.below[other]) > 1:
                continue
            x = middle[other] + there - here
            beside = [row[n] for n in (number - 1, number + 1) if 0 <= n < len(row)]
            if all(
                abs(x - middle[one]) >= (grid.sizes[one][0] + grid.sizes[node][0]) / 2 + BOX_GAP
                and (x > middle[one]) == (middle[node] > middle[one])
                for one in beside
            ):
                middle[node] = x
    return middle


def _fit(grid, row, middle, sides):
    """Move the nodes of a row as near to their neighbours' places as their order allows, without overlap."""
    wanted, weights, shift, shifts = [], [], 0, []
    for number, node in enumerate(row):
        if number:
            shift += (grid.sizes[row[number - 1]][0] + grid.sizes[node][0]) / 2 + BOX_GAP
        total = weight = 1e-6
        total *= middle[node]
        for side in sides:
            for other, there, here in side[node]:
                pull = PULL[(node in grid.bends) + (other in grid.bends)]
                total += pull * (middle[other] + there - here)
                weight += pull
        wanted.append(total / weight - shift)
        weights.append(weight)
        shifts.append(shift)
    for node, x, shift in zip(row, _rising(wanted, weights), shifts, strict=True):
        middle[node] = x + shift


def _rising(values, weights):
    """The nearest numbers, by weighted least squares, that do not fall."""
    pools = []  # [mean, weight, count]
    for pool in zip(values, weights, strict=True):
        mean, weight, count = *pool, 1
        while pools and pools[-1][0] > mean:
            before, its_weight, its_count = pools.pop()
            mean = (mean * weight + before * its_weight) / (weight + its_weight)
            weight, count = weight + its_weight, count + its_count
        pools.append((mean, weight, count))
    return [mean for mean, _, count in pools for _ in range(count)]


def _drawn(grid, rows, middle, edges):
    left = min((middle[node] - grid.sizes[node][0] / 2 for node in middle), default=0)
    middle = {node: x - left for node, x in middle.items()}
    top, heights, y = [], [], 0
    for row in rows:
        heights.append(max(grid.sizes[node][1] for node in row))
        top.append(y)
        steps = [abs(middle[a] + at - middle[b] - there) for a in row for b, there, at in grid.below[a]]
        y += heights[-1] + ROW_GAP + min(40, max(steps, default=0) / 10)  # a wide step needs room for its curve
    corners = {node: (middle[node] - width / 2, top[grid.row[node]]) for node, (width, _) in grid.sizes.items()}
    routes = {}
    for edge in edges:
        points = []
        for one, here, _, _ in grid.steps[edge]:
            row, x = grid.row[one], middle[one] + here
            points += [(x, top[row] + grid.sizes[one][1]), (x, top[row] + heights[row])]
        *_, end, there = grid.steps[edge][-1]
        points.append((middle[end] + there, top[grid.row[end]]))
        routes[edge] = points if grid.steps[edge][0][0] == edge[0] else points[::-1]
    width = max((x + grid.sizes[node][0] for node, (x, _) in corners.items()), default=0)
    height = top[-1] + heights[-1] if rows else 0
    return DiagramLayout(
        width, height, {box: corner for box, corner in corners.items() if box not in grid.bends}, routes
    )
