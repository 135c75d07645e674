"""The layers of a network as a table in the browser, with nested models in a tree that opens and closes."""

from pathlib import Path

import anywidget
from traitlets import Dict, List, Unicode, validate

from cnnviz_widgets.anatomy.anatomy import Anatomy
from cnnviz_widgets.anatomy.grouping import Group
from cnnviz_widgets.widgets.parts.layer_words import compact, family, field_in_short, leaf_name, window_in_short
from cnnviz_widgets.words import percent

from .browser_state import BrowserState
from .esm import joined

HERE = Path(__file__).parent


class LayerTable(BrowserState, anywidget.AnyWidget):
    """Shows an anatomy; `selected` is the path of the layer that is picked, "" for none."""

    _esm = joined("layer_table.js")
    _css = HERE / "layer_table.css"

    browser_may_write = frozenset({"selected"})

    rows = List(Dict(), help="One for each layer and group, in the order of the tree.").tag(sync=True)
    total = Dict(help="What the last row says.").tag(sync=True)
    selected = Unicode().tag(sync=True)

    def show_anatomy(self, anatomy: Anatomy | None) -> None:
        """Show another network; None for none."""
        with self.hold_sync():
            self.selected = ""
            self.rows = [] if anatomy is None else list(_rows(anatomy, anatomy.members))
            self.total = {} if anatomy is None else _total(anatomy)

    @validate("selected")
    def _existing(self, proposal):
        known = any(row["path"] == proposal["value"] and row["layer"] for row in self.rows)
        return proposal["value"] if known else ""


def _rows(anatomy, members, level=1):
    for member in members:
        if isinstance(member, Group):
            yield _group_row(anatomy, member, level)
            yield from _rows(anatomy, member.members, level + 1)
        else:
            yield _layer_row(anatomy, anatomy.layer(member), level)


def _layer_row(anatomy, facts, level):
    info = facts.info
    return {
        "path": info.path,
        "name": leaf_name(info.path),
        "kind": info.kind,
        "family": family(info.kind),
        "level": level,
        "group": False,
        "layer": True,
        "output": info.size,
        "window": window_in_short(facts),
        "sees": field_in_short(facts),
        **_shares(anatomy, facts.trainable, facts.fixed, facts.multiply_adds),
    }


def _group_row(anatomy, group, level):
    """Return the row of a group: a nested model in its own numbers, a block in the sums of its layers."""
    inside = [anatomy.layer(path) for path in group.layers]
    costs = [facts.multiply_adds for facts in inside]
    own = next((facts for facts in anatomy.containers if facts.path == group.path), None)
    sums = (sum(facts.trainable for facts in inside), sum(facts.fixed for facts in inside))
    whole = (own.trainable, own.fixed, own.multiply_adds) if own else (*sums, None if None in costs else sum(costs))
    return {
        "path": group.path,
        "name": group.title,
        "kind": f"{own.info.kind if own else 'block'}, {len(inside)} layers",
        "family": "group",
        "level": level,
        "group": True,
        "layer": own is not None,
        "output": (own or inside[-1]).info.size,
        "window": ("", ""),
        "sees": field_in_short(own or inside[-1]),
        **_shares(anatomy, *whole),
    }


def _shares(anatomy, trainable, fixed, multiply_adds):
    """Return the numbers of a row, in words and as shares of the network's from 0 to 1."""
    count, every = trainable + fixed, anatomy.parameters
    tip = "no parameters"
    if count:
        of_every = f"{percent(count / every)} of the network's parameters"
        tip = f"{count:,} parameters, {of_every}; {trainable:,} trainable, {fixed:,} not"
    if multiply_adds is None:
        cost, cost_tip, share = "?", "depends on the image, or is not known", 0
    else:
        share = multiply_adds / anatomy.multiply_adds if anatomy.multiply_adds else 0
        cost, cost_tip = compact(multiply_adds), f"{multiply_adds:,} multiply-adds for an image"
        cost_tip += f", {percent(share)} of the network's" if share else ""
    return {
        "parameters": f"{count:,}" if count else "",
        "parameters_tip": tip,
        "trainable": trainable / every if every else 0,
        "fixed": fixed / every if every else 0,
        "cost": cost if multiply_adds != 0 else "",
        "cost_tip": cost_tip,
        "cost_share": share,
    }


def _total(anatomy):
    trained = f"{anatomy.trainable:,} trainable, {anatomy.fixed:,} not"
    cost = "?" if anatomy.multiply_adds is None else compact(anatomy.multiply_adds)
    return {
        "layers": f"{len(anatomy.layers)} layers",
        "parameters": f"{anatomy.parameters:,}",
        "trained": trained,
        "cost": cost,
    }
