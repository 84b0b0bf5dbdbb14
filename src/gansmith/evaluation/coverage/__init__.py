"""Mode coverage: the number of modes of a known distribution that a generator finds, by published protocols.

`protocols` holds the protocols and the published results, `counting` counts modes and computes floors, `results` makes the
recipes of a protocol and stores results, `table` compares them with published ones.
"""
