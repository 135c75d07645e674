"""What a network is made of, read from its traced graph: its parts and groups, what they cost, what each cell sees.

`anatomy` puts it together. `receptive_field` follows intervals of pixels (`intervals`) through the operations, for each
kind of which there is a rule (`rules` and the `rules_*` beside it); `wiring` finds which layer feeds which and
counts multiply-adds; `grouping` makes groups in which a large network stays readable.
"""
