"""Progress: a bar on a terminal, an occasional line elsewhere, nothing with `--quiet`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from gansmith.cli import terminal
from gansmith.core import distributed
from gansmith.core.formatting import clock, printable

if TYPE_CHECKING:
    from gansmith.training.record import Record

SHOWN = ("D(x)", "D(G(z))", "accuracy")
BETWEEN = "  "  # between the values of a line
HOW_TO_STOP = "Ctrl-C saves and stops; the same command continues."


class Speed:
    """Images per second over the last 20 seconds."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def __call__(self, images: int) -> float:
        """Add the present image count and return images per second; 0 on the first call."""
        now = time.perf_counter()
        self.seen = [*(s for s in self.seen[-40:] if now - s[0] < 20), (now, images)]
        (then, before), (last, after) = self.seen[0], self.seen[-1]
        return (after - before) / max(last - then, 1e-9)


def pace(rate: float, record: Record, noun: str) -> str:
    """Format a speed as `12,300 images/s, 4.88 s an epoch`; empty for 0, which means unknown."""
    return f"{rate:,.0f} {noun}/s, {record.images / record.epoch / rate:.3g} s an epoch" if rate else ""


def percent_of(record: Record) -> str:
    """Format the share of the budget that is spent, 100 % at most: the last batch may pass the end."""
    return f"{100 * min(1.0, record.images / record.total_images):3.0f} %"


def left(rate: float, record: Record) -> str:
    """Format the time that a run still takes as `4:05 left`; empty where it is unknown."""
    return f"{clock((record.total_images - record.images) / rate)} left" if rate else ""


def score(record: Record) -> str:
    """Format the scores as `FD 12.3 (best 11.9)`; empty before the first."""
    return f"FD {record.scores['FD']:.3g} (best {record.scores['best']:.3g})" if record.scores else ""


def figures(record: Record) -> list[str]:
    """Format the values of a step, the most important first: `D loss 0.693`, `G loss 0.693`, `D(x) 0.50`, ..."""
    values = record.floats()
    losses = [f"{name.split('/')[0][:1].upper()} loss {value:.3f}" for name, value in values.items() if name.endswith("/loss")]
    outputs = [f"{name} {values[f'discriminator/{name}']:.2f}" for name in SHOWN if f"discriminator/{name}" in values]
    return losses + outputs


def follow(records: Iterable[Record], title: str, quiet: bool = False, noun: str = "images") -> None:
    """Train by iterating over the records, and show progress on stderr, in the first of several processes only.

    `noun` is what samples are called in the speed: images, or samples for points.
    """
    if not quiet:
        records = _titled(records, title)
    if quiet or distributed.rank() != 0:
        for _ in records:
            pass
    elif sys.stderr.isatty():
        _bar(records, noun)
    else:
        _lines(records, noun)


def _titled(records: Iterable[Record], title: str) -> Iterator[Record]:
    """Print the title with the first record, so that an error before training is the only line."""
    for i, record in enumerate(records):
        if i == 0 and distributed.rank() == 0:
            terminal.echo(title, err=True)
        yield record


class TrainingBar(Progress):
    """Two lines: bar, percent, time left and FD; then losses, outputs of the discriminator and speed, as many as fit."""

    def __init__(self, console: Console) -> None:
        texts = [TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("share", "left", "score")]
        super().__init__(BarColumn(None), *texts, console=console, expand=True, refresh_per_second=4)
        self.task = self.add_task("", total=None, share="", left="warming up", score="", figures=[])

    def show(self, record: Record, rate: float, noun: str = "images") -> None:
        """Show a record; `rate` is the speed in samples per second, 0 where it is unknown."""
        shown = [*figures(record), *pace(rate, record, noun).split(", ")]
        self.update(
            self.task,
            completed=min(record.images, record.total_images),
            total=record.total_images,
            share=percent_of(record),
            left=left(rate, record) if record.images < record.total_images else "",
            score=score(record),
            figures=list(map(printable, shown)),
        )

    def get_renderables(self) -> Iterator[RenderableType]:
        """The two lines, none wider than the terminal."""
        for task in self.tasks:
            yield self.make_tasks_table([task])
            yield Text(fitting(task.fields["figures"], self.console.width), no_wrap=True, overflow="ellipsis")


def fitting(texts: Sequence[str], width: int) -> str:
    """As many of the texts, in their order, as fit into a line; a text is shown whole or not at all."""
    line = ""
    for text in texts:
        longer = f"{line}{BETWEEN if line else ''}{text}"
        if len(longer) > width:
            break
        line = longer
    return line


def _bar(records: Iterable[Record], noun: str = "images") -> None:
    """Show two lines that are redrawn 4 times a second."""
    speed, last = Speed(), 0.0
    with TrainingBar(terminal.console(err=True)) as bar:
        for record in records:
            now = time.perf_counter()
            if now - last > 0.25 or record.images >= record.total_images:
                last = now
                bar.show(record, speed(record.images), noun)


def _lines(records: Iterable[Record], noun: str = "images") -> None:
    """Print a line after 2 seconds, then at growing intervals of up to 30 seconds."""
    speed, last, wait = Speed(), time.perf_counter(), 2.0
    for record in records:
        now = time.perf_counter()
        if not speed.seen:
            speed(record.images)
            last = now
        done = record.images >= record.total_images
        if now - last < wait and not done:
            if now - speed.seen[-1][0] > 0.5:
                speed(record.images)
            continue
        last, wait = now, min(30.0, wait * 1.5)
        rate = speed(record.images)
        share = f"{percent_of(record)}  epoch {record.epoch:.1f}"
        texts = [share, pace(rate, record, noun), "" if done else left(rate, record), *figures(record), score(record)]
        terminal.echo(BETWEEN.join(filter(None, texts)), err=True)


@contextmanager
def stages(work: str, quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function `report(stage, done, total)` that draws a bar on a terminal, and prints an occasional line elsewhere.

    Such a line begins with what the work is, as in `evaluating: intervals`.
    """
    if quiet:
        yield lambda *_: None
        return
    if not sys.stderr.isatty():
        yield StageLines(work)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=terminal.console(err=True), transient=True, refresh_per_second=4) as bar:
        task = bar.add_task("starting", total=1)
        yield lambda stage, done, total: bar.update(task, description=printable(stage), completed=done, total=total)


class StageLines:
    """Prints work and stage, `evaluating: intervals`: after 2 seconds, then at growing intervals of up to 30 seconds."""

    def __init__(self, work: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self.work, self.clock, self.last, self.wait = work, clock, clock(), 2.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report that `done` of `total` parts of a stage are done."""
        now = self.clock()
        if now - self.last >= self.wait:
            self.last, self.wait = now, min(30.0, 1.5 * self.wait)
            share = f": {done:,} of {total:,}" if total > 1 else ""
            terminal.echo(f"{self.work}: {stage}{share}", err=True)
