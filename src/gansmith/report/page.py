"""The report: one HTML page about a run with pictures, verdict, scores, curves, recipe and cost. It needs no other file."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith import doctor
from gansmith.core import files, heap
from gansmith.core.errors import DataError
from gansmith.core.formatting import clock, of_points, shell_word
from gansmith.core.formatting import plain_number as number
from gansmith.data import display_name
from gansmith.data.location import digest_of_samples
from gansmith.drawing import charts, grids, html
from gansmith.drawing.figures import curve_name
from gansmith.drawing.html import Picture
from gansmith.evaluation.results import class_columns
from gansmith.report.recipe_text import recipe_lines
from gansmith.runs.log import SCORE, SCORE_SAMPLES

if TYPE_CHECKING:
    from jinja2 import Template

    from gansmith.evaluation.results import Evaluation, Finding, Memorisation
    from gansmith.runs.run import Run

PICTURE_SEED = 0  # seed of the pictures during training
COLUMNS = 8  # of the timeline
WALK_SEEDS, WALK_STEPS = 5, 10
MAX_CLASSES = 20
OUTPUTS = ("D(x)", "D(G(z))", "accuracy")  # names of the discriminator's curves
NOT_CURVES = ("images", "epoch", "seconds", "images_per_second", SCORE_SAMPLES)


def write(run: Run, evaluation: Evaluation | None = None) -> Path:
    """Write report.html into the run folder atomically, and return its path. Raises RunError for a run without a generator."""
    files.write(run.report, page(run, evaluation).encode())
    heap.give_back()
    return run.report


def page(run: Run, evaluation: Evaluation | None = None) -> str:
    """The report as HTML, with all text from the run escaped. Without an evaluation, it names the command for one."""
    log = run.log  # read once: that of an hour may have 40,000 records
    cost = _cost(run, log)
    return _template().render(
        title=f"{run.recipe.name} on {display_name(run.recipe.data)}",
        run=run,
        tiles=_tiles(run, evaluation, dict(cost)),
        made=_made(run),
        real=_real(run),
        animation=_animation(run),
        timeline=_timeline(run),
        curves=_curves(run, log),
        checkup=run.checkup,
        held_out=run.results if "accuracy" in run.results else None,
        walk=_walk(run),
        evaluation=evaluation,
        findings=[(finding, _numbers(finding, evaluation)) for finding in evaluation.verdict] if evaluation else [],
        pairs=_pairs(run, evaluation) if evaluation else [],
        distances=_distances(run, evaluation.memorisation) if evaluation and evaluation.memorisation else None,
        classes=_classes(evaluation) if evaluation else None,
        of_classes=evaluation.of_classes if evaluation else None,
        columns=class_columns(evaluation.of_classes) if evaluation and evaluation.of_classes else [],
        rival_keys=evaluation.rival_keys if evaluation else [],
        rival_rows=evaluation.beside_rivals if evaluation else {},
        recipe=[*recipe_lines(run.recipe), *([("why", "; ".join(run.recipe.why))] if run.recipe.why else [])],
        full_cost=clock(evaluation.data["full_seconds"]) if evaluation and "full_seconds" in evaluation.data else None,
        notes=run.metadata.get("notes", []),
        cost=cost,
        machine=run.metadata["environment"],
        images=_said(run, "images"),
        number=number,
        shell_word=shell_word,
    )


@functools.cache  # to compile it takes several times as long as to fill it in
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=html.plain_value
    )
    return environment.from_string(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------------------------- pictures


def _made(run: Run) -> Picture:
    gallery = run.rows(PICTURE_SEED) if run.layout.categories else run.sample(PICTURE_SEED, _count(run))
    alt = f"{len(gallery)} samples after {run.images:,} images"
    if not _draws_images(run):
        return html.plot(gallery.picture(), alt)
    return _in_rows(run, gallery.array if gallery.view is None else gallery.view, alt)


def _real(run: Run) -> Picture | None:
    path = run.real_picture
    if not path.exists():
        return None
    # Without an observed condition, real samples are in their stored order.
    is_observed = run.recipe.condition is not None and run.recipe.condition.observed
    count = _count(run) if run.layout.categories and is_observed else min(_count(run), run.metadata["num_real"])
    alt = f"The first {count} real samples"
    if not _draws_images(run):
        return html.plot_file(path, alt)
    cells = grids.split_grid(path, run.metadata["sample_shape"], count)
    if is_observed:
        return _in_rows(run, cells, alt)
    return html.grid(cells, alt, run.layout.columns if run.layout.categories else None)


def _animation(run: Run) -> Picture | None:
    chosen = _spread(run.pictures, 25)
    if len(chosen) < 2:
        return None
    alt = f"Animation of samples of fixed seeds from {min(chosen):,} to {max(chosen):,} images"
    if not _draws_images(run):
        return html.plots(chosen.values(), alt)
    frames = (grids.split_grid(path, run.picture_shape, _count(run)) for path in chosen.values())
    return html.animation(frames, alt, run.layout.columns if run.layout.categories else None)


def _timeline(run: Run) -> dict[str, Any] | None:
    """Pictures during training: a row for each seed or category and a column for each image count; one plot each for points."""
    chosen = _spread(run.pictures, COLUMNS)
    if len(chosen) < 2:
        return None
    marks = [_short(count) for count in chosen]
    if not _draws_images(run):
        plots = [html.plot_file(path, f"Samples after {count:,} images", 240) for count, path in chosen.items()]
        return {"marks": marks, "plots": plots}
    names = run.layout.names
    count, step = (run.layout.count, run.layout.columns) if names else (COLUMNS, 1)  # the first of each category
    cells = np.stack([grids.split_grid(path, run.picture_shape, count)[::step] for path in chosen.values()], axis=1)
    what = "categories" if names else "seeds"
    alt = f"{len(cells)} {what}, one per row, at {len(chosen)} image counts from {min(chosen):,} to {max(chosen):,}"
    picture = html.grid(cells.reshape(-1, *cells.shape[2:]), alt, len(chosen))
    return {"marks": marks, "rows": "category" if names else "seed", "picture": dataclasses.replace(picture, names=names)}


def _walk(run: Run) -> Picture | None:
    if not run.recipe.noise.dim:
        return None
    cells = run.walk(range(WALK_SEEDS), WALK_STEPS)
    flat = cells.reshape(-1, *cells.shape[2:])
    if _draws_images(run):
        alt = f"{len(cells)} rows of images, each an interpolation between the samples of two seeds"
        return html.grid(flat, alt, WALK_STEPS + 1, html.PAGE_WIDTH)
    return html.plot(run.sampler.modality.picture(flat, WALK_STEPS + 1), "Points interpolated between the samples of two seeds")


def _pairs(run: Run, evaluation: Evaluation) -> list[tuple[Picture, Picture, float]]:
    """Samples nearest to a training image, with that image and the distance; empty if the data are no longer available."""
    found = evaluation.memorisation.pairs if evaluation.memorisation else ()
    if not found or not _draws_images(run):
        return []
    fakes, reals = evaluation.pair_fakes, evaluation.pair_reals
    if fakes is None and evaluation.seeds:
        fakes = np.concatenate([run.sample(evaluation.seeds[0], 1, pair.fake).array for pair in found])
    if reals is None:
        try:
            samples = run.data.load("train")
        except DataError:
            return []
        values = samples.values
        if run.metadata.get("data_sha256", digest_of_samples(samples)) != digest_of_samples(samples):
            return []  # other data, whose images were not compared
        reals = np.stack([values[pair.train] for pair in found if pair.train < len(values)]).transpose(0, 2, 3, 1)
    if fakes is None:
        return []
    return [
        (html.image(fake, f"Sample {pair.fake}"), html.image(real, f"Training image {pair.train}"), pair.distance)
        for pair, fake, real in zip(found, fakes, reals, strict=False)
    ]


def _draws_images(run: Run) -> bool:
    return len(run.metadata["sample_shape"]) == 3


def _said(run: Run, text: str) -> str:
    """A text about images, worded for the run's samples."""
    return text if _draws_images(run) else of_points(text)


def _count(run: Run) -> int:
    if run.layout.categories:
        return run.layout.count
    return min(run.recipe.pictures.count, COLUMNS**2) if _draws_images(run) else run.recipe.pictures.count


def _spread(drawn: dict[int, Path], count: int) -> dict[int, Path]:
    """At most `count` evenly spaced pictures, including the first and the last."""
    places = np.unique(np.linspace(0, len(drawn) - 1, min(count, len(drawn))).round().astype(int))
    items = list(drawn.items())
    return dict(items[i] for i in places)


def _in_rows(run: Run, cells: np.ndarray, alt: str) -> Picture:
    """A grid in the layout of the run, with names of its rows; the squarest grid for a run without a layout."""
    if not run.layout.categories:
        return html.grid(cells, alt)
    return dataclasses.replace(html.grid(cells, alt, run.layout.columns), names=run.layout.names)


# ---------------------------------------------------------------------------------------------------- curves


def _curves(run: Run, log: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
    """(title, SVG): losses, outputs of the discriminator, and every other number in the log."""
    if "images" not in log or len(log["images"]) < 2:
        return []
    losses = {curve_name(name): name for name in log if name.endswith("/loss")}
    outputs = {curve_name(name): name for name in log if name.endswith(OUTPUTS)}
    rest = [n for n in log if n not in {*losses.values(), *outputs.values(), *NOT_CURVES} and not n.startswith(doctor.PREFIX)]
    titles = {SCORE: f"Frechet distance to the validation slice, {run.metadata.get('score')}"}
    groups = [("Losses", losses), ("Discriminator", outputs), *((titles.get(n, n), {n: n}) for n in rest)]
    return [
        (title, charts.lines(_series(log, group), _said(run, f"{title} over images seen"), x=_said(run, "real images seen")))
        for title, group in groups
        if any(np.isfinite(log[name]).any() for name in group.values())
    ]


def _series(log: Mapping[str, np.ndarray], names: Mapping[str, str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The values of a log by name in the legend, over images."""
    return {shown: (log["images"], log[name]) for shown, name in names.items()}


def _distances(run: Run, found: Memorisation) -> str:
    percent = 100 * np.array(found.quantiles, float)
    series = {"samples": found.fake_distances, _said(run, "held-out real images"): found.held_out_distances}
    return charts.lines(
        {name: (percent, np.array(values, float)) for name, values in series.items()},
        _said(run, "Quantiles of the distance to the nearest training image, for samples and held-out real images"),
        x=_said(run, "% of the images are nearer"),
        y="distance",
    )


def _classes(evaluation: Evaluation) -> tuple[str, int] | None:
    """(SVG, number of classes left out); of many classes, those with the largest differences."""
    found = evaluation.classes
    if found is None:
        return None
    off = np.abs(np.array(found.fake) - np.array(found.real))
    chosen = sorted(np.argsort(-off, kind="stable")[:MAX_CLASSES].tolist())
    series = {"samples": [found.fake[i] for i in chosen], "real images": [found.real[i] for i in chosen]}
    about = "Share of each class among samples and real images: " + ", ".join(
        f"{found.names[i]} {found.fake[i]:.1%}, {found.real[i]:.1%}" for i in chosen
    )
    return charts.bars([found.names[i] for i in chosen], series, about), len(found.names) - len(chosen)


# ---------------------------------------------------------------------------------------------------- words and numbers


def _tiles(run: Run, evaluation: Evaluation | None, cost: dict[str, str]) -> list[tuple[str, str, str]]:
    """(title, number, remark) at the head of the page."""
    tiles = [(_said(run, "Real images seen"), f"{run.images:,}", cost["epochs"] + " epochs"), ("Training time", cost["time"], "")]
    if (best := run.best) is not None:
        found = f"{_said(run, 'images')}; Frechet distance {number(run.scored[best])} (validation slice)"
        tiles.append(("Best checkpoint", f"{best:,}", found))
    if evaluation and evaluation.scores:
        first = next(iter(evaluation.scores.values()))
        floor = (
            f"{_said(run, 'held-out real images')} {number(first.floor)}"
            if first.floor is not None
            else f"{first.better} is better"
        )
        tiles.append((first.title[:1].upper() + first.title[1:], number(first.value), floor))
    return tiles


def _cost(run: Run, log: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
    seconds = log.get("seconds", np.zeros(1))
    spent = float(np.nanmax(seconds))
    epochs = run.images / run.metadata.get("epoch_images", run.metadata["num_real"])
    return [
        ("images", f"{run.images:,}" if run.finished else f"{run.images:,} of {run.total_images or 0:,}"),
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
    """The numbers behind a sentence of the verdict, such as `Frechet distance 12.3 (real 0.4)`, by their paths."""
    texts = []
    for path in finding.source:
        if score := evaluation.scores.get(path.removeprefix("scores.")):  # early evaluations hold scores.fd instead of fd
            texts.append(f"{score.title} {number(score.value)} (real {number(score.floor)})")
            continue
        found: Any = {"diagnostics": evaluation.diagnostics}
        for word in path.split("."):
            found = found.get(word) if isinstance(found, dict) else None
        if isinstance(found, dict) and isinstance(found.get("fake"), (int, float)):
            real = found.get("real", found.get("held_out"))
            shown = f" (real {number(real)})" if isinstance(real, (int, float)) else ""
            texts.append(f"{word.replace('_', ' ')} {number(found['fake'])}{shown}")
    return texts


def _short(count: int) -> str:
    """A count in short: `940`, `2.6k`, `1.5M`."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * limit:
            return f"{count / limit:.3g}{letter}"
    return str(count)
