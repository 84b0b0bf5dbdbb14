"""One page about a run: pictures first, then what they are worth, then what it took. It needs nothing outside itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith import doctor
from gansmith.core import files
from gansmith.core.errors import DataError
from gansmith.data import label
from gansmith.drawing import charts, grids, html
from gansmith.drawing.html import Picture
from gansmith.evaluation.results import Score, class_columns
from gansmith.report.recipe_text import recipe_lines
from gansmith.runs.log import SCORE

if TYPE_CHECKING:
    from gansmith.evaluation.results import Evaluation, Finding, Memorisation
    from gansmith.runs.run import Run

PICTURE_SEED = 0  # what the run draws of itself, too
COLUMNS = 8  # of the timeline
WALK_SEEDS, WALK_STEPS = 5, 10
MAX_CLASSES = 20
SAID = ("D(x)", "D(G(z))", "accuracy")
NOT_CURVES = ("images", "epoch", "seconds", "images_per_second")


def write(run: Run, evaluation: Evaluation | None = None) -> Path:
    """Write the run's report.html, whole or not at all, and return where it is. Raises RunError where it has no generator."""
    files.write(run.report, page(run, evaluation).encode())
    return run.report


def page(run: Run, evaluation: Evaluation | None = None) -> str:
    """The report as HTML. What comes from the run is escaped; without an evaluation the page says how to get one."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))
    return template.render(
        title=f"{run.recipe.name} on {label(run.recipe.data)}",
        run=run,
        tiles=_tiles(run, evaluation),
        made=_made(run),
        real=_real(run),
        animation=_animation(run),
        timeline=_timeline(run),
        curves=_curves(run),
        checkup=run.checkup,
        held_out=run.results if "accuracy" in run.results else None,
        walk=_walk(run),
        evaluation=evaluation,
        findings=[(finding, _numbers(finding, evaluation)) for finding in evaluation.verdict] if evaluation else [],
        pairs=_pairs(run, evaluation) if evaluation else [],
        distances=_distances(evaluation.memorisation) if evaluation and evaluation.memorisation else None,
        classes=_classes(evaluation) if evaluation else None,
        of_classes=evaluation.of_classes if evaluation else None,
        columns=class_columns(evaluation.of_classes) if evaluation and evaluation.of_classes else [],
        recipe=list(recipe_lines(run.recipe)),
        cost=_cost(run),
        machine=run.metadata["environment"],
        number=number,
    )


# ---------------------------------------------------------------------------------------------------- pictures


def _made(run: Run) -> Picture:
    gallery = run.rows(PICTURE_SEED) if run.layout.categories else run.sample(PICTURE_SEED, _count(run))
    alt = f"{len(gallery)} samples after {run.images:,} images"
    return _in_rows(run, gallery.array, alt) if _draws_images(run) else html.plot(gallery.picture(), alt)


def _real(run: Run) -> Picture | None:
    path = run.real_picture
    if not path.exists():
        return None
    is_known = run.recipe.condition is not None and run.recipe.condition.observed  # else real samples are as they come
    count = _count(run) if run.layout.categories and is_known else min(_count(run), run.metadata["num_real"])
    alt = f"The first {count} real samples"
    if not _draws_images(run):
        return html.plot_file(path, alt)
    cells = grids.split_grid(path, run.metadata["sample_shape"], count)
    return _in_rows(run, cells, alt) if is_known else html.grid(cells, alt, run.layout.columns if run.layout.categories else None)


def _animation(run: Run) -> Picture | None:
    chosen = _spread(run.pictures, 25)
    if len(chosen) < 2:
        return None
    alt = f"Animation of the same samples from {min(chosen):,} to {max(chosen):,} images"
    if not _draws_images(run):
        return html.plots(chosen.values(), alt)
    frames = (grids.split_grid(path, run.metadata["sample_shape"], _count(run)) for path in chosen.values())
    return html.animation(frames, alt, run.layout.columns if run.layout.categories else None)


def _timeline(run: Run) -> dict[str, Any] | None:
    """A row for each seed, or each kind, a column for each image count; of points a small picture for each image count."""
    chosen = _spread(run.pictures, COLUMNS)
    if len(chosen) < 2:
        return None
    marks = [_short(count) for count in chosen]
    if not _draws_images(run):
        plots = [html.plot_file(path, f"Samples after {count:,} images", 240) for count, path in chosen.items()]
        return {"marks": marks, "plots": plots}
    names = run.layout.names
    count, step = (run.layout.count, run.layout.columns) if names else (COLUMNS, 1)  # of each kind the first
    cells = np.stack([grids.split_grid(path, run.metadata["sample_shape"], count)[::step] for path in chosen.values()], axis=1)
    what = "kinds" if names else "seeds"
    alt = f"{len(cells)} {what}, a row each, at {len(chosen)} image counts from {min(chosen):,} to {max(chosen):,}"
    picture = html.grid(cells.reshape(-1, *cells.shape[2:]), alt, len(chosen))
    return {"marks": marks, "rows": what.removesuffix("s"), "picture": dataclasses.replace(picture, names=names)}


def _walk(run: Run) -> Picture:
    cells = run.walk(range(WALK_SEEDS), WALK_STEPS)
    flat = cells.reshape(-1, *cells.shape[2:])
    if _draws_images(run):
        alt = f"{len(cells)} rows of pictures, each from one seed's sample to the next seed's"
        return html.grid(flat, alt, WALK_STEPS + 1, html.PAGE_WIDTH)
    return html.plot(run.modality.picture(flat), "Points on the way from one seed's sample to the next seed's")


def _pairs(run: Run, evaluation: Evaluation) -> list[tuple[Picture, Picture, float]]:
    """The samples that are nearest to a training image, beside it; none where the data are not there any more."""
    found = evaluation.memorisation.pairs if evaluation.memorisation else ()
    if not found or not _draws_images(run):
        return []
    fakes, reals = evaluation.pair_fakes, evaluation.pair_reals
    if fakes is None and evaluation.seeds:
        fakes = np.concatenate([run.sample(evaluation.seeds[0], 1, pair.fake).array for pair in found])
    if reals is None:
        try:
            values = run.recipe.data.load("train").values
        except DataError:
            return []
        reals = np.stack([values[pair.train] for pair in found if pair.train < len(values)]).transpose(0, 2, 3, 1)
    if fakes is None:
        return []
    return [
        (html.image(fake, f"Sample {pair.fake}"), html.image(real, f"Training image {pair.train}"), pair.distance)
        for pair, fake, real in zip(found, fakes, reals, strict=False)
    ]


def _draws_images(run: Run) -> bool:
    return len(run.metadata["sample_shape"]) == 3


def _count(run: Run) -> int:
    if run.layout.categories:
        return run.layout.count
    return min(run.recipe.pictures.count, COLUMNS**2) if _draws_images(run) else run.recipe.pictures.count


def _spread(drawn: dict[int, Path], count: int) -> dict[int, Path]:
    """At most `count` of them, the first and the last among them, at even places in between."""
    places = np.unique(np.linspace(0, len(drawn) - 1, min(count, len(drawn))).round().astype(int))
    items = list(drawn.items())
    return dict(items[i] for i in places)


def _in_rows(run: Run, cells: np.ndarray, alt: str) -> Picture:
    """As the run lays out its pictures, with names beside the rows; as square as it gets where it has no rows."""
    if not run.layout.categories:
        return html.grid(cells, alt)
    return dataclasses.replace(html.grid(cells, alt, run.layout.columns), names=run.layout.names)


# ---------------------------------------------------------------------------------------------------- curves


def _curves(run: Run) -> list[tuple[str, str]]:
    """(title, SVG): losses, what D says, and each other number the log holds."""
    log = run.log
    if "images" not in log or len(log["images"]) < 2:
        return []
    losses = {name.removesuffix("/loss"): name for name in log if name.endswith("/loss")}
    said = {name.split("/")[-1]: name for name in log if name.endswith(SAID)}
    rest = [n for n in log if n not in {*losses.values(), *said.values(), *NOT_CURVES} and not n.startswith(doctor.PREFIX)]
    titles = {SCORE: f"Frechet distance from the validation slice, {run.metadata.get('score')}"}
    groups = [("Losses", losses), ("What the discriminator says", said), *((titles.get(n, n), {n: n}) for n in rest)]
    return [
        (title, charts.lines({shown: (log["images"], log[name]) for shown, name in group.items()}, f"{title} over images seen"))
        for title, group in groups
        if any(np.isfinite(log[name]).any() for name in group.values())
    ]


def _distances(found: Memorisation) -> str:
    percent = 100 * np.array(found.quantiles, float)
    series = {"samples": found.fake_distances, "real images held out": found.held_out_distances}
    return charts.lines(
        {name: (percent, np.array(values, float)) for name, values in series.items()},
        "Quantiles of the distance to the nearest training image, of samples and of real images that were held out",
        x="% of them are nearer than this",
        y="distance",
    )


def _classes(evaluation: Evaluation) -> tuple[str, int] | None:
    """(SVG, number of classes left out): those whose shares differ most where there are many."""
    found = evaluation.classes
    if found is None:
        return None
    off = np.abs(np.array(found.fake) - np.array(found.real))
    chosen = sorted(np.argsort(-off, kind="stable")[:MAX_CLASSES].tolist())
    series = {"made": [found.fake[i] for i in chosen], "real": [found.real[i] for i in chosen]}
    about = "Share of each class among samples and among real images: " + ", ".join(
        f"{found.names[i]} {found.fake[i]:.1%} of {found.real[i]:.1%}" for i in chosen
    )
    return charts.bars([found.names[i] for i in chosen], series, about), len(found.names) - len(chosen)


# ---------------------------------------------------------------------------------------------------- words and numbers


def _tiles(run: Run, evaluation: Evaluation | None) -> list[tuple[str, str, str]]:
    """(what, number, remark) at the head of the page."""
    cost = dict(_cost(run))
    tiles = [("Real images seen", f"{run.images:,}", cost["epochs"] + " epochs"), ("Training time", cost["time"], "")]
    if (best := run.best) is not None:
        found = f"Frechet distance {number(run.scored[best])}, validation slice; --checkpoint best"
        tiles.append(("Best checkpoint, images seen", f"{best:,}", found))
    if evaluation and evaluation.scores:
        first = next(iter(evaluation.scores.values()))
        floor = f"real images get {number(first.floor)}" if first.floor is not None else f"{first.better} is better"
        tiles.append((first.title[:1].upper() + first.title[1:], number(first.value), floor))
    return tiles


def _cost(run: Run) -> list[tuple[str, str]]:
    seconds = run.log["seconds"] if "seconds" in run.log else np.zeros(1)
    spent = float(np.nanmax(seconds))
    epochs = run.images / run.metadata.get("epoch_images", run.metadata["num_real"])
    return [
        ("images", f"{run.images:,} of {run.total_images or 0:,}"),
        ("epochs", f"{epochs:.3g}"),
        ("time", f"{spent / 60:.1f} min" if spent >= 60 else f"{spent:.0f} s"),
        ("speed", f"{run.images / spent:,.0f} images/s" if spent else "unknown"),
        ("generator", f"{sum(p.numel() for p in run.module.parameters()):,} weights"),
        ("real samples", f"{run.metadata['num_real']:,}"),
        ("framework", str(run.metadata.get("framework", "torch"))),
        ("device", str(run.metadata["device"])),
        ("processes", str(run.metadata["num_processes"])),
    ]


def _numbers(finding: Finding, evaluation: Evaluation) -> list[str]:
    """What a sentence of the verdict rests on: `Frechet distance 12.3 (real 0.4)`. A source is a path, as `scores.fd`."""
    said = []
    for path in finding.source:
        *room, key = path.split(".")
        found: Any = evaluation.scores if room[:1] == ["scores"] else evaluation.diagnostics
        for word in room[1:]:
            found = found.get(word) if isinstance(found, dict) else None
        found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, Score):
            said.append(f"{found.title} {number(found.value)} (real {number(found.floor)})")
        elif isinstance(found, dict) and isinstance(found.get("fake"), (int, float)):
            real = found.get("real", found.get("held_out"))
            shown = f" (real {number(real)})" if isinstance(real, (int, float)) else ""
            said.append(f"{key.replace('_', ' ')} {number(found['fake'])}{shown}")
    return said


def number(value: float | None) -> str:
    """Three digits that count: `0.0012`, `12.3`, `1,234`; a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "–"
    if 1e-6 <= abs(value) < 1000:
        return np.format_float_positional(value, precision=3, unique=False, fractional=False, trim="-")
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2g}"


def _short(count: int) -> str:
    """`940`, `2.6k`, `1.5M`."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * limit:
            return f"{count / limit:.3g}{letter}"
    return str(count)
