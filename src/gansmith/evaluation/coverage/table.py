"""Tables of mode coverage: results beside published ones and floors."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from gansmith.core.formatting import brief
from gansmith.evaluation.coverage.counting import Counted
from gansmith.evaluation.coverage.protocols import Protocol, Published
from gansmith.evaluation.coverage.results import Result

# title, field, factor, for points only
_COLUMNS = (
    ("modes", "modes", 1, False),
    ("high quality, %", "high_quality", 100, True),
    ("reverse KL", "kl", 1, False),
    ("sd ratio", "sd_ratio", 1, True),
)


def rows(protocol: Protocol, results: Sequence[Result], floors: Mapping[str, tuple[Counted, ...]]) -> list[list[str]]:
    """Rows of the table: header, results as median [lowest, highest] over seeds, published results, floors."""
    ours = [results[0].label, *_cells(protocol, [result.counted for result in results])]
    best = [[title, *_cells(protocol, [counted])] for title, counted in floors.items()]
    return [_head(protocol), ours, *(_published(protocol, row) for row in protocol.published), *best]


def about(protocol: Protocol, results: Sequence[Result]) -> list[str]:
    """Lines above the table: protocol, share of its steps, seeds, time and networks."""
    shares = list(dict.fromkeys(f"{100 * share:.3g} %" for share in sorted(result.share for result in results)))
    first, seeds = results[0], "seed" if len(results) == 1 else "seeds"
    weights = ", ".join(f"{name} {count:,}" for name, count in first.weights.items())
    minutes = statistics.median(result.seconds for result in results) / 60
    return [
        f"{protocol.name}: {protocol.about}; {', '.join(f'{count:,}' for count in protocol.counts)} samples",
        f"  {first.label}: {' to '.join(shares[:: len(shares) - 1 or 1])} of the protocol's {protocol.steps:,} steps of "
        f"{protocol.batch_size}, {seeds} {', '.join(str(result.seed) for result in results)}, {minutes:.3g} minutes each",
        f"  weights: {weights}",
    ]


def _columns(protocol: Protocol) -> list[tuple[int, str, str, int]]:
    """(index of the count, title, field, factor)"""
    several, of_points = len(protocol.counts) > 1, protocol.counts == (2500,)
    return [
        (place, title + (f" at {count:,}" if several else ""), field, factor)
        for place, count in enumerate(protocol.counts)
        for title, field, factor, only_points in _COLUMNS
        if of_points or not only_points
    ]


def _head(protocol: Protocol) -> list[str]:
    titles = [title for _, title, _, _ in _columns(protocol)]
    return ["", *(title.replace("modes", f"modes of {protocol.modes:,}") for title in titles)]


def _cells(protocol: Protocol, found: Sequence[tuple[Counted, ...]]) -> list[str]:
    return [
        _spread([None if (v := getattr(counted[place], field)) is None else factor * v for counted in found])
        for place, _, field, factor in _columns(protocol)
    ]


def _spread(values: Sequence[float | None]) -> str:
    """Median and range, `7 [6, 8]`, or a single value alone."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return "-"
    middle = brief(statistics.median(known))
    return middle if len(values) == 1 else f"{middle} [{brief(known[0])}, {brief(known[-1])}]"


def _published(protocol: Protocol, row: Published) -> list[str]:
    cells = []
    for place, _, field, factor in _columns(protocol):
        value = getattr(row, field, None) if row.count == protocol.counts[place] else None
        cells.append("" if value is None else f"{factor * value:.4g}")  # as it was printed
    return [f"{row.method} ({row.source})", *cells]
