"""The report: everything about a run on one HTML page that needs no network and no script.

What belongs here: the page, its template, and how a recipe is written out in words.
What does not: measuring anything (`evaluation`), or drawing itself (`drawing`).
"""
