"""What several tests share: tiny runs, examples of every component, comparisons to the last bit, processes to kill."""

from __future__ import annotations

import dataclasses
import json
import math
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import typing
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import safetensors.torch
import sklearn.datasets
import torch
from PIL import Image
from torch import Tensor

import gansmith
from gansmith import doctor
from gansmith.core import component as spec
from gansmith.core.errors import DataError
from gansmith.data import Digits, Source, Split, modality
from gansmith.drawing import charts, plots
from gansmith.evaluation import translations
from gansmith.networks import MLPDiscriminator, MLPGenerator
from gansmith.networks.base import Network, Shapes
from gansmith.optim.ema import Ema
from gansmith.recipes import catalogue, make
from gansmith.recipes.base import Pictures, Recipe
from gansmith.training.loop import steps
from gansmith.training.loss_guard import LossGuard
from gansmith.training.trainer import Trainer

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"  # stored runs and golden values
CPU = torch.device("cpu")
RECIPES = list(catalogue())
TIMED = ("seconds", "images_per_second")  # what a log may say differently of the same run


def hurry() -> None:
    """In this process: one thread, no waiting for the disk (no test pulls the plug), plots that are dots, digits that are read
    once, and pairs without LPIPS.

    A real plot takes three times as long as the tiny run it is of. `test_run` and `test_report` draw some, and real processes do.
    """
    torch.set_num_threads(1)
    replace_call(os, "fsync", lambda _: None)
    replace_call(plots, "loss_plot", lambda log, title: Image.new("L", (1, 1)))
    replace_call(charts, "lines", lambda *_, **__: "<svg></svg>")
    replace_call(translations, "_lpips", _without_lpips)
    replace_call(sklearn.datasets, "load_digits", cache(sklearn.datasets.load_digits))  # its reader makes new arrays of them


def _without_lpips(*_: object) -> Any:
    """Its weights are a download of 60 MB, and tests/evaluation/test_lpips.py tries it."""
    raise DataError("not in tests")


def replace_call(module: ModuleType, name: str, stub: Callable[..., Any]) -> None:
    """Replace what the package calls as `module.name(...)`. Fails where there is no such name, or where a module of the package
    has imported it by name and would call the real one."""
    real = getattr(module, name)
    loaded = [m for n, m in list(sys.modules.items()) if n.startswith("gansmith") and m is not module]
    holders = [m.__name__ for m in loaded if any(value is real for value in vars(m).values())]
    assert not holders, f"{name} is imported by name in {', '.join(holders)}: call it as {module.__name__}.{name}"
    setattr(module, name, stub)


REAL_LOSS_PLOT = plots.loss_plot
REAL_LINES = charts.lines

# ---------------------------------------------------------------------------------------------------- tiny recipes


def data_for(name: str) -> str:
    """The name of the cheapest data that a recipe can be trained on."""
    return "digit-pairs" if catalogue()[name].family == "translation" else "digits"


def tiny(name: str, *overrides: str, budget: str = "1600images") -> Recipe:
    """The recipe `name` on the 8x8 digits, for some twenty steps that pass the end of an epoch, with frequent records."""
    often = (f"budget={budget}", "checkpoint_every=350images", "log_every=300images")
    recipe = make(name, [*often, "scores=none", *overrides], data=data_for(name))
    return dataclasses.replace(recipe, pictures=Pictures(count=4, columns=2, every="700images", arrays=True))


def slim(recipe: Recipe) -> Recipe:
    """The same with no layer wider than 48: what stands around the layers is as it was, and a step takes a millisecond."""
    return dataclasses.replace(recipe, networks={name: _slim(network) for name, network in recipe.networks.items()})


def _slim(network: Any) -> Any:
    if hasattr(network, "network"):  # one that wraps another
        return dataclasses.replace(network, network=_slim(network.network))
    if hasattr(network, "width"):
        return dataclasses.replace(network, width=min(network.width, 8))
    return dataclasses.replace(network, widths=tuple(min(w, 48) for w in network.widths))


def quick(*overrides: str, budget: str = "1600images") -> Recipe:
    """The cheapest recipe there is: a step of it takes a fraction of a millisecond."""
    return tiny("tutorial-small", *overrides, budget=budget)


def trainer(recipe: Recipe) -> Trainer:
    made = Trainer(recipe, CPU)
    made.total_images = 100_000
    return made


def in_double(game: Trainer, monkeypatch: Any) -> Trainer:
    """The same game in float64, from the same start: what is left between two ways to compute a step is then their own doing."""
    for network in game.networks.values():
        network.double()
        network.register_forward_pre_hook(lambda module, given: tuple(x.double() if x is not None else x for x in given))
    game.optimizer_states = {p.name: game.recipe.optimizers[p.name].init(game.trained_weights[p.name]) for p in game.players}
    if game.recipe.ema is not None:
        game.average = game.recipe.ema.start(game.networks["generator"])
    low, high = game.recipe.value_range
    monkeypatch.setattr(modality.Images, "to_model", lambda self, stored: stored.double() / 255 * (high - low) + low)
    return game


def stop_after(recipe: Recipe, folder: Path, step: int, framework: str | None = None) -> None:
    """Train until the run has taken `step` steps, then leave the generator, which saves."""
    with closing(steps(recipe, folder, device="cpu", framework=framework)) as records:
        for record in records:
            if record.step >= step:
                break


# ---------------------------------------------------------------------------------------------------- comparisons


def assert_same_tensors(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    differing = [name for name in one if one[name].dtype != other[name].dtype or not torch.equal(one[name], other[name])]
    assert not differing, f"these differ: {differing}"


def newest_checkpoint(folder: Path) -> Path:
    return max((folder / "checkpoints").glob("*.safetensors"))


def metadata(checkpoint: Path) -> dict[str, Any]:
    with safetensors.safe_open(checkpoint, "pt") as file:
        return dict(json.loads(file.metadata()["gansmith"]))


def untimed_log(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in TIMED} for line in lines]


def assert_same_run(one: Path, other: Path) -> None:
    """Weights, optimizers, average, windows, log, pictures, arrays and results, all of them to the last bit."""
    a, b = newest_checkpoint(one), newest_checkpoint(other)
    assert_same_tensors(safetensors.torch.load_file(a), safetensors.torch.load_file(b))
    assert metadata(a) == metadata(b)
    assert a.name == b.name  # equal to the last byte, as the name holds the digest
    generators = [safetensors.torch.load_file(p / "generator" / "generator.safetensors") for p in (one, other)]
    assert_same_tensors(*generators)
    assert untimed_log(one) == untimed_log(other)
    names = [sorted(p.name for p in (folder / "samples").iterdir() if not p.name.startswith(".")) for folder in (one, other)]
    assert names[0] == names[1]
    for name in names[0]:
        if name.endswith(".npz"):
            arrays, others = np.load(one / "samples" / name), np.load(other / "samples" / name)
            assert arrays.files == others.files, name
            assert all(np.array_equal(arrays[key], others[key]) for key in arrays.files), name
        else:
            assert (one / "samples" / name).read_bytes() == (other / "samples" / name).read_bytes(), name
    results = [{k: v for k, v in json.loads((p / "results.json").read_text()).items() if k not in TIMED} for p in (one, other)]
    assert results[0] == results[1]


# ---------------------------------------------------------------------------------------------------- every component


def components(type_: Any) -> list[Any]:
    """An example of every registered component of the package that is a `type_`; a new file is found without being told."""
    spec.load_all()
    return [e for e in map(example, _package_components()) if isinstance(e, type_)]


def _package_components() -> list[type]:
    return [c for _, c in sorted(spec.REGISTRY.items()) if c.__module__.startswith("gansmith.") and c is not Recipe]


def all_components() -> list[Any]:
    spec.load_all()
    return [example(c) for c in _package_components()]


def name_of(component: Any) -> str:
    return spec.kebab(type(component).__name__)


def example(cls: type) -> Any:
    """One made of the defaults; a field that has none gets a value by its type."""
    hints = typing.get_type_hints(cls)
    required = [
        f for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    values = {f.name: _value(hints[f.name]) for f in required}
    if "network" in values and "Generator" in cls.__name__:
        values["network"] = MLPGenerator((8,))
    return cls(**values)


def _value(type_: Any) -> Any:
    values = {int: 6, float: 0.5, str: "some.npz", bool: True, Source: Digits(), Network: MLPDiscriminator((8,))}
    if type_ in values:
        return values[type_]
    if typing.get_origin(type_) is tuple:
        return tuple(_value(k) for k in typing.get_args(type_) if k is not Ellipsis) * (2 if ... in typing.get_args(type_) else 1)
    raise NotImplementedError(f"give the tests an example of {type_} in support._value")


# Networks that start from a source image, and how many times larger than the source their samples are made here.
TRANSLATORS = {
    **dict.fromkeys(("UnetGenerator", "ResnetGenerator"), 1),
    **dict.fromkeys(("SrResnetGenerator", "MsrResnetGenerator", "RrdbGenerator", "CompactGenerator"), 4),
}


def shapes_for(network: Network, noise: int, shape: tuple[int, ...]) -> Shapes:
    """Shapes with samples of this shape; for a translator, with sources of this shape, and the samples that it makes of them."""
    factor = TRANSLATORS.get(type(network).__name__)
    if factor is None:
        return Shapes(noise, shape)
    return Shapes(noise, (shape[0], *(factor * side for side in shape[1:])), source=shape)


def small(network: Network) -> Network:
    """A translator with few channels and one block, so that a test is quick; any other network as it is."""
    fields = {f.name for f in dataclasses.fields(network)}  # type: ignore[arg-type]
    values = {"width": 8, "blocks": 1} if type(network).__name__ in TRANSLATORS else {}
    return dataclasses.replace(network, **{k: v for k, v in values.items() if k in fields})  # type: ignore[type-var]


# ---------------------------------------------------------------------------------------------------- command line


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder: {path: content}, None for a folder."""
    return {str(p.relative_to(folder)): None if p.is_dir() else p.read_bytes() for p in sorted(folder.rglob("*"))}


def assert_refused(answer: Answer, *words: str, code: int = 2) -> None:
    """One line on stderr that begins with the program's name and holds the words, no traceback, and the exit code."""
    assert "Traceback" not in answer.err
    assert answer.code == code, answer.err
    lines = answer.err.splitlines()
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("gansmith: ")
    assert len(lines[0]) <= 300
    assert lines[0].isprintable()
    assert "Input should" not in lines[0]  # pydantic's own words
    for word in words:
        assert word in lines[0], f"{word!r} is not in {lines[0]!r}"


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONFAULTHANDLER": "1"}


def start(*args: object, cwd: Path) -> subprocess.Popen[str]:
    """The real command line as a process of its own, which hears Ctrl-C even where the tests run in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "gansmith", *map(str, args)],
        cwd=cwd,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen[str], timeout: float = 150) -> Answer:
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # Python says where each thread stands
        out, err = process.communicate()
        raise AssertionError(f"took more than {timeout} seconds:\n{out}\n{err}") from None
    return Answer(process.returncode, out, err)


def python(code: str, *args: object, cwd: Path | None = None, timeout: float = 150) -> Answer:
    """A Python program as a process of its own."""
    command = [sys.executable, "-c", code, *map(str, args)]
    process = subprocess.Popen(
        command, cwd=cwd, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    return finish(process, timeout)


# ---------------------------------------------------------------------------------------------------- children to kill

# A fork server has imported everything once, so that a child which trains starts in a fraction of a second.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        *("gansmith.training.loop", "torch._dynamo", "torch.utils.tensorboard", "matplotlib.figure", "sklearn.datasets"),
        *("PIL.Image", "jinja2"),
    ]
)


class Child:
    """A process of its own that runs `work(say, *args)`; each `say(number)` reaches `wait_for`."""

    def __init__(self, work: Callable[..., None], *args: Any) -> None:
        self.pipe, theirs = _SERVER.Pipe(duplex=False)
        self.process = _SERVER.Process(target=_in_child, args=(work, theirs, *args), daemon=True)
        self.process.start()
        theirs.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join(60)
        self.pipe.close()

    def wait_for(self, number: int, timeout: float = 120) -> bool:
        """Whether the child said `number` or more; False where it ended before."""
        try:
            while self.pipe.poll(timeout):
                if self.pipe.recv() >= number:
                    return True
        except EOFError:
            return False
        raise AssertionError(f"the child said nothing for {timeout} seconds")

    def kill(self) -> None:
        self.process.kill()
        self.process.join(60)
        assert self.process.exitcode in (-signal.SIGKILL, 0)

    def finish(self, timeout: float = 120) -> None:
        self.process.join(timeout)
        assert self.process.exitcode == 0


def _in_child(work: Callable[..., None], pipe: Connection, *args: Any) -> None:
    hurry()
    work(pipe.send, *args)


def train_and_tell(say: Callable[[int], None], recipe: dict[str, Any], folder: str) -> None:
    """Train a recipe given as JSON, saying 0 before the run folder is touched and the number of each step after it."""
    made = spec.from_json(recipe)
    say(0)
    for record in gansmith.steps(made, folder, device="cpu"):
        say(record.step)


def deferred(monkeypatch: Any) -> None:
    """Make a trainer on the CPU watch its losses as it does on an accelerator, where nobody waits for the device."""
    on_the_cpu = LossGuard.admit

    def admit(self: LossGuard, *args: Any) -> Any:
        device, self.device = self.device, SimpleNamespace(type="accelerator")  # type: ignore[assignment]
        try:
            return on_the_cpu(self, *args)
        finally:
            self.device = device

    monkeypatch.setattr(LossGuard, "admit", admit)


def with_ema(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, ema=Ema(half_life_images=400))


def records_of(recipe: Recipe, folder: Path) -> closing[Any]:
    """The records of a run; leaving the block leaves the loop."""
    return closing(steps(recipe, folder, device="cpu"))


def tricks() -> Recipe:
    """An adaptive augmentation, a penalty now and then, and settings that grow or fall, all of which know where they stand."""
    changes = (
        "objective.augmentation=augment(target=0.1, speed_images=2000, operations=[flip, translate, instance-noise])",
        "objective.penalties+=dragan",
        "objective.penalty_every=4",
        "objective.penalty_schedule=cosine(first=10.0, end=1.0)",
        "optimizers.generator.beta2_schedule=cosine(end=0.1)",
        "ema=ema(half_life_images=400, schedule=linear(first=0.0, end=1.0))",
    )
    return tiny("tutorial-dropout", *changes)


# What acts on exactness beyond the recipes as they stand.
VARIANTS: dict[str, Callable[[], Recipe]] = {
    "ema-of-batch-norm": lambda: with_ema(tiny("tutorial-batchnorm")),
    "two-turns-of-d": lambda: tiny("goodfellow-2014", "k=2"),
    "bf16": lambda: tiny("tutorial-dropout", "precision=bf16"),
    "bf16-penalties": lambda: tiny("tutorial-dropout", "precision=bf16", "objective.penalties=[r1, gradient-penalty]"),
    "gradient-penalty": lambda: tiny("tutorial-dropout", "objective.loss=wasserstein", "objective.penalties+=gradient-penalty"),
    "relativistic": lambda: tiny("tutorial-dropout", "objective.loss=relativistic", "objective.penalties=[r1, r2]"),
    "tricks": tricks,
    "last-value-logged": lambda: quick("log_value=last"),
    "n-mod-batch-is-1": lambda: tiny("tutorial-batchnorm", "batch_size=136"),  # 1497 = 11 * 136 + 1
}


# ---------------------------------------------------------------------------------------------------- real images


def digits(count: int, split: Split = "train") -> np.ndarray:
    """The first 8x8 digits of a split, uint8 [count, 1, 8, 8]."""
    return Digits().load(split).values[:count]


# ---------------------------------------------------------------------------------------------------- refusals, looks


def refused(*words: str) -> str:
    """The pattern of a message of one line that has these words in this order."""
    return r"(?s)\A(?!.*\n).*" + ".*".join(map(re.escape, words))


TOTAL, LOOKS = 40_000, 40
Sign = float | Callable[[float], float]

HEALTHY: dict[str, Sign] = {
    "finite": 1.0,
    "distance": lambda p: 0.9 * np.exp(-6 * p) + 0.03,
    "spread": lambda p: min(0.95, 0.15 + 3 * p),
    "raw_spread": lambda p: min(0.95, 0.15 + 3 * p),
    "nearest": 0.6,
    "missed": lambda p: max(0.1, 0.9 - 2 * p),
    "kinds": lambda p: min(0.85, 0.1 + 2 * p),
    "place_0": lambda p: 0.1 * np.sin(50 * p),
    "place_1": 0.1,
    "copied": 0.0,
    "low": 0.0,
    "high": 0.0,
    "told_apart": lambda p: 0.99 if p < 0.2 else 0.85,
    "told_apart_unseen": 0.8,
    "knows_its_own": 0.55,
    "gap": 1.5,
    "logits": 1.2,
    "pull": 3.0,
    "aim": 1.0,
    "real_apart": 2.0,
    "travel_generator": lambda p: p,
    "travel_discriminator": lambda p: p,
    "dead_generator": 0.05,
}


# Further signs that rules read; without them the rules assume a healthy run.
FURTHER_SIGNS = {"steps", "d_aim", "g_aim", "dead_discriminator"}


def looks(count: int = LOOKS, **changed: Sign | None) -> list[dict[str, Any]]:
    """The first of `LOOKS` looks at a healthy run, with some vital signs changed.

    A sign may be a function of progress; None leaves it out. Raises ValueError for a name that is no vital sign.
    """
    if unknown := changed.keys() - HEALTHY.keys() - FURTHER_SIGNS:
        raise ValueError(f"looks: {sorted(unknown)} are no vital signs; expected names in HEALTHY or FURTHER_SIGNS")
    if "spread" in changed:  # without an average the two are one
        changed = {"raw_spread": changed["spread"]} | changed
    signs = {name: sign for name, sign in (HEALTHY | changed).items() if sign is not None}
    made = []
    for i in range(1, count + 1):
        p = i / LOOKS
        values = {doctor.PREFIX + name: float(sign(p) if callable(sign) else sign) for name, sign in signs.items()}
        made.append({"images": i * TOTAL // LOOKS} | {name: value for name, value in values.items() if not math.isnan(value)})
    return made
