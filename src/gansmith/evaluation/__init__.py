"""How good samples are: reference sets, extractors, metrics, diagnostics, attributes, mode coverage, and the verdict in words.

What belongs here: everything that measures samples of a trained generator, or a folder of images, against real data.
What does not: what a run measures of itself while it trains (`training`), and how a report shows results (`report`).
"""
