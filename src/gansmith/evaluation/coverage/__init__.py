"""Mode coverage: how many of the modes of a known distribution a generator finds, by the published protocols.

`protocols.py` has the protocols and the published rows, `counting.py` counts and finds the floors, `results.py` makes the recipes
of a protocol and keeps what was found, `table.py` puts it beside what was published.
"""
