"""A run is the same run however often it is stopped: on purpose, by leaving the loop, or by kill -9 at any moment.

"The same" is to the last bit: weights, optimizers, average, log, pictures, arrays, results. See `support.assert_same_run`.
"""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import gansmith
from gansmith.core.component import to_json
from gansmith.core.device import choose_precision
from gansmith.recipes.base import Recipe
from gansmith.runs.run import Run
from gansmith.training.loop import steps
from support import (
    RECIPES,
    ROOT,
    VARIANTS,
    Child,
    assert_same_run,
    assert_same_tensors,
    metadata,
    newest_checkpoint,
    quick,
    records_of,
    slim,
    stop_after,
    tiny,
    train_and_tell,
    trainer,
    untimed_log,
    with_ema,
)

sys.path.append(str(ROOT / "benchmarks" / "hard"))
import kill

EVERY = pytest.mark.parametrize("name", RECIPES)


ALL = [*RECIPES, *VARIANTS]


def recipe_called(name: str) -> Recipe:
    return slim(VARIANTS[name]() if name in VARIANTS else tiny(name))


def number_of_steps(folder: Path) -> int:
    return int(metadata(newest_checkpoint(folder))["steps"])


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a recipe's uninterrupted run, trained once."""

    @cache
    def folder(name: str) -> Path:
        path = tmp_path_factory.mktemp("uninterrupted") / name
        run = gansmith.train(recipe_called(name), path, device="cpu")
        assert run.finished
        return path

    return folder


# ---------------------------------------------------------------------------------------------------- twice the same


@EVERY
def test_two_runs_are_equal_to_the_last_bit(name: str, uninterrupted: Callable[[str], Path], tmp_path: Path) -> None:
    expected = uninterrupted(name)
    torch.manual_seed(12345)  # whatever state the caller's generator is in
    gansmith.train(recipe_called(name), tmp_path / "again", device="cpu")
    assert_same_run(expected, tmp_path / "again")


@EVERY
def test_a_run_is_worth_comparing(name: str, uninterrupted: Callable[[str], Path]) -> None:
    folder = uninterrupted(name)
    tensors = safetensors.torch.load_file(newest_checkpoint(folder))
    recipe = recipe_called(name)
    begun = trainer(recipe).state().tensors
    for which in recipe.networks:
        moved = [k for k in begun if k.startswith(f"networks/{which}/") and not torch.equal(begun[k], tensors[k])]
        assert bool(moved) == (which not in recipe.frozen)
    assert any(k.startswith("optimizers/") for k in tensors)
    assert any(k.startswith("average/") for k in tensors) == (recipe.ema is not None)
    assert len(untimed_log(folder)) >= 5
    assert len(list((folder / "samples").glob("[0-9]*.png"))) >= 3
    assert len(list((folder / "checkpoints").iterdir())) == 3  # the last few
    assert all(np.isfinite(v) for record in untimed_log(folder) for v in record.values())


# ---------------------------------------------------------------------------------------------------- leaving the loop


@pytest.mark.parametrize("name", ALL)
def test_left_and_gone_on_equals_uninterrupted(name: str, uninterrupted: Callable[[str], Path], tmp_path: Path) -> None:
    recipe, folder = recipe_called(name), tmp_path / "run"
    last = number_of_steps(uninterrupted(name))
    chosen = sorted(random.Random(f"leave {name}").sample(range(1, last), 3))
    for step in chosen:
        stop_after(recipe, folder, step)
        run = Run.open(folder)
        assert not run.finished
        saved = run.latest()
        assert saved is not None
        assert saved.steps == step
    gansmith.train(recipe, folder, device="cpu")
    assert_same_run(uninterrupted(name), folder)


@EVERY
def test_a_full_sized_trainer_restored_from_its_state_takes_the_same_steps(name: str) -> None:
    recipe = with_ema(tiny(name))
    one = trainer(recipe)
    for _ in range(2):
        one.step()
    state = dataclasses.replace(one.state(), tensors={k: v.clone() for k, v in one.state().tensors.items()})
    other = trainer(recipe)
    other.step()  # whatever it did before
    other.restore(state)
    for _ in range(2):
        assert one.step().floats() == other.step().floats()
    assert_same_tensors(one.state().tensors, other.state().tensors)


def test_a_step_is_a_function_of_place_not_of_history() -> None:
    """Noise, order and dropout of step 9 are those of a trainer that was set down at step 9."""
    recipe = tiny("tutorial-dropout")
    walked, placed = trainer(recipe), trainer(recipe)
    for _ in range(8):
        walked.step()
    placed.restore(dataclasses.replace(walked.state(), tensors={k: v.clone() for k, v in walked.state().tensors.items()}))
    torch.manual_seed(99)
    assert walked.step().floats() == placed.step().floats()


# ---------------------------------------------------------------------------------------------------- kill -9


@pytest.mark.parametrize("name", ALL)
def test_killed_and_gone_on_equals_uninterrupted(name: str, uninterrupted: Callable[[str], Path], tmp_path: Path) -> None:
    recipe, folder, chance = recipe_called(name), tmp_path / "run", random.Random(f"kill {name}")
    expected = uninterrupted(name)
    last = number_of_steps(expected)
    for _ in range(4):
        with Child(train_and_tell, to_json(recipe), str(folder)) as child:
            if child.wait_for(chance.randrange(last)):
                child.process.join(chance.uniform(0, 0.02))  # some moment in the middle of what follows
            child.kill()
    with Child(train_and_tell, to_json(recipe), str(folder)) as child:
        child.finish()
    assert_same_run(expected, folder)


def test_killed_while_it_begins_and_while_it_ends(uninterrupted: Callable[[str], Path], tmp_path: Path) -> None:
    """Before the first step the folder itself is made; after the last one come the plot, the animation and the results."""
    recipe, chance, expected = recipe_called("tutorial-small"), random.Random("begin"), uninterrupted("tutorial-small")
    last = number_of_steps(expected)
    for i in range(10):
        folder = tmp_path / str(i)
        with Child(train_and_tell, to_json(recipe), str(folder)) as child:
            child.wait_for(0 if i % 2 else last)
            child.process.join(chance.uniform(0, 0.12))
            child.kill()
        with Child(train_and_tell, to_json(recipe), str(folder)) as child:
            child.finish()
        assert_same_run(expected, folder)


def test_killed_on_the_command_line_and_started_again_by_the_same_command(
    uninterrupted: Callable[[str], Path], tmp_path: Path
) -> None:
    recipe, expected = recipe_called("tutorial-small"), uninterrupted("tutorial-small")
    with records_of(recipe, tmp_path / "run") as records:  # the command goes on with a folder; it is begun here
        next(records)
    command = ["train", tmp_path / "run", "--device", "cpu", "--threads", "1"]
    for moment in (kill.Moment(signal.SIGKILL, 30), None):  # after some steps, at a write
        ended = kill.command(tmp_path, *command, moment=moment, environment={kill.PLOTS_ARE_DOTS: "1"})
        assert ended.code == (-9 if moment else 0), ended.text
        assert "Traceback" not in ended.text
        assert "no longer bit for bit" not in ended.text
        assert len(untimed_log(tmp_path / "run")) > 1
    assert_same_run(expected, tmp_path / "run")


# Every write of a run is a moment at which the power may go. Here it goes at each one in turn.


def _writes_of(recipe: Recipe, folder: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int | None) -> int:
    """Train; the process "dies" just before write number `stop_at` takes its name. Returns how many there were."""
    from gansmith.core import files

    real, count = files.os.replace, 0

    class Dead(BaseException):
        pass

    def replace(source: object, target: object) -> None:
        nonlocal count
        if count == stop_at:
            raise Dead
        count += 1
        real(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(files.os, "replace", replace)
    try:
        gansmith.train(recipe, folder, device="cpu")
    except Dead:
        pass
    finally:
        monkeypatch.setattr(files.os, "replace", real)
    return count


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files a dead process no longer closes
def test_killed_before_any_one_write_equals_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = quick("checkpoint_every=250images", budget="500images")
    total = _writes_of(recipe, tmp_path / "whole", monkeypatch, None)
    assert 15 < total < 60
    for moment in range(total):
        folder = tmp_path / str(moment)
        monkeypatch.setattr("gansmith.training.writer.RunWriter.save", _save_unless_dying())
        _writes_of(recipe, folder, monkeypatch, moment)
        monkeypatch.undo()
        gansmith.train(recipe, folder, device="cpu")
        assert_same_run(tmp_path / "whole", folder)
        shutil.rmtree(folder)


def _save_unless_dying() -> Callable[..., None]:
    """A process that is killed saves nothing on its way out, though Python's `finally` here would."""
    from gansmith.training.trainer import Trainer
    from gansmith.training.writer import RunWriter

    save = RunWriter.save

    def saved(self: RunWriter, trainer: Trainer) -> None:
        if sys.exc_info()[0] is None:
            save(self, trainer)

    return saved


# ---------------------------------------------------------------------------------------------------- counting


@EVERY
def test_a_record_a_step_and_every_image_counted(name: str, tmp_path: Path) -> None:
    recipe = slim(tiny(name, budget="1.3epochs"))
    game = trainer(recipe)
    images, seen = 0, []
    sizes = []
    with records_of(recipe, tmp_path / "run") as records:
        for record in records:
            seen.append(record)
            sizes.append(record.images - images)
            images = record.images
            assert record.epoch == images / game.epoch_images
            if len(seen) == 60:
                break
    assert [r.step for r in seen] == list(range(1, len(seen) + 1))
    turns = max(p.turns for p in recipe.objective.players())
    if name != "tutorial-keras":
        read, at = [], 0
        while at < images:
            read.append(len(recipe.order.indices(recipe.seed, at, recipe.batch_size, 1497)))
            at += read[-1]
        assert [sum(read[i : i + turns]) for i in range(0, len(read), turns)][: len(sizes)] == sizes
    assert all(r.total_images == seen[0].total_images for r in seen)


@pytest.mark.parametrize(("batch_size", "sizes"), [(500, [500, 500, 497]), (748, [748, 749]), (1496, [1497]), (2000, [1497])])
def test_the_last_short_batch_is_kept_and_a_lone_sample_joins_the_one_before(
    batch_size: int, sizes: list[int], tmp_path: Path
) -> None:
    recipe = quick(f"batch_size={batch_size}", "objective.share=nothing", budget="2epochs")
    records = list(steps(recipe, tmp_path / "run"))
    assert [r.images for r in records] == list(np.cumsum(sizes * 2))
    assert records[-1].epoch == 2.0


def test_leaving_saves_and_an_uninterrupted_loop_ends_at_the_budget(tmp_path: Path) -> None:
    recipe = quick(budget="500images")
    records = list(steps(recipe, tmp_path / "run"))
    assert records[-1].images == 512  # sixteen batches of 32 reach it
    assert records[-2].images < 500
    assert Run.open(tmp_path / "run").finished
    assert list(steps(recipe, tmp_path / "run")) == []  # nothing left to do
    before = newest_checkpoint(tmp_path / "run").stat().st_mtime_ns
    assert gansmith.train(recipe, tmp_path / "run").finished
    assert newest_checkpoint(tmp_path / "run").stat().st_mtime_ns == before


def test_a_record_is_read_by_name(tmp_path: Path) -> None:
    with records_of(quick(), tmp_path / "run") as records:
        record = next(records)
    names = {"discriminator/loss", "generator/loss", "discriminator/D(x)", "discriminator/D(G(z))", "discriminator/accuracy"}
    assert set(record.floats()) == names
    for name in names:
        assert isinstance(record[name], float)
    assert 0 <= record["discriminator/accuracy"] <= 1
    assert 0 < record["discriminator/D(x)"] < 1


def test_the_log_holds_means_of_the_steps_between_or_the_last_steps_own(tmp_path: Path) -> None:
    mean, last = quick("log_every=320images"), quick("log_every=320images", "log_value=last")
    losses = [r["generator/loss"] for r in steps(mean, tmp_path / "mean")]
    assert losses == [r["generator/loss"] for r in steps(last, tmp_path / "last")]
    records = untimed_log(tmp_path / "mean")
    assert [r["images"] for r in records][:4] == [320, 640, 960, 1280]
    for i in range(4):
        assert np.isclose(records[i]["generator/loss"], np.mean(losses[10 * i : 10 * i + 10]), rtol=1e-5)
        assert np.isclose(untimed_log(tmp_path / "last")[i]["generator/loss"], losses[10 * i + 9], rtol=1e-6)


def test_samples_come_from_the_average_where_there_is_one(uninterrupted: Callable[[str], Path]) -> None:
    folder = uninterrupted("ema-of-batch-norm")
    tensors = safetensors.torch.load_file(newest_checkpoint(folder))
    generator = safetensors.torch.load_file(folder / "generator" / "generator.safetensors")
    assert_same_tensors(generator, {k.removeprefix("average/"): v for k, v in tensors.items() if k.startswith("average/")})
    assert any(not torch.equal(v, tensors[f"networks/generator/{k}"]) for k, v in generator.items())
    assert all(torch.equal(v, tensors[f"networks/generator/{k}"]) for k, v in generator.items() if "running" in k)


@pytest.mark.parametrize(
    ("known", "chosen"), [({"amx_bf16": True}, "bf16"), ({"avx512_bf16": False}, "float32"), ({}, "float32")]
)
def test_auto_is_bf16_only_where_the_processor_multiplies_it(
    known: dict[str, bool], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    assert choose_precision("auto", torch.device("cpu")) == chosen
    assert choose_precision("float32", torch.device("cpu")) == "float32"
    assert choose_precision("bf16", torch.device("cpu")) == "bf16"


def test_bf16_is_another_run_than_float32_and_near_it(tmp_path: Path) -> None:
    one, other = (trainer(tiny("tutorial-dropout", f"precision={p}")) for p in ("float32", "bf16"))
    a, b = one.step().floats(), other.step().floats()
    assert a != b
    assert all(abs(a[k] - b[k]) < 0.05 for k in a if k != "discriminator/accuracy")
    for weight in other.trained_weights["generator"]:
        assert weight.dtype == torch.float32


def test_a_run_knows_what_its_last_bit_depends_on(uninterrupted: Callable[[str], Path]) -> None:
    metadata = json.loads((uninterrupted("tutorial-small") / "run.json").read_text())
    assert metadata["environment"]["torch"] == torch.__version__
    assert metadata["environment"]["threads"] == torch.get_num_threads() == 1
    assert metadata["environment"]["processor"]
