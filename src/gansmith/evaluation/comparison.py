"""Compare evaluations side by side. Only comparable ones are accepted; the error names the difference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gansmith.core import files
from gansmith.core.errors import RunError
from gansmith.core.formatting import brief, noun_of, plain
from gansmith.core.user_input import expanded
from gansmith.drawing.html import plain_value
from gansmith.evaluation.results import Evaluation, Score


@dataclass(frozen=True)
class Comparison:
    """Comparable evaluations: scores with equal keys have equal names."""

    evaluations: tuple[Evaluation, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the scores that all evaluations have."""
        first, *others = self.evaluations
        return tuple(key for key in first.scores if all(key in other.scores for other in others))

    def best(self, key: str) -> float:
        """The best value of a score."""
        values = [evaluation.scores[key].value for evaluation in self.evaluations]
        return min(values) if self.evaluations[0].scores[key].better == "lower" else max(values)

    def rows(self) -> list[list[str]]:
        """A table: a header row, then for each score its title, the values with intervals, the floor and the better direction."""
        head = ["score", *(evaluation.what for evaluation in self.evaluations), "floor", "better"]
        return [head, *(self._row(key) for key in self.keys)]

    def _row(self, key: str) -> list[str]:
        scores = [evaluation.scores[key] for evaluation in self.evaluations]
        marks = ["*" if score.value == self.best(key) else "" for score in scores]
        values = [with_interval(score) + mark for score, mark in zip(scores, marks, strict=True)]
        floor = scores[0].floor
        return [scores[0].title, *values, "" if floor is None else brief(floor), scores[0].better]

    def notes(self) -> list[str]:
        """Lines below the table: features, real samples, generated samples and the meaning of marks."""
        first = self.evaluations[0]
        return [
            f"Features: {first.extractor['name']} (SHA-256 {first.extractor['sha256'][:8]}), "
            f"resizing: {first.extractor['resizing']}.",
            f"Real: {first.data['num_real']:,} {_noun(first)} of {first.data['label']}, {first.data['split']}. "
            f"Floor: {first.data['num_floor']:,} of {first.data['floor']}.",
            *(f"{e.what}: {samples_of(e)}." for e in self.evaluations),
            "* best value. Brackets hold 95 % confidence intervals; if two overlap, their order may be due to chance.",
        ]

    def markdown(self) -> str:
        """The comparison as a Markdown table with notes."""
        head, *body = self.rows()
        rows = [[_no_markdown(cell) for cell in row] for row in (head, *body)]
        lines = [rows[0], ["---", *["---:"] * (len(head) - 2), "---"], *rows[1:]]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return table + "\n\n" + "\n".join(f"- {_no_markdown(note)}" for note in self.notes()) + "\n"

    def html(self) -> str:
        """The comparison as one HTML page."""
        from jinja2 import Environment, StrictUndefined

        head, *body = self.rows()
        environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True, finalize=plain_value
        )
        return environment.from_string(_PAGE).render(head=head, body=body, notes=self.notes())

    def save(self, path: str | Path) -> Path:
        """Write the comparison as x.md or x.html, and return the path. Raises RunError for another suffix."""
        path = expanded(path)
        check(len(self.evaluations), path)
        files.make_parent(path)
        files.write(path, (self.markdown() if files.ending(path) == ".md" else self.html()).encode())
        return path


def check(count: int, path: Path | None) -> None:
    """Raise RunError for fewer than two evaluations, or for a file name that ends in neither .md nor .html."""
    if count < 2:
        raise RunError(f"a comparison needs at least two evaluations, got {count}: name another run or file")
    if path and files.ending(path) not in (".md", ".html"):
        raise RunError(f"can't write a comparison as {path.suffix!r} ({path}): use x.md or x.html")


@dataclass(frozen=True)
class Known:
    """What is known of a run, or a stored evaluation, before anything is evaluated."""

    what: str
    label: str  # of the real data
    shape: tuple[int, ...] | None  # of one sample, (C, H, W) or (D,); None: unknown

    @classmethod
    def of(cls, evaluation: Evaluation) -> Known:
        """What a stored evaluation says."""
        return cls(evaluation.what, evaluation.data["label"], evaluation.sample_shape)


def check_alike(known: Sequence[Known]) -> None:
    """Raise RunError naming two whose evaluations can't be comparable: samples of other shapes, or other real data.

    Call it before any of them is evaluated, which takes minutes.
    """
    first, *others = known
    shaped = next((one for one in known if one.shape), first)  # the first whose shape is known
    for other in others:
        if other.shape and shaped.shape and other.shape != shaped.shape:
            both = f"{_described(shaped.shape)} and {_described(other.shape)}"
            raise RunError(
                f"can't compare {shaped.what} with {other.what}: their samples differ, {both}; name runs of the same data"
            )
        if other.label != first.label:
            what = f"can't compare {first.what} with {other.what}: the real data differs, {first.label} and {other.label}"
            raise RunError(f"{what}; name runs of the same data")


def _described(shape: tuple[int, ...]) -> str:
    """Samples of a shape in a message: `images of 1 x 28 x 28`, `points of 2 numbers`."""
    if len(shape) == 3:
        return f"images of {' x '.join(map(str, shape))}"
    return f"points of {' x '.join(map(str, shape))} number{'' if shape == (1,) else 's'}"


def compare(evaluations: Sequence[Evaluation]) -> Comparison:
    """Compare evaluations. Raises RunError naming two that are not comparable and their first difference."""
    check(len(evaluations), None)
    first, *others = evaluations
    for other in others:
        if reason := _unlike(first, other):
            raise RunError(f"can't compare {first.what} with {other.what}: {reason}; evaluate both in one way")
    if not (found := Comparison(tuple(evaluations))).keys:
        raise RunError("these evaluations have no score in common: evaluate them again with one extractor")
    return found


def _unlike(one: Evaluation, other: Evaluation) -> str | None:
    """The first difference that makes two evaluations incomparable; None without one."""
    pairs = {
        "the real data": (one.data["label"], other.data["label"]),
        "the real data's SHA-256": (one.data["sha256"][:12], other.data["sha256"][:12]),
        "the split": (one.data["split"], other.data["split"]),
        "the extractor": (one.extractor["name"], other.extractor["name"]),
        "the extractor's SHA-256": (one.extractor["sha256"][:12], other.extractor["sha256"][:12]),
        "the resizing": (one.extractor["resizing"], other.extractor["resizing"]),
        "the number of samples": (f"{one.num_fake:,}", f"{other.num_fake:,}"),
    }
    for key in one.scores.keys() & other.scores.keys():
        pairs[f"the name of {key}"] = (one.scores[key].name, other.scores[key].name)
    return next((f"{what} differs, {a} and {b}" for what, (a, b) in pairs.items() if a != b), None)


def _no_markdown(text: str) -> str:
    """A text whose names are shown as they are by a reader of Markdown; an underscore inside a word is no markup there."""
    return re.sub(r"([\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", plain(text, 1000))


def _noun(evaluation: Evaluation) -> str:
    """What the samples are called beside a count; images where the shape is unknown."""
    return noun_of(evaluation.sample_shape or (1, 1, 1))


def with_interval(score: Score) -> str:
    """A score with its interval: `12.3 [11.9, 12.7]`."""
    if score.low is None or score.high is None:
        return brief(score.value)
    return f"{brief(score.value)} [{brief(score.low)}, {brief(score.high)}]"


def samples_of(evaluation: Evaluation) -> str:
    """Description of the samples: `4 draws of 10,000 samples, seeds 1000 to 1003, ...`, or `10,000 stored samples, ...`."""
    if evaluation.seeds is None:
        return f"{evaluation.num_fake:,} stored samples, intervals by a jackknife over 10 groups"
    seeds = evaluation.seeds
    draws = "1 draw" if len(seeds) == 1 else f"{len(seeds)} draws"
    range_ = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return f"{draws} of {evaluation.num_fake:,} samples, {range_}, after {evaluation.images_seen or 0:,} {_noun(evaluation)}"


_PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>gansmith: comparison</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 1.5em auto; max-width: 70em; padding: 0 1em }
div { overflow-x: auto }
table { border-collapse: collapse }
th, td { border-bottom: 1px solid #ccc; padding: .3em .8em; text-align: right }
th:first-child, td:first-child { text-align: left }
</style>
<h1>Comparison</h1>
<div><table><thead><tr>{% for cell in head %}<th>{{ cell }}</th>{% endfor %}</tr></thead><tbody>
{% for row in body %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
<ul>
{% for note in notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
</html>
"""
