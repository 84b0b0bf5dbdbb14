"""Kill training at random moments, go on with the same command, and compare with a run that was never killed.

    python benchmarks/hard/kill.py [--kills N] [--recipes NAME ...] [--seed N] [--folder PATH]

Every recipe of `gansmith list` is trained by the real command line on the 8 x 8 digits, with scores, looks, pictures and
checkpoints. It is killed by SIGKILL, SIGTERM or SIGINT: after a random time, or at one of its writes. Then the same command
goes on, and may be killed again. At the end, the last checkpoint, generator, log, pictures, results and new samples must equal
those of the run that was never killed, to the last bit. Exits with 1 where they do not, at a wrong exit code or a traceback.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
TIMED = ("seconds", "images_per_second")  # fields that differ between equal runs
BUDGET, OFTEN = 900, ("checkpoint_every=250images", "log_every=200images", "pictures.count=4", "pictures.every=400images")
PRELOADED = ["gansmith.training.loop", "gansmith.cli.main", "gansmith.evaluation.scoring", "torch.utils.tensorboard"]
PRELOADED += ["torch._dynamo", "matplotlib.figure", "sklearn.datasets", "PIL.Image", "torchmetrics.image.fid", "rich.progress"]
PRELOADED += ["jinja2"]

PLOTS_ARE_DOTS = "PLOTS_ARE_DOTS"  # in the environment of a command: where plots are not what is tested

# A fork server has imported everything once, so that a command starts in a fraction of a second.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(PRELOADED)


class Moment(NamedTuple):
    """When a command is killed, and how: at a write, counted from 0, or else after some seconds."""

    number: signal.Signals
    write: int | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.number.name} {f'at write {self.write}' if self.write is not None else f'after {self.seconds:.2f} s'}"


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    text: str  # of its standard output and error
    seconds: float
    writes: int  # -1 for one that was killed by SIGKILL


def command(cwd: Path, *arguments: object, moment: Moment | None = None, environment: dict[str, str] | None = None) -> Ended:
    """Run a gansmith command in a process of its own, and kill it at a moment."""
    started = start(cwd, *arguments, moment=moment, environment=environment)
    return wait(cwd, started, moment)


class Started(NamedTuple):
    """A command that is running."""

    process: Any
    said: Path  # the file with its output
    counted: Path
    begun: float


def start(
    cwd: Path, *arguments: object, moment: Moment | None = None, environment: dict[str, str] | None = None, name: str = "said"
) -> Started:
    """Start a gansmith command in a process of its own; `wait` waits for it."""
    said, counted = cwd / f".{name}", cwd / f".{name}-writes"
    for path in (said, counted):
        path.unlink(missing_ok=True)
    texts = [str(argument) for argument in arguments]
    process = _SERVER.Process(target=_in_child, args=(str(cwd), texts, moment, environment or {}, str(said), str(counted)))
    begun = time.perf_counter()
    process.start()
    return Started(process, said, counted, begun)


def wait(cwd: Path, started: Started, moment: Moment | None = None, timeout: float = 300.0) -> Ended:
    """Wait for a command, and kill it after the seconds of a moment."""
    process = started.process
    if moment and moment.write is None:
        process.join(moment.seconds)
        if process.is_alive():
            os.kill(process.pid, moment.number)
    process.join(timeout)
    if process.is_alive():
        process.kill()
        process.join()
        raise SystemExit(f"kill: {cwd} took more than {timeout:.0f} seconds; it was killed by {moment}")
    writes = int(started.counted.read_text()) if started.counted.exists() else -1
    text = started.said.read_text() if started.said.exists() else ""
    return Ended(process.exitcode, text, time.perf_counter() - started.begun, writes)


def _in_child(
    cwd: str, arguments: list[str], moment: Moment | None, environment: dict[str, str], said: str, counted: str
) -> None:
    """The real `main` of the command line, with its output in a file, in a process that may kill itself at a write."""
    import torch

    from gansmith.cli.main import main

    os.chdir(cwd)
    os.environ.update(environment)
    if PLOTS_ARE_DOTS in environment:
        _draw_dots()
    torch.set_num_threads(1)
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    writes = _count_writes(moment)
    sys.argv = ["gansmith", *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    finally:
        Path(counted).write_text(str(writes()))


def _draw_dots() -> None:
    """Replace plots by dots in this process: a plot takes longer than the training of a tiny run."""
    from PIL import Image

    from gansmith.drawing import charts, plots

    plots.loss_plot = lambda log, title: Image.new("L", (1, 1))
    charts.lines = lambda *_, **__: "<svg></svg>"


def _count_writes(moment: Moment | None) -> Callable[[], int]:
    """Count the moments of this process in which a file is made, synced or renamed, and kill it at one of them.

    Nothing waits for the disk, as no plug is pulled. Returns a function that returns the count.
    """
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **settings: Any) -> Any:
            nonlocal count
            count += 1
            if moment is not None and count - 1 == moment.write:
                os.kill(os.getpid(), moment.number)
            return real(*args, **settings)

        return call

    os.fsync = counted(lambda _: None)
    os.replace = counted(os.replace)
    tempfile.mkstemp = counted(tempfile.mkstemp)
    return lambda: count


# ---------------------------------------------------------------------------------------------------- equal runs


def contents(folder: Path) -> dict[str, Any]:
    """All that must be equal in two runs, by name."""
    newest = max(path.name for path in (folder / "checkpoints").glob("*.safetensors"))
    found: dict[str, Any] = {"newest checkpoint": newest, "checkpoint": (folder / "checkpoints" / newest).read_bytes()}
    found |= {
        str(p.relative_to(folder)): p.read_bytes() for n in ("samples", "generator") for p in sorted((folder / n).iterdir())
    }
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    found["log.jsonl"] = [{k: v for k, v in record.items() if k not in TIMED} for record in log]
    results = json.loads((folder / "results.json").read_text())
    found["results.json"] = {k: v for k, v in results.items() if k not in TIMED}
    found["files"] = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    found["left over"] = sorted(str(p.relative_to(folder)) for p in folder.rglob("*.tmp"))
    return found


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of what differs between two runs."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def arguments_for(name: str) -> list[str]:
    """The arguments of `gansmith train` for a short run of a recipe, with scores and looks where the recipe allows them."""
    from gansmith.recipes import catalogue, make

    data = "digit-pairs" if catalogue()[name].family == "translation" else "digits"
    recipe = make(name, [], data=data)
    scored = recipe.scores is not None and "generator" not in recipe.frozen
    watched = [] if recipe.watch is None else ["watch.times=8"]
    scores = ["scores.times=2", "scores.count=100"] if scored else ["scores=none"]
    plan = [f"budget={BUDGET}images", f"batch_size={min(recipe.batch_size, 64)}"]
    return ["train", name, *plan, *OFTEN, *scores, *watched, "--data", data, "--device", "cpu", "--threads", "1"]


# ---------------------------------------------------------------------------------------------------- the harness


class Found(NamedTuple):
    """The kills of a recipe by signal, and what was wrong."""

    kills: Counter[str]
    faults: list[str]


def kill_recipe(
    name: str,
    kills: int,
    chance: random.Random,
    cwd: Path,
    extra: Sequence[str] = (),
    environment: dict[str, str] | None = None,
) -> Found:
    """Kill a run of a recipe `kills` times, go on to its end, and compare it with a run that was never killed."""
    arguments = [*arguments_for(name), *extra, "--run"]
    command(cwd, "--version")  # the fork server has started, and is in no command's time
    whole = command(cwd, *arguments, "whole", environment=environment)
    if whole.code:
        return Found(Counter(), [f"{name}: a run that nobody killed ended with {whole.code}: {whole.text}"])
    counted: Counter[str] = Counter()
    faults, moments, tries = [], [], 0
    while counted.total() < kills and tries < 4 * kills:
        tries += 1
        number = SIGNALS[counted.total() % len(SIGNALS)]
        at_write = chance.random() < 0.5
        moment = (
            Moment(number, chance.randrange(whole.writes)) if at_write else Moment(number, None, chance.uniform(0, whole.seconds))
        )
        _age(cwd / "killed")
        ended = command(cwd, *arguments, "killed", moment=moment, environment=environment)
        moments.append(str(moment))
        if "Traceback" in ended.text or ended.code not in (0, CODES[number], -number):
            faults.append(f"{name}, {moment}: exit code {ended.code}: {ended.text}")
        counted[number.name] += ended.code != 0
        if ended.code == 0 and (cwd / "killed").exists():  # it had ended before
            faults += _faults(name, moments, cwd)
            shutil.rmtree(cwd / "killed")
            moments = []
    _age(cwd / "killed")
    ended = command(cwd, *arguments, "killed", environment=environment)
    if ended.code:
        return Found(counted, [*faults, f"{name}, {moments}: it did not go on, exit code {ended.code}: {ended.text}"])
    return Found(counted, faults + _faults(name, moments, cwd))


def _age(run: Path) -> None:
    """Let a minute pass for temporary files: the page's could belong to a `gansmith report` beside, and is left for so long."""
    for path in run.rglob("*.tmp"):
        os.utime(path, (time.time() - 3600,) * 2)


def _faults(name: str, moments: list[str], cwd: Path) -> list[str]:
    """What is wrong with a run that was killed and has ended, beside the one that was not; samples of it are drawn too."""
    wrong = differing(contents(cwd / "whole"), contents(cwd / "killed"))
    for run in ("killed",) if (cwd / "whole.npz").exists() else ("whole", "killed"):
        ended = command(cwd, "sample", run, "--count", "8", "--seed", "3", "--out", f"{run}.npz")
        if ended.code:
            wrong.append(f"sample {run} ended with {ended.code}: {ended.text}")
    if (cwd / "whole.npz").read_bytes() != (cwd / "killed.npz").read_bytes():
        wrong.append("samples")
    return [f"{name}, {moments}: {', '.join(wrong)}"] if wrong else []


def main() -> None:
    from gansmith.recipes import catalogue

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=3, help="of each recipe")
    parser.add_argument("--recipes", nargs="+", default=list(catalogue()), metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep the runs here")
    chosen = parser.parse_args()
    total: Counter[str] = Counter()
    faults = []
    for name in chosen.recipes:
        folder = chosen.folder.resolve() / name if chosen.folder else Path(tempfile.mkdtemp(prefix=f"gansmith-kill-{name}-"))
        folder.mkdir(parents=True, exist_ok=True)
        found = kill_recipe(name, chosen.kills, random.Random(f"{chosen.seed} {name}"), folder)
        total += found.kills
        faults += found.faults
        print(f"{name:<32} {dict(found.kills)}  {'; '.join(found.faults) or 'equal to the last bit'}", flush=True)
        if not chosen.folder:
            shutil.rmtree(folder)
    print(f"{total.total()} kills of {len(chosen.recipes)} recipes ({dict(total)}), {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
