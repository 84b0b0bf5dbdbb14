"""The run folder: what is in it, who may have it, and what becomes of it when something breaks."""

from __future__ import annotations

import ast
import contextlib
import fcntl
import itertools
import json
import logging
import random
import re
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gansmith
from gansmith.core import files
from gansmith.core.component import from_json, to_json
from gansmith.core.errors import DataError, DiskError, GansmithError, RecipeError, RunError, TrainingError
from gansmith.core.overrides import override
from gansmith.data import Samples
from gansmith.objectives.losses import NonSaturating
from gansmith.recipes.base import Recipe
from gansmith.runs.lock import locked
from gansmith.runs.run import Run
from gansmith.runs.training_run import TrainingRun
from gansmith.training.loop import take_steps
from gansmith.training.session import open_session
from gansmith.training.trainer import Trainer
from support import (
    CPU,
    REAL_LOSS_PLOT,
    Answer,
    Child,
    assert_refused,
    assert_same_run,
    assert_same_tensors,
    deferred,
    finish,
    newest_checkpoint,
    quick,
    records_of,
    start,
    stop_after,
    tiny,
    train_and_tell,
    trainer,
    tree,
    untimed_log,
)

Cli = Callable[..., Answer]


def checkpoints(folder: Path) -> list[Path]:
    return sorted((folder / "checkpoints").glob("*.safetensors"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of `quick()`."""
    folder = tmp_path_factory.mktemp("done") / "run"
    gansmith.train(quick(), folder, device="cpu")
    return folder


@pytest.fixture
def finished(done: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    return Path(shutil.copytree(done, tmp_path / "run"))


@pytest.fixture
def halfway(tmp_path: Path) -> Path:
    """A run of `quick()` that was left after 30 of its 51 steps, with three checkpoints."""
    folder = tmp_path / "run"
    stop_after(quick(), folder, 30)
    return folder


# ---------------------------------------------------------------------------------------------------- what is in it


def test_a_run_folder_holds_what_it_says(done: Path) -> None:
    names = {p.name for p in done.iterdir()}
    assert names - {".lock"} == {
        *("recipe.json", "run.json", "log.jsonl", "results.json", "losses.png", "report.html"),
        *("events", "samples", "checkpoints", "generator"),
    }
    assert from_json(json.loads((done / "recipe.json").read_text())) == quick()
    metadata = json.loads((done / "run.json").read_text())
    assert metadata["format"] == 1
    assert metadata["total_images"] == 1600
    assert metadata["sample_shape"] == [1, 8, 8]
    assert metadata["num_real"] == 1497
    assert metadata["files"] == {}
    assert {p.name for p in (done / "samples").iterdir()} >= {"real.png", "animation.gif", "000000000000.png"}
    assert len(checkpoints(done)) == 3
    assert list((done / "events").iterdir())
    assert not [p for p in done.rglob("*") if p.name.endswith(".tmp")]
    assert (done / "recipe.json").stat().st_mode & 0o777 == 0o644


def test_a_run_read_from_python(done: Path) -> None:
    run = gansmith.load(done)
    assert run.recipe == quick()
    assert run.finished
    assert run.images == 1625  # 1497 to the epoch's end, then four batches of 32 reach 1600
    assert "1,625" in repr(run)
    assert isinstance(run.module, nn.Module)
    assert not run.module.training
    assert run.module(torch.zeros(3, 32), None).shape == (3, 1, 8, 8)
    assert list(run.log["images"]) == [r["images"] for r in untimed_log(done)]
    assert np.isfinite(run.log["generator/loss"]).all()
    assert run.log["generator/loss"].dtype == np.float64
    assert 0 <= run.results["accuracy"] <= 1
    assert run.results["num_judged"] == 600  # 300 held-out digits and as many fakes


def test_the_class_asked_for_and_the_checkpoint_are_chosen_in_either_order(tmp_path: Path) -> None:
    stop_after(quick("condition=labels", "scores=scores(times=6, count=128)"), tmp_path / "run", 30)
    run = gansmith.load(tmp_path / "run")
    for checkpoint in ("last", "best", min(run.checkpoints.images)):
        made = run.asked(3).at(checkpoint).sample(0, 4)
        assert made.labels is not None
        assert made.labels.tolist() == [3] * 4, checkpoint
        assert np.array_equal(made.array, run.at(checkpoint).asked(3).sample(0, 4).array)
    assert len({tuple(run.asked(3).at(at).sample(0, 1).array.ravel()) for at in run.checkpoints.images}) > 1


def test_pictures_are_drawn_at_their_marks_and_at_the_ends(done: Path) -> None:
    drawn = sorted(int(p.stem) for p in (done / "samples").glob("[0-9]*.png"))
    assert drawn == [0, 704, 1408, 1625]  # the first steps at or past 0, 700 and 1400, and the last
    from PIL import Image

    with Image.open(done / "samples" / "animation.gif") as animation:
        assert animation.n_frames == 4
    newest = np.load(done / "samples" / "000000001625.npz")["images"]
    assert np.array_equal(newest, np.asarray(gansmith.load(done).sample(seed=0, count=4)))


def test_a_loss_plot_shows_both_losses_and_what_d_says(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    monkeypatch.setattr("gansmith.drawing.figures.render", drawn.append)
    log = gansmith.load(done).log
    REAL_LOSS_PLOT(log, "title")
    above, below = drawn[0].axes
    assert len(above.lines) == 2
    named = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in (above, below)]
    assert named == [["discriminator loss", "generator loss"], ["D(x)", "D(G(z))", "accuracy"]]
    for line in (*above.lines, *below.lines):
        assert np.array_equal(line.get_xdata(), log["images"])
    assert {tuple(line.get_ydata()) for line in above.lines} == {tuple(log[f"{p}/loss"]) for p in ("generator", "discriminator")}
    monkeypatch.undo()
    assert REAL_LOSS_PLOT(log, "title").size[0] > 500


def test_growing_pictures_are_25_ever_farther_apart() -> None:
    from gansmith.recipes.base import Pictures

    marks = Pictures().marks(1_000_000, 60_000)
    assert len(marks) == 25
    assert (marks[0], marks[-1]) == (0, 1_000_000)
    gaps = np.diff(marks)
    assert (np.diff(gaps) > 0).all()
    assert Pictures(every="1epochs").marks(250, 100) == [0, 100, 200, 250]


def test_tensorboard_gets_scalars_and_grids(done: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(done / "events"), size_guidance={"images": 0, "scalars": 0})
    events.Reload()
    tags = events.Tags()
    assert {"generator/loss", "discriminator/loss", "discriminator/accuracy"} <= set(tags["scalars"])
    assert [s.step for s in events.Scalars("generator/loss")] == [r["images"] for r in untimed_log(done)]
    assert {"samples", "real"} <= set(tags["images"])
    assert [i.step for i in events.Images("samples")] == [0, 704, 1408, 1625]


def test_a_finished_run_trained_again_gets_no_other_event_file(finished: Path) -> None:
    before = tree(finished)
    gansmith.train(quick(), finished, device="cpu")
    assert tree(finished) == before


def test_equal_checkpoints_are_equal_files(done: Path, tmp_path: Path) -> None:
    """Often enough that several entries of metadata, which safetensors writes in random order, would be seen."""
    run = Run.open(done)
    saved = run.latest()
    assert saved is not None
    folders = [tmp_path / str(i) for i in range(8)]
    for folder in folders:
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "generator").mkdir()
        TrainingRun(folder, run.recipe, run.metadata).save(saved, run.module.state_dict())
    assert all(tree(folder) == tree(folders[0]) for folder in folders)
    assert tree(folders[0]).keys() >= {f"checkpoints/{newest_checkpoint(done).name}", "generator/generator.safetensors"}


# ---------------------------------------------------------------------------------------------------- signals


def command_that_tells(say: Callable[[int], None], folder: str, arguments: list[str]) -> None:
    """The command line in a child that says the number of each step it has taken."""
    from gansmith.cli import main as command_line
    from gansmith.cli import progress

    def follow(records: Iterator[Any], *_: Any) -> None:
        for record in records:
            say(record.step)

    progress.follow = follow  # type: ignore[assignment]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["gansmith", "train", folder, *arguments]
    command_line.main()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_saves_leaves_with_its_code_and_goes_on(
    number: signal.Signals, code: int, done: Path, tmp_path: Path
) -> None:
    folder, chance = tmp_path / "run", random.Random(f"signal {code}")
    stop_after(quick(), folder, 1)
    for step in sorted(chance.sample(range(2, 45), 3)):
        with Child(command_that_tells, str(folder), ["--device", "cpu"]) as child:
            assert child.wait_for(step)
            assert child.process.pid is not None
            import os

            os.kill(child.process.pid, number)
            while child.wait_for(10**9):
                pass
            child.process.join(60)
            assert child.process.exitcode == code
        saved = Run.open(folder).latest()
        assert saved is not None
        assert saved.steps >= step  # no step that it reported is lost
    gansmith.train(quick(), folder, device="cpu")
    assert_same_run(done, folder)


def test_ctrl_c_on_the_real_command_line(tmp_path: Path) -> None:
    changes = ["budget=40000images", "log_every=320images", "networks.generator.widths=[16]"]
    folder = tmp_path / "run"
    process = start("train", "tutorial-small", *changes, "--data", "digits", "--run", folder, "--threads", 1, cwd=tmp_path)
    log = folder / "log.jsonl"
    while process.poll() is None and (not log.exists() or len(log.read_text().splitlines()) < 3):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    answer = finish(process)
    assert answer.code == 130, answer.err
    assert "Traceback" not in answer.err
    run = Run.open(folder)
    assert 960 <= run.images < 40_000
    assert {p.name for p in tmp_path.iterdir()} == {"run"}


# ---------------------------------------------------------------------------------------------------- damage


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGE = pytest.mark.parametrize("damage", [truncate, flip, empty], ids=["truncated", "bit-flipped", "empty"])


@DAMAGE
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_and_changes_nothing(
    damage: Callable[[Path], None], halfway: Path, done: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newest, before = checkpoints(halfway)[-1], checkpoints(halfway)[-2]
    damage(newest)
    with caplog.at_level(logging.WARNING):
        saved = Run.open(halfway).latest()
    assert saved is not None
    assert saved.images == int(before.name.split("-")[0]) < int(newest.name.split("-")[0])
    (note,) = caplog.messages
    assert newest.name in note
    assert "damaged" in note
    assert "before" in note
    gansmith.train(quick(), halfway, device="cpu")
    assert_same_run(done, halfway)


@DAMAGE
def test_where_all_checkpoints_are_damaged_it_is_refused(damage: Callable[[Path], None], halfway: Path, cli: Cli) -> None:
    for path in checkpoints(halfway):
        damage(path)
    before = tree(halfway / "checkpoints")
    assert_refused(cli("train", halfway), "all 3 checkpoints", str(halfway), "damaged")
    assert tree(halfway / "checkpoints") == before


@DAMAGE
def test_a_damaged_generator_is_taken_from_the_newest_good_checkpoint(
    damage: Callable[[Path], None], finished: Path, done: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(finished / "generator" / "generator.safetensors")
    with caplog.at_level(logging.WARNING):
        made = gansmith.load(finished).sample(seed=3, count=5)
    assert np.array_equal(made.array, gansmith.load(done).sample(seed=3, count=5).array)
    assert any("generator.safetensors is damaged" in m for m in caplog.messages)


@pytest.mark.parametrize("name", ["recipe.json", "run.json"])
def test_a_damaged_json_file_is_named(name: str, finished: Path, cli: Cli) -> None:
    truncate(finished / name)
    assert_refused(cli("sample", finished, "--out", finished / "x.npz"), str(finished / name))
    assert not (finished / "x.npz").exists()


@pytest.mark.parametrize("content", ["[]", "3", '"x"', "null", "{}", '{"format": 1}', '{"type": "Adam"}', '{"type": ["x"]}'])
@pytest.mark.parametrize("name", ["recipe.json", "run.json", "generator/generator.json"])
def test_json_of_another_kind_is_refused_in_one_line(name: str, content: str, finished: Path) -> None:
    (finished / name).write_text(content)
    if name.startswith("generator"):  # what it says is not needed: the newest checkpoint holds the same weights
        assert len(gansmith.load(finished).sample(count=2)) == 2
        return
    with pytest.raises(RunError) as error:
        gansmith.load(finished).sample(count=2)
    assert str(finished) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_log_whose_last_line_was_cut_goes_on(halfway: Path, done: Path) -> None:
    log = halfway / "log.jsonl"
    whole = len(untimed_log(halfway))
    log.write_bytes(log.read_bytes()[:-25])
    assert len(gansmith.load(halfway).log["images"]) == whole - 1
    # The cut record is one that the checkpoint is past: it can't be made again, and no other record suffers for it.
    gansmith.train(quick(), halfway, device="cpu")
    expected = untimed_log(done)
    assert untimed_log(halfway) == [*expected[: whole - 1], *expected[whole:]]


def test_a_record_written_after_the_last_checkpoint_is_written_once(halfway: Path, done: Path) -> None:
    with (halfway / "log.jsonl").open("a") as log:
        log.write(json.dumps({"images": 10**6, "epoch": 9.0, "seconds": 9.0, "generator/loss": 9.0}) + "\n")
        log.write('{"images": 12')
    gansmith.train(quick(), halfway, device="cpu")
    assert_same_run(done, halfway)


def test_a_missing_generator_is_told(halfway: Path, cli: Cli) -> None:
    shutil.rmtree(halfway / "generator")
    shutil.rmtree(halfway / "checkpoints")
    assert_refused(cli("sample", halfway, "--out", halfway / "x.png"), str(halfway), "train")


# ---------------------------------------------------------------------------------------------------- whose folder it is


def hold(say: Callable[[int], None], folder: str) -> None:
    with open(Path(folder) / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        say(1)
        signal.pause()


def test_a_run_another_process_is_training_is_refused_until_it_ends(halfway: Path, cli: Cli, done: Path) -> None:
    before = tree(halfway)
    with Child(hold, str(halfway)) as child:
        assert child.wait_for(1)
        assert_refused(cli("train", halfway), "being trained by another process", str(halfway))
        child.kill()
    assert tree(halfway) == before
    gansmith.train(quick(), halfway, device="cpu")  # the system let go of it when the other died
    assert_same_run(done, halfway)


def test_a_run_this_process_is_training_is_refused_too(tmp_path: Path) -> None:
    with records_of(quick(), tmp_path / "run") as records:
        next(records)
        with records_of(quick(), tmp_path / "run") as others, pytest.raises(RunError, match="another process"):
            next(others)
        assert next(records).step == 2


def test_a_folder_locked_in_one_thread_is_unlocked_in_another(tmp_path: Path) -> None:
    """As where a notebook drops the generator of a run, and the garbage collector closes it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").touch()  # a run, whose lock file stays
    held = locked(tmp_path / "run")
    held.__enter__()
    with pytest.raises(RunError, match="another process"), locked(tmp_path / "run"):
        pass
    thread = threading.Thread(target=held.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    with locked(tmp_path / "run"):
        pass


def test_a_run_that_trains_can_be_sampled_meanwhile(tmp_path: Path) -> None:
    with records_of(quick(), tmp_path / "run") as records:
        for record in records:
            if record.step == 30:
                break
        assert len(gansmith.load(tmp_path / "run").sample(count=3)) == 3


def test_a_run_of_another_recipe_is_refused_field_by_field(halfway: Path, cli: Cli) -> None:
    before = tree(halfway)
    other = override(override(quick(), "optimizers.generator.lr=0.001"), "batch_size=64")
    with pytest.raises(RunError) as error:
        gansmith.train(other, halfway, device="cpu")
    message = str(error.value)
    assert "\n" not in message
    for part in ("optimizers.generator.lr was 0.0002, now 0.001", "batch_size was 32, now 64", str(halfway)):
        assert part in message
    assert tree(halfway) == before
    answer = cli("train", "tutorial-small", "--data", "digits", "--run", halfway)
    assert_refused(answer, "budget was", "1600images", "25epochs", "pictures")
    assert tree(halfway) == before


@pytest.mark.parametrize(("number", "todo"), [(2, "upgrade gansmith"), (99, "upgrade gansmith"), (0, "that made it"), (None, "")])
def test_a_format_that_is_not_read_is_refused_with_what_to_do(number: int | None, todo: str, finished: Path, cli: Cli) -> None:
    metadata = json.loads((finished / "run.json").read_text())
    metadata["format"] = number
    (finished / "run.json").write_text(json.dumps(metadata))
    answer = cli("sample", finished, "--out", finished / "x.npz")
    assert_refused(answer, f"format {number!r}", "reads 1", todo)
    assert not (finished / "x.npz").exists()


def test_a_folder_of_other_files_is_refused_and_left_alone(tmp_path: Path, cli: Cli) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.tex").write_text("...")
    assert_refused(cli("train", "tutorial-small", "--data", "digits", "--run", folder), str(folder), "holds files but no run")
    assert tree(folder) == {"chapter.tex": b"..."}


def test_a_file_that_only_bears_a_name_of_ours_is_left_alone(tmp_path: Path, cli: Cli) -> None:
    """run.json is a name others use too; ours lies beside the lock that was taken first."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "run.json").write_text('{"jogging": "daily"}')
    assert_refused(cli("train", "tutorial-small", "--data", "digits", "--run", folder), str(folder), "holds files but no run")
    assert tree(folder) == {"run.json": b'{"jogging": "daily"}'}


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert gansmith.train(quick(budget="100images"), tmp_path / "run", device="cpu").finished


def test_killed_while_the_folder_was_begun_it_is_begun_again(tmp_path: Path) -> None:
    """What a kill may leave before there is a recipe in it: folders, run.json, a temporary file, the lock."""
    folder = tmp_path / "run"
    for name in ("samples", "checkpoints", "generator"):
        (folder / name).mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    (folder / ".recipe.json.abcd_123.tmp").write_text("{")
    (folder / ".lock").touch()
    assert gansmith.train(quick(budget="100images"), folder, device="cpu").finished


def test_begun_in_vain_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C or a full disk before the recipe is written."""
    from gansmith.runs import training_run

    for fault in (KeyboardInterrupt(), DiskError("can't write: No space left on device")):

        def write_json(path: Path, value: Any, fault: BaseException = fault) -> None:
            raise fault

        monkeypatch.setattr(training_run, "write_json", write_json)
        with pytest.raises(type(fault)):
            gansmith.train(quick(), tmp_path / "deep" / "run", device="cpu")
        assert tree(tmp_path) == {}


def test_a_recipe_that_does_not_fit_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RecipeError("does not fit")

    monkeypatch.setattr(Trainer, "__init__", refuse)
    with pytest.raises(RecipeError):
        gansmith.train(quick(), tmp_path / "deep" / "run", device="cpu")
    assert tree(tmp_path) == {}


def test_changed_data_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    rng = np.random.default_rng(0)
    np.save(path, rng.integers(0, 256, (300, 8, 8), dtype=np.uint8))
    from gansmith.recipes import make

    recipe = make("tutorial-small", ["budget=200images"], data=str(path))
    stop_after(recipe, tmp_path / "run", 3)
    np.save(path, rng.integers(0, 256, (301, 8, 8), dtype=np.uint8))
    with pytest.raises(RunError, match="data have changed, num_real was 300, now 301"):
        gansmith.train(recipe, tmp_path / "run", device="cpu")
    np.save(path, rng.integers(0, 256, (300, 8, 9), dtype=np.uint8))
    with pytest.raises(RunError, match="data have changed, sample_shape was"):
        gansmith.train(recipe, tmp_path / "run", device="cpu")


def test_float_images_of_a_users_own_source_are_refused_and_left_as_they_were() -> None:
    values = np.random.default_rng(0).random((20, 1, 8, 8), np.float32)
    before = values.copy()
    with pytest.raises(DataError, match=r"Digits: expected .* uint8 images .* got ndarray of float32 \[20, 1, 8, 8\]"):
        Trainer(quick(), CPU, Samples(values))
    assert np.array_equal(values, before)


@pytest.mark.parametrize("key", ["torch", "threads", "processor"])
def test_another_machine_is_told_and_gone_on_with(key: str, halfway: Path, caplog: pytest.LogCaptureFixture) -> None:
    metadata = json.loads((halfway / "run.json").read_text())
    now = metadata["environment"][key]
    metadata["environment"][key] = "another"
    (halfway / "run.json").write_text(json.dumps(metadata))
    with caplog.at_level(logging.WARNING):
        assert gansmith.train(quick(), halfway, device="cpu").finished
    assert [m for m in caplog.messages if f"{key} was another, now {now}" in m]


# ---------------------------------------------------------------------------------------------------- disks


def train_on_a_full_disk(say: Callable[[int], None], recipe: dict[str, Any], folder: str, room: int, after: int) -> None:
    """From step `after` on no file may grow beyond `room` bytes, as where the disk is full."""
    made = from_json(recipe)
    with contextlib.redirect_stderr(open(Path(folder).parent / "stderr", "w")):
        try:
            for record in gansmith.steps(made, folder, device="cpu"):
                if record.step == after:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
            say(0)
        except DiskError as error:
            say(1 if "\n" not in str(error) and "make room" in str(error) and error.exit_code == 1 else 2)
        except BaseException:
            say(3)
            raise


@pytest.mark.parametrize("room", [300_000, 2_000, 0])
def test_a_full_disk_leaves_the_last_checkpoint_whole(room: int, done: Path, tmp_path: Path) -> None:
    """With 300,000 bytes a checkpoint still fits; with 2,000 none does; with 0 nothing does."""
    folder = tmp_path / "run"
    with Child(train_on_a_full_disk, to_json(quick()), str(folder), room, 25) as child:
        assert child.pipe.poll(60)
        told = child.pipe.recv()
        child.process.join(60)
    assert told == (0 if room == 300_000 else 1)
    saved = Run.open(folder).latest()
    assert saved is not None
    assert saved.images >= 704
    assert not list(folder.rglob("*.tmp"))
    gansmith.train(quick(), folder, device="cpu")
    assert_same_run(done, folder)


def command_on_a_full_disk(say: Callable[[int], None], folder: str, arguments: list[str], room: int) -> None:
    from gansmith.cli import main as command_line

    with contextlib.redirect_stderr(open(Path(folder) / "stderr", "w")), contextlib.redirect_stdout(None):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        sys.argv = ["gansmith", *arguments]
        command_line.main()


@pytest.mark.parametrize("out", ["x.npz", "x.png", "folder"])
def test_samples_for_a_full_disk_leave_nothing_half_written(out: str, done: Path, tmp_path: Path) -> None:
    arguments = ["sample", str(done), "--count", "64" if out != "folder" else "3", "--out", str(tmp_path / out)]
    with Child(command_on_a_full_disk, str(tmp_path), arguments, 60) as child:
        child.process.join(60)
        assert child.process.exitcode == 1
    written = tree(tmp_path)
    assert list(written) == ["stderr"]
    assert (written["stderr"] or b"").startswith(b"gansmith: can't write")  # as much of it as fits


@pytest.mark.parametrize("where", ["file/run", "file", "file/deep/run"])
def test_a_path_that_can_not_be_written_is_refused(where: str, here: Path, cli: Cli) -> None:
    (here / "file").write_text("not a folder")
    answer = cli("train", "tutorial-small", "--data", "digits", "--run", where)
    assert_refused(answer, where, "choose another")
    assert tree(here) == {"file": b"not a folder"}


def test_a_write_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    files.write(path, b"before")
    with pytest.raises(ZeroDivisionError), files.atomic(path) as file:  # noqa: PT012
        file.write(b"half")
        raise ZeroDivisionError
    assert tree(tmp_path) == {"x": b"before"}
    synced: list[int] = []
    fsync = files.os.fsync
    monkeypatch.setattr(files.os, "fsync", lambda number: (synced.append(number), fsync(number))[1])
    files.write(path, b"after")
    assert tree(tmp_path) == {"x": b"after"}
    assert synced  # on the disk before it takes its name
    with pytest.raises(ZeroDivisionError), files.atomic_folder(tmp_path / "folder") as folder:  # noqa: PT012
        (folder / "a").write_bytes(b"a")
        raise ZeroDivisionError
    assert tree(tmp_path) == {"x": b"after"}


@pytest.mark.parametrize(
    ("error", "type_", "code"),
    [
        (OSError(28, "No space left on device"), DiskError, 1),
        (OSError(5, "Input/output error"), DiskError, 1),
        (OSError(122, "Disk quota exceeded"), DiskError, 1),
        (OSError(30, "Read-only file system"), RunError, 2),
        (OSError(36, "File name too long"), RunError, 2),
        (PermissionError(13, "Permission denied"), RunError, 2),
        (NotADirectoryError(20, "Not a directory"), RunError, 2),
    ],
)
def test_a_disk_that_breaks_is_1_and_a_path_that_can_not_be_is_2(error: OSError, type_: type[GansmithError], code: int) -> None:
    with pytest.raises(type_) as caught, files.disk_errors("/some/path"):
        raise error
    assert caught.value.exit_code == code
    assert "/some/path" in str(caught.value)
    assert str(error.strerror) in str(caught.value)


# ---------------------------------------------------------------------------------------------------- budgets in time


def test_seconds_become_a_number_of_images_that_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = quick(budget="0.5s")
    with records_of(recipe, tmp_path / "run") as records:
        first = next(records)
    total = first.total_images
    assert total >= 32
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    assert stored["total_images"] == total
    assert stored["totals"][0][0] == 0

    def measure(*_: Any) -> None:
        raise AssertionError("the speed is measured once")

    monkeypatch.setattr("gansmith.training.budget.measure_speed", measure)
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    assert run.metadata["totals"][: len(stored["totals"])] == stored["totals"]
    assert run.total_images is not None
    assert run.total_images <= run.images < run.total_images + 33
    assert run.recipe.budget == "0.5s"


def test_a_warm_up_leaves_the_run_as_if_the_number_had_been_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gansmith.training.budget.images_for", _measured_as(1600))
    monkeypatch.setattr("gansmith.training.pace.Pace.after", lambda *_: None)  # no plan on the way
    timed = gansmith.train(override(quick("watch=none"), "budget=5m"), tmp_path / "timed", device="cpu")  # looks take of its time
    monkeypatch.undo()
    counted = gansmith.train(quick("watch=none"), tmp_path / "counted", device="cpu")
    assert timed.total_images == counted.total_images
    assert_same_run(tmp_path / "timed", tmp_path / "counted")


def _measured_as(images: int) -> Callable[[Recipe, Trainer], int]:
    """The true measurement, then another number for its result."""
    from gansmith.training.speed import measure_speed

    def images_for(recipe: Recipe, game: Trainer) -> int:
        speed, spent = measure_speed(recipe, game.device, game.samples, 0.05)
        assert speed > 0
        assert spent > 0
        assert game.images == 0
        return images

    return images_for


# ---------------------------------------------------------------------------------------------------- losses that are not finite


def spoil(monkeypatch: pytest.MonkeyPatch, side: str, call: int, value: float = float("nan")) -> None:
    """From call number `call` on, the loss of `side` is not finite."""
    calls = itertools.count(1)
    real = getattr(NonSaturating, side)

    def spoiled(self: Any, *logits: Tensor) -> Any:
        losses = real(self, *logits)
        if next(calls) < call:
            return losses
        return (losses[0] * value, losses[1]) if side == "discriminator" else losses * value

    monkeypatch.setattr(NonSaturating, side, spoiled)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("side", ["discriminator", "generator"])
def test_a_loss_that_is_not_finite_is_named_and_nothing_is_saved_after_it(
    side: str, value: float, done: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        spoil(patch, side, 30, value)
        with pytest.raises(TrainingError) as error:
            gansmith.train(quick(), folder, device="cpu")
    message = str(error.value)
    last = int(newest_checkpoint(folder).name.split("-")[0])
    assert last == 704  # the first step past twice 350
    for part in (f"player '{side}'", "not finite", "step 30", f"last good checkpoint, at {last}", str(folder)):
        assert part in message
    assert "\n" not in message
    assert all(r["images"] <= 29 * 32 for r in untimed_log(folder))
    gansmith.train(quick(), folder, device="cpu")  # mended, it goes on from there
    assert_same_run(done, folder)


def test_not_finite_before_any_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, "generator", 1)
    with pytest.raises(TrainingError, match="player 'generator' is not finite at step 1"):
        gansmith.train(quick(), tmp_path / "run", device="cpu")
    assert checkpoints(tmp_path / "run") == []


UNTIMED = ("log_every=1epochs", "checkpoint_every=1epochs", "pictures.every=1epochs")  # no step is taken to plan these


def test_not_finite_on_the_command_line(here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, "discriminator", 5)
    answer = cli("train", "tutorial-small", "budget=1000images", "scores=none", *UNTIMED, "--data", "digits", "--run", "run")
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert answer.err.splitlines()[-1].startswith("gansmith: the loss of player 'discriminator' is not finite at step 5")


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(open_session(quick(), tmp_path / "run"))
        assert session is not None
        records = stack.enter_context(contextlib.closing(take_steps(session)))
        next(record for record in records if record.step == 25)
        with torch.no_grad():
            session.trainer.trained_weights["generator"][0].view(-1)[3] = float("nan")
        with pytest.raises(TrainingError, match=r"generator.*not finite at step 25"):
            stack.close()
    assert newest_checkpoint(tmp_path / "run").name.startswith("000000000704")


@pytest.mark.parametrize("optimizer", ["adam", "sgd(lr=0.05, momentum=0.5)"])
@pytest.mark.parametrize("side", ["discriminator", "generator"])
def test_on_an_accelerator_the_update_is_skipped_and_the_flag_read_when_logging(
    side: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without waiting for the device: from the first bad turn on, no weight or optimizer state changes until the flag is read."""
    changes = [f"optimizers.{name}={optimizer}" for name in ("discriminator", "generator")]
    clean, spoiled = (trainer(quick("objective.share=nothing", *changes)) for _ in range(2))
    deferred(monkeypatch)
    good: dict[str, Tensor] = {}
    for step in range(1, 8):
        if step == 7:  # D's turn comes first: where G fails, D has been updated once more
            players = clean.players[:1] if side == "generator" else ()
            monkeypatch.setattr(clean, "players", players)
        if step < 7 or clean.players:
            clean.step()
    names = ("networks", "optimizers")
    good = {k: v.clone() for k, v in clean.state().tensors.items() if k.startswith(names)}
    spoil(monkeypatch, side, 7)
    for _ in range(12):
        spoiled.step()  # no complaint: nothing was read
    assert_same_tensors({k: v for k, v in spoiled.state().tensors.items() if k.startswith(names)}, good)
    with pytest.raises(TrainingError, match=f"player '{side}' is not finite at step 7"):
        spoiled.check()
    assert not spoiled.whole


def test_on_an_accelerator_a_run_ends_at_the_next_record_and_goes_on_exactly(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        deferred(patch)
        spoil(patch, "generator", 30)
        steps = []
        with pytest.raises(TrainingError, match=r"'generator' is not finite at step 30.*at 704 images"):  # noqa: PT012
            for record in gansmith.steps(quick(), folder, device="cpu"):
                steps.append(record.step)
        assert 30 <= steps[-1] < 40  # the record at 1,200 images or the checkpoint at 1,050
    gansmith.train(quick(), folder, device="cpu")
    assert_same_run(done, folder)


def test_deferred_watching_changes_no_good_run(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deferred(monkeypatch)
    gansmith.train(quick(), tmp_path / "run", device="cpu")
    assert_same_run(done, tmp_path / "run")


# ---------------------------------------------------------------------------------------------------- nothing executes


def test_what_is_loaded_can_not_execute_code(done: Path, tmp_path: Path) -> None:
    """No file of a run is a pickle, and no name in its JSON is looked up anywhere but among known components."""
    for path in (p for p in done.rglob("*") if p.is_file() and "events" not in p.parts):
        content = path.read_bytes()
        assert path.suffix in {".json", ".jsonl", ".png", ".gif", ".npz", ".safetensors", ".html", ""}, path
        assert not content.startswith(b"\x80"), path  # how a pickle begins
        if path.suffix == ".npz":
            np.load(path, allow_pickle=False)["images"]
    for name in ("os.system", "builtins.eval", "subprocess.Popen", "Path", "Player", "Run"):
        folder = Path(shutil.copytree(done, tmp_path / name))
        recipe = json.loads((folder / "recipe.json").read_text())
        recipe["noise"] = {"type": name, "dim": 32}
        (folder / "recipe.json").write_text(json.dumps(recipe))
        with pytest.raises(RunError, match="unknown component"):
            gansmith.load(folder)


def executes(source: str) -> list[str]:
    """What in a module could execute code that it reads: pickles, eval and exec."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [name.name for name in names if name.name.split(".")[0] in PICKLERS]
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in PICKLERS:
                found.append(module)
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                found.append(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load"), keywords=keywords):
                if "weights_only=True" not in map(ast.unparse, keywords):
                    found.append("torch.load")
            case ast.Call(keywords=keywords) if "allow_pickle=True" in map(ast.unparse, keywords):
                found.append("allow_pickle")
    return found


PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE = [
    *(
        "import pickle",
        "import os, pickle as p",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "eval('1')",
        "exec('')",
    ),
    *(
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "def f():\n    import dill",
    ),
]


def test_the_package_never_executes_what_it_reads() -> None:
    assert all(len(executes(source)) == 1 for source in UNSAFE), UNSAFE
    sources = {path: path.read_text() for path in Path(gansmith.__file__ or "").parent.rglob("*.py")}
    # Published weights that are a pickle of arrays: an unpickler that knows arrays alone reads them (test_lpips.py).
    assert {path.name: found for path, source in sources.items() if (found := executes(source))} == {"weights.py": ["pickle"]}
    assert len(sources) > 150
    loads = [path.name for path, source in sources.items() for _ in re.finditer(r"(?<!safetensors\.)torch\.load\(", source)]
    assert set(loads) >= {"inception.py", "weights.py"}  # both say weights_only=True


def test_nothing_of_the_lock_is_left_to_hinder_a_later_run(tmp_path: Path) -> None:
    with Child(train_and_tell, to_json(tiny("tutorial-small")), str(tmp_path / "run")) as child:
        assert child.wait_for(3)
        child.kill()
    assert gansmith.train(tiny("tutorial-small"), tmp_path / "run", device="cpu").finished
