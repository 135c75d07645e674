"""The parts of a network, read from its traced graph: layers, groups, connections, multiply-adds, receptive fields.

`anatomy` puts them together. `receptive_field` follows intervals of pixels (`intervals`) through the operations, by a
rule for each kind (`rules` and the `rules_*` beside it); `wiring` finds the connections between layers and counts
multiply-adds; `grouping` makes groups that keep a large network readable.
"""
