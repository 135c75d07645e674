"""The drawing of a diagram: an anatomy and the groups that are open, as boxes and lines with places.

An open group is laid out on its own and then stands as one box in the layout around it; where a line crosses its
frame there is a port. A layer that only processes the output of one other (a normalisation, an activation) hangs below
it, as one card.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from cnnviz_widgets.widgets.parts.layer_words import IMAGE, family, in_short, leaf_name, short_kind

from .diagram_layout import layered

if TYPE_CHECKING:
    from cnnviz_widgets.anatomy.anatomy import Anatomy

NARROWEST, WIDEST = 108, 176  # px of a card
LETTER = 6.9  # px, of a name; fonts differ, the browser squeezes what is longer
SMALL = 0.88  # of that, for the words below a name
CARD, STRIP = 40, 21  # px high: a layer, and one that hangs below another
SIDE, HEAD, FOOT = 14, 14, 6  # px between an open group's frame and what is inside
PORTS = 24  # px between places where lines cross a frame
HANGING = ("norm", "activation")


@dataclass
class DiagramPart:
    """Boxes and lines with places, in px from the part's own corner."""

    width: float = 0
    height: float = 0
    nodes: list[dict[str, Any]] = field(default_factory=list)
    boxes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)
    # ("in" or "out", path of the layer that gives the value) -> x
    ports: dict[tuple[str, str], float] = field(default_factory=dict)

    def take(self, other: "DiagramPart", left: float, top: float) -> None:
        """Put another part inside this one."""
        for thing in (*other.nodes, *other.boxes):
            thing["x"] += left
            thing["y"] += top
        for edge in other.edges:
            edge["points"] = [(x + left, y + top) for x, y in edge["points"]]
        self.nodes += other.nodes
        self.boxes += other.boxes
        self.edges += other.edges


@dataclass
class DiagramItem:
    """One box of the layout: a card of layers, a closed group, or an open one."""

    key: str
    paths: list[str]  # of its layers
    part: DiagramPart


def without_steps(anatomy: "Anatomy") -> "Anatomy":
    """Return the Anatomy without those groups that are one card anyway: a convolution with its followers."""

    def is_card(group):
        if not group.path.endswith("*") or not all(isinstance(member, str) for member in group.members):
            return False
        facts = [anatomy.layer(path) for path in group.members]
        return all(family(one.info.kind) in HANGING and one.inputs == (last.path,) for last, one in pairwise(facts))

    def kept(members):
        for member in members:
            if isinstance(member, str):
                yield member
            elif is_card(member):
                yield from member.members
            else:
                yield replace(member, members=tuple(kept(member.members)))

    return replace(anatomy, members=tuple(kept(anatomy.members)))


def scene(anatomy: "Anatomy", opened: Iterable[str], image_size: str = "", name: str = "") -> dict[str, Any]:
    """Return the drawing for the browser, places in px: {"name", "width", "height", "nodes", "boxes", "edges"}.

    Boxes are open groups. `opened` has the paths of the groups that are open; a group inside a closed one is not seen.
    """
    part = _Drawing(anatomy, frozenset(opened), image_size).level(anatomy.members, 0)
    for thing in (*part.nodes, *part.boxes):
        thing |= {key: round(thing[key], 1) for key in ("x", "y", "width", "height")}
    for edge in part.edges:
        edge["points"] = [(round(x, 1), round(y, 1)) for x, y in edge["points"]]
    size = {"width": round(part.width, 1), "height": round(part.height, 1)}
    return {"name": name, **size, "nodes": part.nodes, "boxes": part.boxes, "edges": part.edges}


def groups_around(anatomy: "Anatomy") -> dict[str, tuple[str, ...]]:
    """Return {path: paths of the groups around it, the outermost first}, for layers and for groups."""
    around = {}

    def walk(members, outer):
        for member in members:
            if isinstance(member, str):
                around[member] = outer
            else:
                around[member.path] = outer
                walk(member.members, (*outer, member.path))

    walk(anatomy.members, ())
    return around


class _Drawing:
    """A layout of one level of the tree after the other, from the inside outwards."""

    def __init__(self, anatomy, opened, image_size):
        self.opened, self.image_size = opened, image_size
        self.facts = {facts.path: facts for facts in (*anatomy.layers, *anatomy.containers)}
        self.inputs = {facts.path: facts.inputs for facts in anatomy.layers}
        self.order = {path: number for number, path in enumerate((IMAGE, *self.inputs))}
        self.consumers = {path: [] for path in self.order}
        for path, sources in self.inputs.items():
            for source in sources:
                self.consumers[source].append(path)

    def level(self, members, depth):
        """Return the DiagramPart of the members of one group, or of the network as a whole."""
        items = {item.key: item for item in self._items(members, depth)}
        owner = {path: item.key for item in items.values() for path in item.paths}
        edges, outs = [], []
        for path in sorted(owner, key=self.order.__getitem__):
            for source in self.inputs.get(path, ()):
                if owner.get(source) != owner[path]:
                    edges.append((owner.get(source, ("in", source)), owner[path], source))
            if depth and (not self.consumers[path] or set(self.consumers[path]) - owner.keys()):
                outs.append(("out", path))
                edges.append((owner[path], ("out", path), path))
        ins = dict.fromkeys(edge[0] for edge in edges if isinstance(edge[0], tuple))
        by_order = sorted(items.values(), key=lambda item: min(self.order[path] for path in item.paths))
        sizes = dict.fromkeys(ins, (1, 0)) | {item.key: (item.part.width, item.part.height) for item in by_order}
        ports = {edge: _ends(edge, items) for edge in edges}
        fixed = {edge: ends for edge, ends in ports.items() if any(ends)}
        edges = dict.fromkeys(edge if edge in fixed else edge[:2] for edge in edges)  # those that coincide become one
        return _assembled(items, layered(sizes | dict.fromkeys(outs, (1, 0)), edges, fixed, outs))

    def _items(self, members, depth):
        """Yield cards, closed groups and open ones."""
        if depth == 0:
            yield DiagramItem(IMAGE, [IMAGE], self._image())
        for card in self._cards([member for member in members if isinstance(member, str)]):
            yield DiagramItem(card[0], card, self._card(card))
        for group in members:
            if not isinstance(group, str):
                part = self._open(group, depth) if group.path in self.opened else self._closed(group)
                yield DiagramItem(group.path, list(group.layers), part)

    def _cards(self, layers):
        """Return the layers, each with those that hang below it: a list of lists of paths."""
        card_of = {}
        for path in sorted(layers, key=self.order.__getitem__):
            sources = self.inputs[path]
            hangs = family(self.facts[path].info.kind) in HANGING and len(sources) == 1
            hangs = hangs and sources[0] in card_of and self.consumers[sources[0]] == [path]
            card_of[path] = card_of[sources[0]] if hangs else []
            card_of[path].append(path)
        return [card for path, card in card_of.items() if card[0] == path]

    # ---- Boxes

    def _image(self):
        width = max(NARROWEST, len(self.image_size) * LETTER)
        hint = f"The image, {self.image_size}" if self.image_size else "The image"
        return DiagramPart(width, CARD, [_node(IMAGE, width, CARD, "image", "image", self.image_size, hint)])

    def _card(self, paths):
        infos = [self.facts[path].info for path in paths]
        details = [f"{infos[0].kind} {infos[0].size}", *map(_unsaid_kind, infos[1:])]
        names = [leaf_name(path) for path in paths]
        beside = [len(name) + len(detail) + 2 for name, detail in zip(names[1:], details[1:], strict=True)]
        width = max(len(names[0]) * LETTER, max(len(details[0]), *beside, 0) * LETTER * SMALL) + 22
        width = min(max(NARROWEST, width), WIDEST)
        part = DiagramPart(width)
        for info, name, detail in zip(infos, names, details, strict=True):
            height = STRIP if part.nodes else CARD
            letters = (width - 20) / LETTER if height == CARD else (width - 20) / LETTER / SMALL - len(detail) - 2
            name = shortened(_behind(names[0], name) if part.nodes and len(name) > letters else name, letters)
            hint = in_short(self.facts[info.path])
            node = _node(info.path, width, height, family(info.kind), name, detail, hint)
            part.take(DiagramPart(nodes=[node | {"layer": True}]), 0, part.height)
            part.height += height
        return part

    def _closed(self, group):
        paths = sorted(group.layers, key=self.order.__getitem__)
        last = self.facts.get(group.path, self.facts[paths[-1]]).info
        detail, count = f"{len(paths)} layers {last.size}", sum(self.facts[path].info.parameters for path in paths)
        width = min(max(NARROWEST, len(group.title) * LETTER + 44, len(detail) * LETTER * SMALL + 22), WIDEST)
        hint = f"{group.title} · {len(paths)} layers · output {last.size} · {count:,} parameters · double click to open"
        title = shortened(group.title, (width - 40) / LETTER)
        node = _node(group.path, width, CARD, "group", title, detail, hint)
        return DiagramPart(width, CARD, [node | {"group": True, "layer": group.path in self.facts}])

    def _open(self, group, depth):
        inside = self.level(group.members, depth + 1)
        width = max(inside.width + 2 * SIDE, len(group.title) * LETTER + 60)
        part = DiagramPart(width, HEAD + inside.height + FOOT)
        part.take(inside, (width - inside.width) / 2, HEAD)
        part.ports = _across(inside.ports, width)
        for edge in part.edges:  # those that go through the frame begin or end there
            for end, place, y in (("from", 0, 0), ("to", -1, part.height)):
                if isinstance(edge[end], tuple):
                    edge["points"][place] = (part.ports[edge[end]], y)
                    edge[end] = edge[end][1]
        box = _node(group.path, width, part.height, "group", group.title, "", f"{group.title} · double click to close")
        part.boxes.insert(0, box | {"open": True, "level": depth, "layer": group.path in self.facts})
        return part


def _across(ports, width):
    """Return a frame's ports in their order, but around its middle, so that boxes below each other do not drift."""
    places = {}
    for side in ("in", "out"):
        found = sorted((key for key in ports if key[0] == side), key=ports.__getitem__)
        for number, key in enumerate(found):
            places[key] = width / 2 + (number - (len(found) - 1) / 2) * min(PORTS, width / (len(found) + 1))
    return places


def _node(path, width, height, kind, title, detail, hint):
    place = {"x": 0, "y": 0, "width": width, "height": height}
    return {"path": path, **place, "family": kind, "title": title, "detail": detail, "hint": hint}


def _behind(first, name):
    """Return a name without the words of the one above it: "…bn" below "block1_conv" for "block1_bn"."""
    words = name.split("_")
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first.split("_"), words[:-1], strict=False)))
    return f"…{'_'.join(words[shared:])}" if shared else name


def _unsaid_kind(info):
    """Return the kind, or "" where the name is the one that Keras makes of it: "batch_normalization_3"."""
    said = leaf_name(info.path).rstrip("0123456789@").replace("_", "")
    return "" if said == info.kind.lower() else short_kind(info.kind)


def _ends(edge, items):
    """Return the distances of an edge's ends from the middles of its boxes: open ones have ports, others 0."""
    offsets = []
    for key, side in ((edge[0], "out"), (edge[1], "in")):
        part = items[key].part if key in items else DiagramPart()
        offsets.append(part.ports.get((side, edge[2]), part.width / 2) - part.width / 2)
    return tuple(offsets)


def _assembled(items, layout):
    """Return the boxes and lines of a level at the places of its layout."""
    part = DiagramPart(layout.width, layout.height)
    for key, item in items.items():
        part.take(item.part, *layout.corners[key])
    for (start, end, *_), points in layout.routes.items():
        arrow = end in items and not items[end].part.ports  # it goes on inside an open group
        part.edges.append({"from": start, "to": end, "points": points, "arrow": arrow})
    part.ports = {key: x + 0.5 for key, (x, _) in layout.corners.items() if isinstance(key, tuple)}
    return part


def shortened(name: str, letters: float) -> str:
    """Return a name of at most so many letters, without its middle if need be: names differ at their ends."""
    letters = max(4, int(letters))
    if len(name) <= letters:
        return name
    tail = letters // 2
    return f"{name[: letters - tail - 1]}…{name[-tail:]}"
