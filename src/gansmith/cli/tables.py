"""Evaluations and comparisons as tables on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gansmith.core.formatting import brief
from gansmith.evaluation.comparison import Comparison, samples_of
from gansmith.evaluation.results import Evaluation, PerClassResult, class_columns


def show(evaluation: Evaluation) -> None:
    """Print an evaluation: the samples, the reference set and the features, then a row for each score, then the verdict."""
    console = _console()
    data, extractor = evaluation.data, evaluation.extractor
    console.print(f"{evaluation.what}: {samples_of(evaluation)}", highlight=False)
    console.print(f"  real      {data['num_real']:,} of {data['label']}, {data['split']}", highlight=False)
    console.print(
        f"  floor     {data['num_floor']:,} real samples scored in place of the generated ones, of {data['floor']}",
        highlight=False,
    )
    if len(shape := data.get("shape", ())) == 3:  # the first evaluations did not say it
        console.print(f"  size      {' x '.join(map(str, shape))} on both sides", highlight=False)
    for note in data.get("notes", ()):
        console.print(f"  size      {note}", highlight=False)
    tag = f"{extractor['name']} (SHA-256 {extractor['sha256'][:8]}...)"
    console.print(f"  features  {tag}, {extractor['width']} wide, resizing: {extractor['resizing']}", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("score", "value", "95 % interval", "floor", "better"):
        table.add_column(name, justify="left" if name in ("score", "better") else "right")
    for key, score in evaluation.scores.items():
        interval = "" if score.low is None or score.high is None else f"{brief(score.low)} to {brief(score.high)}"
        floor = "" if score.floor is None else brief(score.floor)
        title = score.title if score.title.lower() == key.replace("_", " ") else f"{score.title} ({key})"
        table.add_row(title, brief(score.value), interval, floor, score.better)
    console.print()
    console.print(table)
    if evaluation.of_classes:
        _show_classes(console, evaluation.of_classes)
    if evaluation.matched:
        pairs = ", ".join(f"{category} is {name}" for category, name in enumerate(evaluation.matched))
        console.print(f"categories matched with classes, one to one: {pairs}", highlight=False)
    for finding in evaluation.verdict:
        console.print(f"{'+' if finding.good else '-'} {finding.text}", highlight=False)
    console.print(f"\n{evaluation.seconds:.0f} seconds; --json FILE writes every detail", highlight=False)


def _show_classes(console: Console, found: PerClassResult) -> None:
    """Print a row for each class: the share of samples that show it, and coverage, each beside the value of real images."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = class_columns(found)
    for i, name in enumerate(("class", *(title for title, _ in columns))):
        table.add_column(name, justify="right" if i else "left")
    for name, *values in zip(found.names, *(row for _, row in columns), strict=False):
        table.add_row(name, *("" if value is None else brief(value) for value in values))
    console.print()
    console.print(table)


def show_rows(about: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print lines, then a table; the first of `rows` is its head and the first column holds names."""
    console = _console()
    for line in about:
        console.print(line, highlight=False)
    head, *body = rows
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i else "left", overflow="fold")
    for row in body:
        table.add_row(*row)
    console.print()
    console.print(table)


def show_comparison(comparison: Comparison) -> None:
    """Print a comparison: a row for each score, a column for each run, then the notes."""
    console = _console()
    head, *body = comparison.rows()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(head):
        table.add_column(name, justify="left" if i in (0, len(head) - 1) else "right", overflow="fold")
    for row in body:
        table.add_row(*row)
    console.print(table)
    for note in comparison.notes():
        console.print(note, highlight=False)


def _console() -> Console:
    """A console as wide as the terminal, or 160 columns without one. It prints brackets and colons as they are."""
    return Console(width=None if sys.stdout.isatty() else 160, soft_wrap=True, markup=False, emoji=False)
