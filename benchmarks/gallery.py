"""The gallery, docs/gallery.md: of each recipe a picture from a real run, its command, its minutes and its numbers.

    python benchmarks/gallery.py                                                    # the page, from what is there
    python benchmarks/gallery.py --add runs/dcgan --command "gansmith train dcgan"  # a finished run, then the page

`--add` asks the run for 32 samples of seed 0 and for its evaluation (`gansmith evaluate`, unless it was evaluated as it is
now), and writes docs/images/gallery/NAME.png and benchmarks/results/gallery/NAME.json. It refuses a command whose recipe is
not the run's. Recipes that were not added are shown by what other benchmarks left: benchmarks/results/time_to_quality,
/losses and /evaluations, with their pages' pictures. Nothing else is said of a recipe: numbers stand here because a file
holds them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from gansmith.core import files
from gansmith.core.errors import GansmithError, RunError
from gansmith.data import label, size_of
from gansmith.drawing import grids
from gansmith.evaluation.results import Evaluation
from gansmith.recipes import catalogue, make
from gansmith.recipes.lengths import images_in
from gansmith.runs.run import Run

HERE = Path(__file__).resolve().parent
RESULTS, DOCS = HERE / "results", HERE.parent / "docs"
SHOWN = {"fd": "FD", "precision": "precision", "recall": "recall", "coverage": "coverage", "elbo": "ELBO"}
COUNT, COLUMNS = 32, 8
TIMED = ("losses", "time_to_quality")  # folders of results whose files are alike; the later one's stands
ON_ITS_PAGE = {"default": "mnist"}  # of recipes that were timed on several data sets, that of the picture


@dataclass(frozen=True)
class Entry:
    """What the page says of one recipe."""

    recipe: str
    data: str
    command: str
    images: int
    minutes: float | None  # None: the file does not say
    threads: int | None
    scores: dict[str, float]
    floors: dict[str, float]  # of real images in the generator's place
    extractor: str
    picture: str  # below docs/


def entry_of(run: Run, command: str) -> Entry:
    """A finished run as an entry, with its picture drawn. Raises RunError where the command is of another recipe."""
    from gansmith.evaluation import evaluate as evaluation

    name, overrides, data = parsed(command)
    made = make(name, overrides, data)
    if dataclasses.replace(made, why=()) != dataclasses.replace(run.recipe, why=()):
        raise RunError(f"{run.path} is no run of: {command}")
    found = Evaluation.of(run) or evaluation.evaluate(run)
    found.keep(run)
    picture = f"images/gallery/{run.recipe.name}.png"
    files.make_parent(DOCS / picture)
    files.write(DOCS / picture, grids.png(run.sample(0, COUNT).picture(COLUMNS)))
    return Entry(
        recipe=run.recipe.name,
        data=label(run.recipe.data),
        command=command,
        images=run.images,
        minutes=round(run.results["seconds"] / 60, 1),
        threads=run.metadata["environment"]["threads"],
        **_scores(found.to_json()["scores"]),
        extractor=found.extractor["name"],
        picture=picture,
    )


def parsed(command: str) -> tuple[str, list[str], str | None]:
    """(recipe, overrides, data) of `gansmith train ...`; other options say nothing of the recipe."""
    words = shlex.split(command)[2:]
    options = {word: value for word, value in pairwise(words) if word.startswith("--")}
    plain = [w for i, w in enumerate(words) if not w.startswith("--") and not (i and words[i - 1].startswith("--"))]
    name = plain.pop(0) if plain and "=" not in plain[0] else "default"
    return name, plain, options.get("--data")


def _scores(scores: dict[str, Any]) -> dict[str, dict[str, float]]:
    kept = {key: scores[key] for key in SHOWN if key in scores}
    floors = {key: score["floor"] for key, score in kept.items() if score["floor"] is not None}
    return {"scores": {key: score["value"] for key, score in kept.items()}, "floors": floors}


def entries() -> list[Entry]:
    """One for each recipe of which there is a file and a picture, in the catalogue's order."""
    found: dict[str, Entry] = {}
    for path in sorted((RESULTS / "evaluations").glob("*.json")):
        facts = json.loads(path.read_text())
        found[path.stem] = Entry(
            recipe=path.stem,
            data=facts["data"]["label"],
            command=f"gansmith train {path.stem}{_length(path.stem, facts['images_seen'])}",
            images=facts["images_seen"],
            minutes=None,
            threads=None,
            **_scores(facts["scores"]),
            extractor=facts["extractor"]["name"],
            picture=f"images/{path.stem}.png",
        )
    for path in (path for folder in TIMED for path in sorted((RESULTS / folder).glob("*-s0-*.json"), reverse=True)):
        facts = json.loads(path.read_text())
        if facts["data"] != ON_ITS_PAGE.get(facts["recipe"], facts["data"]) or facts["budget"].startswith("30m"):
            continue
        found[facts["recipe"]] = Entry(
            recipe=facts["recipe"],
            data=facts["data"],
            command=facts["command"].split(" --run")[0],
            images=facts["images"],
            minutes=round(facts["seconds"] / 60, 1),
            threads=facts["machine"]["threads"],
            **_scores(facts["scores"]),
            extractor=facts["extractor"]["name"],
            picture=f"images/{facts['recipe']}.png",
        )
    for path in sorted((RESULTS / "gallery").glob("*.json")):
        found[path.stem] = Entry(**json.loads(path.read_text()))
    return [found[name] for name in catalogue() if name in found and (DOCS / found[name].picture).exists()]


def _length(name: str, seen: int) -> str:
    """` budget=8epochs` where a recipe's run was ended before its own budget; nothing where it was not."""
    recipe = make(name)
    epoch = recipe.order.epoch_images(size_of(recipe.data)[0])
    return "" if seen >= images_in(recipe.budget, epoch) else f" budget={round(seen / epoch)}epochs"


def page(shown: list[Entry]) -> str:
    """The page as Markdown."""
    missing = [name for name in catalogue() if name not in {entry.recipe for entry in shown}]
    lines = [HEAD, *(line for entry in shown for line in _section(entry))]
    if missing:
        names = ", ".join(f"[`{name}`](recipes/{name}.md)" for name in missing)
        lines += ["## Without a measured run here", "", f"{names}.", ""]
    return "\n".join(lines)


def _section(entry: Entry) -> list[str]:
    condition = [f"{entry.images:,} images"]
    condition += [f"{entry.minutes:g} minutes"] if entry.minutes is not None else []
    condition += [f"{entry.threads} thread{'s' if entry.threads > 1 else ''}"] if entry.threads else []
    head, row = zip(*((SHOWN[key], _number(value)) for key, value in entry.scores.items()), strict=True)
    floors = [_number(entry.floors[key]) if key in entry.floors else "" for key in entry.scores]
    return [
        f"## {entry.recipe}",
        "",
        f"{catalogue()[entry.recipe].about} [More](recipes/{entry.recipe}.md).",
        "",
        f"    {entry.command}",
        "",
        f"![Samples of {entry.recipe}]({entry.picture})",
        "",
        f"On {entry.data}: {', '.join(condition)}.",
        "",
        "| | " + " | ".join(head) + " |",
        "|---|" + "---|" * len(head),
        f"| samples, by `{entry.extractor}` | " + " | ".join(row) + " |",
        "| real test images in their place | " + " | ".join(floors) + " |",
        "",
    ]


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


HEAD = """# Gallery

Samples of each recipe from one run, all of them and not selected, with command, time and scores by the protocol of
[evaluation](evaluation.md). Scores of different data or extractors cannot be compared. [Results](results.md) compares recipes, with
spreads over seeds.

`python benchmarks/gallery.py` writes this page from files in `benchmarks/results/`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--add", type=Path, metavar="RUN", help="a finished run to show")
    parser.add_argument("--command", help="what it was trained with [default: gansmith train NAME]")
    given = parser.parse_args()
    if given.add:
        try:
            run = Run.open(given.add)
            entry = entry_of(run, given.command or f"gansmith train {run.recipe.name}")
        except GansmithError as wrong:
            parser.error(str(wrong))
        path = RESULTS / "gallery" / f"{entry.recipe}.json"
        files.make_parent(path)
        files.write(path, (json.dumps(dataclasses.asdict(entry), indent=1) + "\n").encode())
    shown = entries()
    files.write(DOCS / "gallery.md", page(shown).encode())
    print(f"docs/gallery.md shows {len(shown)} of {len(catalogue())} recipes")


if __name__ == "__main__":
    main()
