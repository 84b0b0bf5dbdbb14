"""Progress: a bar on a terminal, an occasional line elsewhere, nothing with `--quiet`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gansmith.core import distributed
from gansmith.core.formatting import clock

if TYPE_CHECKING:
    from gansmith.training.record import Record

SHOWN = ("D(x)", "D(G(z))", "accuracy")
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


def pace(rate: float, record: Record) -> str:
    """Format a speed as `12,300 images/s, 4.88 s an epoch`; empty for 0, which means unknown."""
    return f"{rate:,.0f} images/s, {record.images / record.epoch / rate:.3g} s an epoch" if rate else ""


def figures(record: Record) -> str:
    """Format a record as `D loss 0.693  G loss 0.693  D(x) 0.50  D(G(z)) 0.50  accuracy 0.50  FD 12.3 (best 11.9)`."""
    values = record.floats()
    losses = [f"{name.split('/')[0][0].upper()} loss {value:.3f}" for name, value in values.items() if name.endswith("/loss")]
    outputs = [f"{name} {values[f'discriminator/{name}']:.2f}" for name in SHOWN if f"discriminator/{name}" in values]
    scores = [f"FD {record.scores['FD']:.3g} (best {record.scores['best']:.3g})"] if record.scores else []
    return "  ".join(losses + outputs + scores)


def follow(records: Iterable[Record], title: str, quiet: bool = False) -> None:
    """Train by iterating over the records, and show progress on stderr, in the first of several processes only."""
    if not quiet:
        records = _titled(records, title)
    if quiet or distributed.rank() != 0:
        for _ in records:
            pass
    elif sys.stderr.isatty():
        _bar(records)
    else:
        _lines(records)


def _titled(records: Iterable[Record], title: str) -> Iterator[Record]:
    """Print the title with the first record, so that an error before training is the only line."""
    for i, record in enumerate(records):
        if i == 0 and distributed.rank() == 0:
            print(title, file=sys.stderr, flush=True)
        yield record


def _bar(records: Iterable[Record]) -> None:
    """Show a bar with speed, time left and losses, redrawn 4 times a second."""
    speed, last = Speed(), 0.0
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[figures]}"), console=Console(stderr=True), refresh_per_second=4) as bar:
        task = bar.add_task("", total=None, speed="", figures="warming up")
        for record in records:
            now = time.perf_counter()
            if now - last > 0.25 or record.images >= record.total_images:
                last = now
                text = pace(speed(record.images), record)
                bar.update(
                    task,
                    completed=min(record.images, record.total_images),
                    total=record.total_images,
                    speed=text,
                    figures=figures(record),
                )


def _lines(records: Iterable[Record]) -> None:
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
        message = f"{pace(rate, record)}  " if rate else ""
        if rate and not done:
            message += f"{clock((record.total_images - record.images) / rate)} left  "
        share = f"{100 * record.progress:3.0f} %  epoch {record.epoch:.1f}"
        print(f"{share}  {message}{figures(record)}", file=sys.stderr, flush=True)


@contextmanager
def stages(quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function `report(stage, done, total)` that draws a bar on a terminal and does nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bar:
        task = bar.add_task("starting", total=1)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)
