"""Evaluations and comparisons as tables on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from gansmith.cli.terminal import console
from gansmith.core.formatting import brief
from gansmith.evaluation.comparison import Comparison, samples_of
from gansmith.evaluation.results import Evaluation, PerClassResult, class_columns

if TYPE_CHECKING:
    from rich.console import Console


def show(evaluation: Evaluation) -> None:
    """Print an evaluation: the samples, the reference set and the features, then a row for each score, then the verdict."""
    terminal = _console()
    data, extractor = evaluation.data, evaluation.extractor
    terminal.print(f"{evaluation.what}: {samples_of(evaluation)}")
    terminal.print(f"  real      {data['num_real']:,} of {data['label']}, {data['split']}")
    terminal.print(f"  floor     {data['num_floor']:,} real samples scored in place of the generated ones, of {data['floor']}")
    if (shape := evaluation.sample_shape) and len(shape) == 3:
        terminal.print(f"  size      {' x '.join(map(str, shape))} on both sides")
    for note in data.get("notes", ()):
        terminal.print(f"  size      {note}")
    tag = f"{extractor['name']} (SHA-256 {extractor['sha256'][:8]}...)"
    terminal.print(f"  features  {tag}, {extractor['width']} wide, resizing: {extractor['resizing']}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("score", "value", "95 % interval", "floor", "better"):
        table.add_column(name, justify="left" if name in ("score", "better") else "right")
    for key, score in evaluation.scores.items():
        interval = "" if score.low is None or score.high is None else f"{brief(score.low)} to {brief(score.high)}"
        floor = "" if score.floor is None else brief(score.floor)
        title = score.title if score.title.lower() == key.replace("_", " ") else f"{score.title} ({key})"
        table.add_row(title, brief(score.value), interval, floor, score.better)
    terminal.print()
    terminal.print(table)
    if evaluation.rivals:
        _show_rivals(terminal, evaluation)
    if evaluation.of_classes:
        _show_classes(terminal, evaluation.of_classes)
    if evaluation.matched:
        pairs = ", ".join(f"{category} is {name}" for category, name in enumerate(evaluation.matched))
        terminal.print(f"categories matched with classes, one to one: {pairs}")
    for finding in evaluation.verdict:
        terminal.print(f"{'+' if finding.good else '-'} {finding.text}")
    terminal.print(f"\n{evaluation.seconds:.0f} seconds; --json FILE writes every detail")


def _show_rivals(terminal: Console, evaluation: Evaluation) -> None:
    """Print a row for the translator and one for each classical rival, with their scores on the same images."""
    keys = evaluation.rival_keys
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("on the test split")
    for key in keys:
        table.add_column(evaluation.scores[key].title, justify="right")
    for name, values in evaluation.beside_rivals.items():
        table.add_row(name, *(brief(values[key]) if key in values else "" for key in keys))
    terminal.print()
    terminal.print(table)


def _show_classes(terminal: Console, found: PerClassResult) -> None:
    """Print a row for each class: the share of samples that show it, and coverage, each beside the value of real images."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = class_columns(found)
    for i, name in enumerate(("class", *(title for title, _ in columns))):
        table.add_column(name, justify="right" if i else "left")
    for name, *values in zip(found.names, *(row for _, row in columns), strict=False):
        table.add_row(name, *("" if value is None else brief(value) for value in values))
    terminal.print()
    terminal.print(table)


def show_rows(about: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print lines, then a table; the first of `rows` is its head and the first column holds names."""
    terminal = _console()
    for line in about:
        terminal.print(line)
    head, *body = rows
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i else "left", overflow="fold")
    for row in body:
        table.add_row(*row)
    terminal.print()
    terminal.print(table)


def show_comparison(comparison: Comparison) -> None:
    """Print a comparison: a row for each score, a column for each run, then the notes."""
    terminal = _console()
    head, *body = comparison.rows()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(head):
        table.add_column(name, justify="left" if i in (0, len(head) - 1) else "right", overflow="fold")
    for row in body:
        table.add_row(*row)
    terminal.print(table)
    for note in comparison.notes():
        terminal.print(note)


def _console() -> Console:
    """A console as wide as the terminal, or 160 columns without one."""
    return console(width=None if sys.stdout.isatty() else 160, soft_wrap=True)
