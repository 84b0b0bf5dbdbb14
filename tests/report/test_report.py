"""The report: one page that holds together, needs nothing outside itself, says what is known and lets nothing slip in."""

from __future__ import annotations

import base64
import dataclasses
import io
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import gansmith
from gansmith.core.errors import RunError
from gansmith.core.formatting import plain_number as number
from gansmith.core.overrides import override
from gansmith.data import Arrays, Ring
from gansmith.drawing import animation as animation_module
from gansmith.drawing import charts, grids
from gansmith.evaluation.results import Evaluation
from gansmith.recipes.base import Pictures
from gansmith.report import page as page_module
from gansmith.runs.run import Run
from gansmith.sampling.classes import Layout
from support import REAL_LINES, Answer, assert_refused, quick, slim, stop_after, tiny, with_ema

Cli = Callable[..., Answer]
VOID = {"meta", "img", "link", "br", "hr", "input", "source"}
ALWAYS = {"pictures", "verdict", "growth", "curves", "between", "recipe", "cost", "machine"}
SCORED = {"neighbours", "distances", "classes", "scores"}
HOSTILE = "\"><script>alert('$\\frac{')</script><img src=http://evil.example/x.png>&amp;漢"


class Page(HTMLParser):
    """Reads a page and fails where a tag is not closed, or closed that was not open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data

    @property
    def ids(self) -> set[str]:
        return {attributes["id"] for _, attributes in self.tags if "id" in attributes}

    @property
    def images(self) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


def assert_self_contained(html: str) -> Page:
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:image/")), (tag, name, attributes[name][:60])
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    for image in page.images:
        assert image["alt"].strip()
        assert int(image["width"]) > 0
        with Image.open(io.BytesIO(base64.b64decode(image["src"].split(",", 1)[1]))) as picture:
            picture.load()
    assert len(page.ids) == len([a for _, a in page.tags if "id" in a]), "an id stands twice"
    return page


NUMBERS = ("diagnostics.statistics.edge_energy", "diagnostics.num", "scores.unheard.of")


def score(**changed: Any) -> dict[str, Any]:
    facts = {"name": "fd[pixels:ab12cd34]@1k/100", "title": "Frechet distance", "value": 12.34, "low": 11.91, "high": 12.72}
    return facts | {"draws": [12.3, 12.4], "floor": 0.411, "better": "lower", "about": "How far apart they are."} | changed


def evaluated(**changed: Any) -> Evaluation:
    """An evaluation as `gansmith evaluate` stores it, made by hand."""
    facts: dict[str, Any] = {
        "format": 1, "what": "runs/x", "kind": "run", "recipe": "tutorial-small", "checkpoint": "last",
        "images_seen": 1625, "seed": 0,
        "data": {"label": "digits", "spec": {"type": "Digits"}, "split": "train without slice", "sha256": "0"}
        | {"num_real": 1000, "floor": "half", "num_floor": 500},
        "extractor": {"name": "pixels", "sha256": "ab12cd34" + "0" * 56, "width": 64, "resizing": "none"},
        "num_fake": 100, "seeds": [1000, 1001], "seconds": 1.5, "gansmith": "0.1.0",
        "scores": {"fd": score(), "recall": score(name="recall[x]", title="Recall", value=0.25, low=None, high=None)},
        "classes": {"names": ["zero", "one"], "real": [0.5, 0.5], "fake": [0.75, 0.25], "floor": [0.5, 0.5]},
        "memorisation": {
            "quantiles": [0.0, 0.5, 1.0], "fake_distances": [1, 2, 3], "held_out_distances": [0.5, 2, 4],
            "pairs": [{"fake": 70, "train": 3, "distance": 1.5}, {"fake": 2, "train": 1496, "distance": 2.5}],
        },
        "diagnostics": {"statistics": {"edge_energy": {"real": 0.5, "fake": 0.25}}, "num": 3},
        "verdict": [
            {"good": True, "text": "It copies nothing.", "from": ["scores.fd"]},
            {"good": False, "text": "Half is missing.", "from": ["recall", *NUMBERS]},
        ],
    }  # fmt: skip
    return Evaluation.from_json(facts | changed)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return gansmith.train(quick(), tmp_path_factory.mktemp("report") / "run", device="cpu")


# ---------------------------------------------------------------------------------------------------- the page


def test_it_is_written_at_the_end_of_a_training(done: Run) -> None:
    page = assert_self_contained(done.report.read_text())
    assert page.ids >= ALWAYS
    assert not page.ids & SCORED
    assert "tutorial-small on digits" in page.text
    assert "1,625" in page.text
    assert f"gansmith report {done.path}" in page.text
    for name in ("batch_size", "optimizers.generator", "processor"):
        assert name in page.text


def test_it_is_written_whole_and_again_the_same(done: Run) -> None:
    before = done.report.read_bytes()
    assert page_module.write(gansmith.load(done.path)) == done.report
    assert done.report.read_bytes() == before


def test_with_an_evaluation_it_says_everything_that_is_known(done: Run) -> None:
    evaluation = evaluated()
    page = assert_self_contained(page_module.page(done, evaluation))
    assert page.ids >= ALWAYS | SCORED
    for found in evaluation.scores.values():
        for text in (found.title, found.name, found.about, found.better, number(found.value), number(found.floor)):
            assert text in page.text
    assert "11.9 to 12.7" in page.text
    for finding in evaluation.verdict:
        assert finding.text in page.text
    assert "Recall 0.25 (real 0.411) · edge energy 0.25 (real 0.5)" in page.text
    assert "unheard" not in page.text
    assert page.text.index("Half is missing.") < page.text.index("Training progress")
    assert "gansmith report" not in page.text


def test_pairs_show_the_sample_and_the_training_image(done: Run) -> None:
    page = Page(page_module.page(done, evaluated()))
    shown = {image["alt"]: image["src"] for image in page.images}
    training = done.recipe.data.load("train").values
    for alt, expected in (
        ("Sample 70", done.sample(1000, 100)[70, :, :, 0]),
        ("Sample 2", done.sample(1000, 100)[2, :, :, 0]),
        ("Training image 3", training[3, 0]),
        ("Training image 1496", training[1496, 0]),
    ):
        with Image.open(io.BytesIO(base64.b64decode(shown[alt].split(",", 1)[1]))) as picture:
            assert np.array_equal(np.asarray(picture), expected)


def test_a_run_is_scored_once_for_its_report(done: Run, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def evaluate(run: Run, data: str | None = None, **_: object) -> Evaluation:
        asked.append(data)
        return evaluated()

    monkeypatch.setattr("gansmith.evaluation.evaluate.evaluate", evaluate)
    folder = shutil.copytree(done.path, tmp_path / "run")
    for data in ((), (), ("--data", "digits"), ()):
        (folder / "report.html").unlink()
        answer = cli("report", folder, *data)
        assert answer.code == 0, answer.err
        assert str(folder / "report.html") in answer.out
        assert "Half is missing." in (folder / "report.html").read_text()
    assert asked == [None, "digits"]


def test_what_comes_from_the_run_is_text_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "lines", REAL_LINES)
    name = HOSTILE.replace("/", "|").replace("\\", "")[:100]  # what the name of a recipe may hold
    recipe = dataclasses.replace(quick(), name=name, budget="64images")
    run = gansmith.train(recipe, tmp_path / "<b>run", device="cpu")
    evaluation = evaluated(
        scores={"fd": score(title=HOSTILE, about=HOSTILE, name=HOSTILE, better="lower")},
        classes={"names": [HOSTILE, "one"], "real": [0.5, 0.5], "fake": [0.75, 0.25], "floor": [0.5, 0.5]},
        verdict=[{"good": False, "text": HOSTILE, "from": ["fd"]}],
        data={"label": HOSTILE, "split": HOSTILE, "sha256": "0", "num_real": 10, "floor": HOSTILE, "num_floor": 5},
    )
    for html, words in ((page_module.page(run, evaluation), HOSTILE), (page_module.page(run), name)):
        page = assert_self_contained(html)
        assert words in page.text
        assert "<img src=http" not in html


@pytest.mark.parametrize("kind", ["points", "colours", "average", "no discriminator's word"])
def test_it_fits_every_kind_of_run(kind: str, tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (60, 12, 10, 3), dtype=np.uint8)
    np.savez(tmp_path / "colours.npz", images=colours)
    recipe = {
        "points": lambda: dataclasses.replace(quick(), data=Ring(num=500)),
        "colours": lambda: dataclasses.replace(quick(), data=Arrays(str(tmp_path / "colours.npz"))),
        "average": lambda: with_ema(quick()),
        "no discriminator's word": lambda: slim(tiny("noise-critic")),
    }[kind]()
    run = gansmith.train(override(recipe, "budget=128images"), tmp_path / "run", device="cpu")
    shown = assert_self_contained(run.report.read_text())
    assert shown.ids >= ALWAYS
    assert ("real images seen" not in shown.text.lower()) == (kind == "points")
    assert assert_self_contained(page_module.page(run, evaluated())).ids >= ALWAYS | {"scores"}
    assert (
        assert_self_contained(page_module.page(run, evaluated(memorisation=None, classes=None, verdict=[], scores={}))).ids
        >= ALWAYS
    )


def test_what_was_chosen_and_counted_is_no_list_and_no_curve(done: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    log = done.log
    few = log | {"validation/samples": np.full(len(log["images"]), 100.0)}
    monkeypatch.setattr(Run, "log", property(lambda _: few))
    run = Run.open(done.path)
    monkeypatch.setattr(run, "recipe", dataclasses.replace(done.recipe, why=("one reason", "it's another")))
    page = assert_self_contained(page_module.page(run))
    assert "validation/samples" not in page.text
    assert "100 samples of seed 1000 against" in assert_self_contained(page_module.page(run, evaluated(seeds=[1000]))).text
    assert "one reason; it's another" in page.text


def test_it_is_there_for_a_run_that_goes_on(tmp_path: Path) -> None:
    stop_after(quick(), tmp_path / "run", 3)
    page = assert_self_contained(page_module.page(gansmith.load(tmp_path / "run")))
    assert "96 of" in page.text
    assert "too few records" in page.text


def test_what_the_folder_has_lost_is_left_out(done: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(done.path, tmp_path / "run")
    shutil.rmtree(folder / "samples")
    for name in ("log.jsonl", "results.json"):
        (folder / name).unlink()
    page = assert_self_contained(page_module.page(gansmith.load(folder)))
    assert page.ids >= ALWAYS - {"growth"}
    assert "growth" not in page.ids


@pytest.mark.parametrize("side", [32, 66])
def test_it_stays_small_where_pictures_are_large_and_many(side: int, tmp_path: Path) -> None:
    """Noise in colour is the worst there is for a picture's size."""
    noise = np.random.default_rng(0).integers(0, 256, (64, side, side, 3), dtype=np.uint8)
    for i in range(25):
        grids.image_grid(np.roll(noise, i, axis=2), 8).save(tmp_path / f"{i}.png", compress_level=1)
    run: Any = SimpleNamespace(
        metadata={"sample_shape": [3, side, side], "num_real": 64},
        recipe=SimpleNamespace(pictures=Pictures(count=64), condition=None),
        layout=Layout(64, 8),
        picture_shape=(3, side, side),
        pictures={1000 * i: tmp_path / f"{i}.png" for i in range(25)},
        real_picture=tmp_path / "0.png",
    )
    timeline = page_module._timeline(run)
    shown = [page_module._animation(run), page_module._real(run), timeline and timeline["picture"]]
    sizes = [len(picture.uri) for picture in shown if picture]
    assert len(sizes) == 3
    assert sum(sizes) + 2 * sizes[1] < 3_000_000  # and as much again for what was made and for the way between seeds


@pytest.mark.parametrize(("what", "words"), [("nothing", ("does not exist",)), ("no generator", ("no generator yet",))])
def test_no_run_no_report(what: str, words: tuple[str, ...], done: Run, tmp_path: Path, cli: Cli) -> None:
    folder = tmp_path / "run"
    if what == "no generator":
        shutil.copytree(done.path, folder)
        shutil.rmtree(folder / "generator")
        shutil.rmtree(folder / "checkpoints")
    assert_refused(cli("report", folder), "run", *words)


# ---------------------------------------------------------------------------------------------------- charts and pictures


def test_a_chart_takes_the_pages_colours_and_holds_its_words_as_text() -> None:
    x = np.arange(5.0)
    html = REAL_LINES({"one": (x, x), HOSTILE: (x, np.array([1, np.nan, 2, np.inf, 3]))}, f"about {HOSTILE}")
    page = Page(html)
    assert page.tags[0] == (
        "svg",
        {"class": "chart", "role": "img", "aria-label": f"about {HOSTILE}", "viewbox": "0 0 302.4 180"},
    )
    assert HOSTILE in page.text
    assert "var(--series-1)" in html
    assert "currentColor" in html
    assert "http" not in html.replace("http://evil.example", "")
    assert "#0" not in "".join(a.get("style", "") for _, a in page.tags)


def test_a_long_line_is_thinned_and_keeps_its_shape() -> None:
    x, y = charts._thinned(np.arange(10_000.0), np.r_[np.arange(9_999.0), np.nan])
    assert len(x) == charts.MAX_POINTS
    np.testing.assert_allclose(x, y)


def test_charts_on_one_page_do_not_share_names() -> None:
    x = np.arange(5.0)
    one, other = (Page(REAL_LINES({"a": (x, x)}, about)) for about in ("one", "other"))
    assert one.ids
    assert not one.ids & other.ids


def test_bars_stand_for_shares() -> None:
    assert "<b>cat" in Page(charts.bars(["<b>cat", "dog"], {"made": [0.2, 0.8], "real": [0.5, 0.5]}, "shares")).text


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 9), (4, 28, 28), (1, 100, 70)])
@pytest.mark.parametrize(("count", "columns"), [(1, 8), (16, 8), (13, 5)])
def test_a_grid_is_cut_into_the_pictures_it_was_made_of(shape: tuple[int, ...], count: int, columns: int, tmp_path: Path) -> None:
    made = np.random.default_rng(0).integers(0, 256, (count, *shape[1:], shape[0]), dtype=np.uint8)
    grids.image_grid(made, columns).save(tmp_path / "grid.png")
    assert np.array_equal(grids.split_grid(tmp_path / "grid.png", shape, count), made)


def test_what_is_no_grid_is_not_cut(tmp_path: Path) -> None:
    Image.new("L", (50, 41)).save(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name in ("other.png", "broken.png"):
        with pytest.raises(RunError, match=f"{name} is damaged"):
            grids.split_grid(tmp_path / name, (1, 28, 28), 4)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_animation_keeps_its_gaps_clear_and_its_colours_near(channels: int) -> None:
    flat = np.random.default_rng(0).integers(0, 256, (3, 4, 1, 1, channels), dtype=np.uint8)
    frames = [grids.transparent_grid(np.broadcast_to(f, (4, 6, 6, channels)), 2) for f in flat]
    with Image.open(io.BytesIO(animation_module.animate(frames, 100))) as animation:
        assert animation.n_frames == 3
        for i, frame in enumerate(frames):
            animation.seek(i)
            shown, expected = np.asarray(animation.convert("RGBA")).astype(int), np.asarray(frame.convert("RGBA"))
            assert np.array_equal(shown[..., 3], expected[..., 3])
            assert np.abs(shown - expected)[expected[..., 3] > 0].max() <= 3
