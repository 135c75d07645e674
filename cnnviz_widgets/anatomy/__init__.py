"""The parts of a network, read from its traced graph: layers, groups, connections, multiply-adds, receptive fields.

`anatomy` puts them together. `receptive_field` follows intervals of pixels (`intervals`) through the operations, by a
rule for each kind (`rules` and the `rules_*` beside it); `wiring` finds which layer feeds which and counts
multiply-adds; `grouping` makes groups in which a large network stays readable.
"""
