"""Damage a run folder in every way, run every command that takes a run on it, and judge what came.

A case is a file of a stored run, a kind of damage and a command. Expected is one line and exit code 1 or 2, or a command that
survives; a checkpoint or generator that is damaged must not change what is trained or sampled. Files and commands are found, so
new ones join by themselves. `test_damage.py` takes a slice of the cases, `make damage` all of them.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import json
import logging
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import typer

from gansmith.cli import main as command_line
from gansmith.evaluation import evaluate as evaluation
from gansmith.evaluation import results
from gansmith.recipes.base import Recipe
from gansmith.runs.checkpoints import _digest
from support import assert_same_run, newest_checkpoint, quick, slim, stop_after, tiny, tree, tricks

LONGEST = 300  # letters of an error
SECONDS = 60  # for a command, or it hangs
NOBODY = 65534
RUN_NAMES = ("run", "what", "runs", "recipe", "one")  # of the argument that is a run folder
NO_RUN = {"list", "data list", "data fetch", "data show", "data extractor", "trust"}  # commands that take none
OUTS = ("x.npz", "x.png", "x.gif", "x.keras")  # for --out: the first that a whole run is written to
SETTINGS = {"count": "100", "draws": "1", "threads": "1"}


# ---------------------------------------------------------------------------------------------------- runs and commands


@dataclass(frozen=True)
class Base:
    """A run to damage."""

    name: str
    recipe: Recipe
    whole: bool = False  # trained to its end, or left at 900 images

    def make(self, folder: Path) -> None:
        import gansmith
        from gansmith.evaluation.results import Evaluation
        from gansmith.report import page

        if self.whole:
            gansmith.train(self.recipe, folder, device="cpu")
        else:
            stop_after(self.recipe, folder, 900 // self.recipe.batch_size)
        run = gansmith.load(folder)
        evaluation.evaluate(run, count=100, draws=1).keep(run)
        page.write(run, Evaluation.of(run))


def bases() -> list[Base]:
    scored = ("scores.times=3", "scores.count=100", "watch.times=8")
    return [
        Base("half", quick()),
        Base("whole", quick(*(f"scores=scores({', '.join(s.split('.')[1] for s in scored[:2])})", scored[2])), whole=True),
        Base("labels", slim(tiny("cgan", "ema=ema(half_life_images=400)"))),
        Base("codes", slim(tiny("infogan"))),
        Base("encoder", slim(tiny("vae-gan"))),
        Base("points", quick("data=ring(num=600)")),
        Base("adaptive", slim(tricks())),
        Base("coverage", quick(), whole=True),
    ]


BASES = ("half", "whole", "labels", "codes", "encoder", "points", "adaptive", "coverage")


def commands() -> dict[str, Any]:
    """All commands of the command line by their names."""

    def below(group: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name, command in getattr(group, "commands", {}).items():
            if getattr(command, "commands", None):
                yield from below(command, (*names, name))
            else:
                yield " ".join((*names, name)), command

    return dict(below(typer.main.get_command(command_line.app), ()))


def arguments(name: str, out: str) -> list[str]:
    """The arguments of a command for the run folder `run`, with another run `other` where two are needed."""
    given = name.split()
    parameters = {p.name: p for p in commands()[name].params}
    if name == "coverage":
        return [
            *given,
            "ring",
            "budget=400images",
            "networks.generator.widths=[8]",
            "--seeds",
            "1",
            "--threads",
            "1",
            "--runs",
            "run",
        ]
    run = next(parameters[n] for n in RUN_NAMES if n in parameters and parameters[n].param_type_name == "argument")
    given += ["run", "other"] if run.nargs == -1 or "other" in parameters else ["run"]
    for key, value in SETTINGS.items():
        if key in parameters:
            given += [f"--{key}", value]
    return given + (["--out", out] if "out" in parameters and parameters["out"].required else [])


# ---------------------------------------------------------------------------------------------------- damage

Damage = Callable[[Path], None]


def _bytes(change: Callable[[bytes], bytes]) -> Damage:
    return lambda path: path.write_bytes(change(path.read_bytes())) and None  # type: ignore[func-returns-value]


def _flipped(content: bytes) -> bytes:
    if not content:
        return b"\x01"
    place = random.Random(len(content)).randrange(8 * len(content))
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def _instead(make: Callable[[Path], object]) -> Damage:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "x").write_text("x")


DAMAGES: dict[str, Damage] = {
    "truncated": _bytes(lambda c: c[: len(c) // 2]),
    "cut by a byte": _bytes(lambda c: c[:-1]),
    "emptied": _bytes(lambda c: b""),
    "flipped": _bytes(_flipped),
    "zeros": _bytes(lambda c: bytes(len(c))),
    "no UTF-8": _bytes(lambda c: b"\xff\xfe" + c),
    "a folder": _instead(_folder),
    "a pipe": _instead(os.mkfifo),
    "a link to nothing": _instead(lambda path: path.symlink_to("nothing")),
    "a link to itself": _instead(lambda path: path.symlink_to(path.name)),
    "nested": _bytes(lambda c: b"[" * 10_000 + b"]" * 10_000),
    "nested objects": _bytes(lambda c: b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "nested 150": _bytes(lambda c: b'{"type":"Recipe","noise":' * 150 + b"1" + b"}" * 150),
    "without permission": lambda path: path.chmod(0),
    "gone": Path.unlink,
} | {
    f"JSON {text}": _bytes(lambda c, text=text: text.encode() + b"\n")  # type: ignore[misc]
    for text in (
        "5",
        "null",
        '"x"',
        "[]",
        "{}",
        '{"images":"x"}',
        '{"type":"Adam"}',
        '{"format":1}',
        '{"type":[]}',
        "[{}]",
        "NaN",
    )
}

ODD: tuple[Any, ...] = (None, -1, 10**30, 0.5, "x", [], {}, [None], True, "\u0000", {"type": "Adam"})


def fields_of(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places in JSON, at any depth; of a long list the first."""
    items = content.items() if isinstance(content, dict) else enumerate(content[:2]) if isinstance(content, list) else ()
    for key, value in items:
        yield (*place, key)
        yield from fields_of(value, (*place, key))


def with_field(place: tuple[Any, ...], value: Any) -> Callable[[Any], Any]:
    """A change of JSON: another value at a place; the field deleted for `...`."""

    def change(content: Any) -> Any:
        parent = functools.reduce(lambda found, key: found[key], place[:-1], content)
        if value is ...:
            del parent[place[-1]]
        else:
            parent[place[-1]] = value
        return content

    return change


def json_damages(path: Path) -> Iterator[tuple[str, Damage]]:
    """Each field of a JSON file, or of the middle line of a log, deleted and replaced by values of other types."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    at = len(lines) // 2

    def damage(path: Path, change: Callable[[Any], Any]) -> None:
        changed = [*lines[:at], json.dumps(change(json.loads(lines[at]))), *lines[at + 1 :]]
        path.write_text("\n".join(changed) + "\n")

    for place in fields_of(json.loads(lines[at])):
        for value in (..., *ODD):
            said = "deleted" if value is ... else f"= {value!r}"[:30]
            yield f"{'.'.join(map(str, place))} {said}", functools.partial(damage, change=with_field(place, value))
    if path.suffix == ".jsonl":
        for line in ("5", "null", '{"images":"x"}', "", "{", "[1]"):
            yield f"line {line}", lambda path, line=line: path.write_text("\n".join([*lines[:at], line, *lines[at:]]) + "\n")  # type: ignore[misc]


# ---------------------------------------------------------------------------------------------------- crafted weights


def store_weights(path: Path, content: bytes) -> Path:
    """Put bytes in place of a file of weights, with the digest that they have: the damage is inside."""
    if path.name == "generator.safetensors":
        path.write_bytes(content)
        about = path.with_suffix(".json")
        about.write_text(json.dumps(json.loads(about.read_text()) | {"sha256": _digest(content)}))
        return path
    path.unlink()
    path = path.with_name(f"{path.name.split('-')[0]}-{_digest(content)[:16]}.safetensors")
    path.write_bytes(content)
    return path


def _tensors(change: Callable[[dict[str, torch.Tensor], str], object]) -> Callable[[bytes], bytes]:
    """A change of the tensors of a file, of one of each group of names."""

    def changed(content: bytes) -> bytes:
        tensors = safetensors.torch.load(content)
        for name in {name.rsplit("/", 1)[0]: name for name in tensors}.values():
            change(tensors, name)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return safetensors.torch.save(tensors, header.get("__metadata__"))

    return changed


def _header(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        size = int.from_bytes(content[:8], "little")
        made = change(json.loads(content[8 : 8 + size]))
        header = made if isinstance(made, bytes) else json.dumps(made).encode()
        return len(header).to_bytes(8, "little") + header + content[8 + size :]

    return changed


def _meta(**values: Any) -> Callable[[bytes], bytes]:
    """A header whose metadata have other entries."""

    def change(header: Any) -> Any:
        known = json.loads(header.get("__metadata__", {}).get("gansmith", '{"format": 1, "images": 0, "steps": 0}'))
        return header | {"__metadata__": {"gansmith": json.dumps(known | values)}}

    return _header(change)


def _first(**values: Any) -> Callable[[bytes], bytes]:
    """A header whose first tensor has other entries."""
    return _header(lambda h: {k: (v | values if k == next(n for n in h if n != "__metadata__") else v) for k, v in h.items()})


def _set(value: float) -> Callable[[dict[str, torch.Tensor], str], object]:
    def change(tensors: dict[str, torch.Tensor], name: str) -> None:
        if tensors[name].is_floating_point():
            tensors[name] = torch.full_like(tensors[name], value)

    return change


CRAFTED: dict[str, Callable[[bytes], bytes]] = {
    "no header": lambda c: b"",
    "a header of 2**60": lambda c: (2**60).to_bytes(8, "little") + c[8:],
    "a header of no JSON": _header(lambda h: b"{" * 64),
    "a header of a list": _header(lambda h: [1]),
    "a header nested": _header(lambda h: b"[" * 10_000 + b"]" * 10_000),
    "metadata nested": _header(lambda h: h | {"__metadata__": {"gansmith": "[" * 10_000 + "]" * 10_000}}),
    "metadata of a list": _header(lambda h: h | {"__metadata__": {"gansmith": "[1]"}}),
    "metadata of no text": _header(lambda h: h | {"__metadata__": {"gansmith": 5}}),
    "metadata without images": _header(lambda h: h | {"__metadata__": {"gansmith": "{}"}}),
    "images of another count": _meta(images=7),
    "images of no number": _meta(images="x"),
    "images null": _meta(images=None),
    "images infinite": _meta(images=float("inf")),
    "steps infinite": _meta(steps=float("inf")),
    "steps of no run": _meta(steps=-(10**30)),
    "no tensors": lambda c: safetensors.torch.save({}),
    "offsets outside": _first(data_offsets=[0, 2**40]),
    "offsets the wrong way": _first(data_offsets=[64, 0]),
    "an unknown type": _first(dtype="Q9"),
    "a shape of no number": _first(shape=["x"]),
    "tensors missing": _tensors(lambda t, name: t.pop(name)),
    "tensors flat": _tensors(lambda t, name: t.update({name: t[name].flatten()[:1].clone()})),
    "tensors empty": _tensors(lambda t, name: t.update({name: t[name].flatten()[:0].clone()})),
    "tensors of another type": _tensors(
        lambda t, name: t.update({name: t[name].to(torch.float64 if t[name].dtype != torch.float64 else torch.int8)})
    ),
    "tensors too many": _tensors(lambda t, name: t.update({f"{name}.more": torch.zeros(1)})),
    "tensors NaN": _tensors(_set(float("nan"))),
    "tensors infinite": _tensors(_set(float("inf"))),
}


# ---------------------------------------------------------------------------------------------------- a case


@dataclass(frozen=True)
class Case:
    base: str
    file: str  # in the run folder
    damage: str
    command: str
    spoil: Damage

    def __str__(self) -> str:
        return f"{self.base}: {self.file} {self.damage} x {self.command}"


@dataclass(frozen=True)
class Answer:
    code: int | None  # None: a traceback, or a hang
    out: str
    err: str


def call(given: list[str]) -> Answer:
    """The command line in this process, through the same `main` that the installed script calls."""
    out, err = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    argv, sys.argv = sys.argv, ["gansmith", *given]
    notes = logging.StreamHandler(err)
    logging.getLogger("gansmith").addHandler(notes)

    def hang(*_: Any) -> None:
        raise TimeoutError(f"no end in {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            command_line.main()
        code: int | None = 0
    except SystemExit as left:
        code = int(left.code or 0)
    except BaseException:
        code = None
        err.write("Traceback " + traceback.format_exc())
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        sys.argv = argv
        logging.getLogger("gansmith").removeHandler(notes)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Answer(code, out.getvalue(), err.getvalue())


def call_as_nobody(given: list[str]) -> Answer:
    """The same in a child without root's power to read everything. Everybody may read where it works."""
    if os.getuid() != 0:
        return call(given)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(read)
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        answer = call(given)
        with os.fdopen(write, "w") as pipe:
            json.dump([answer.code, answer.out, answer.err], pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return Answer(*json.loads(said)) if said else Answer(None, "", "Traceback: the child died")


@contextlib.contextmanager
def small_evaluations(count: int = 100, draws: int = 1) -> Iterator[None]:
    """Take so few samples for a full evaluation, which `compare` makes where there is none."""
    evaluate = inspect.unwrap(evaluation.evaluate)
    before = results.COUNT, results.DRAWS, evaluate.__kwdefaults__
    results.COUNT, results.DRAWS, evaluate.__kwdefaults__ = count, draws, before[2] | {"count": count, "draws": draws}
    try:
        yield
    finally:
        results.COUNT, results.DRAWS, evaluate.__kwdefaults__ = before


class Bench:
    """Stored runs, and the commands that work on them."""

    def __init__(self, folder: Path, names: Collection[str] = BASES) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bases = {base.name: base for base in bases() if base.name in names}
        for base in self.bases.values():
            if base.name == "coverage":
                (folder / base.name).mkdir()
                self.at_work(base.name, lambda run: None, arguments("coverage", ""))
                (folder / base.name).rmdir()
                shutil.move(folder / "made", folder / base.name)
            else:
                base.make(folder / base.name)
        self.expected: dict[tuple[str, str], Any] = {}

    def works_on(self, base: str) -> dict[str, list[str]]:
        """The commands that this run can be given, with their arguments."""
        works = {}
        for name in commands():
            if name in NO_RUN or (name == "coverage") != (base == "coverage"):
                continue
            for out in OUTS:
                given = arguments(name, out)
                answer, _ = self.at_work(base, lambda run: None, given)
                if answer.code == 0 or "--out" not in given:
                    break
            if answer.code == 0 or "pip install" in answer.err:
                works[name] = given
        return works

    @contextlib.contextmanager
    def place(self, base: str) -> Iterator[Path]:
        """A copy of a run as `run`, and the whole run as `other`, in the working folder."""
        here, back = self.folder / "work", Path.cwd()
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir(mode=0o777)
        shutil.copytree(self.folder / base, here / "run")
        (here / "other").symlink_to(self.folder / base)
        os.chdir(here)
        try:
            yield here
        finally:
            os.chdir(back)

    def at_work(self, base: str, spoil: Damage, given: list[str], as_nobody: bool = False) -> tuple[Answer, Any]:
        """What a command says of a spoiled run, and what it made: samples, or the trained run."""
        with self.place(base) as here:
            spoil(here / "run")
            if as_nobody and os.getuid() == 0:
                for path in (self.folder, here, *(here / "run").rglob("*"), here / "run"):
                    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            answer = (call_as_nobody if as_nobody else call)(given)
            left = [str(p.relative_to(here)) for p in here.rglob(".*.tmp")]
            made: Any = None
            if answer.code == 0 and given[0] == "sample":
                arrays = np.load(here / "x.npz")
                made = arrays["images" if "images" in arrays else "points"]
            if answer.code == 0 and given[0] in ("train", "coverage"):
                shutil.rmtree(self.folder / "made", ignore_errors=True)
                shutil.move(here / "run", self.folder / "made")
            return (Answer(answer.code, answer.out, answer.err + f"Traceback: left {left}") if left else answer), made

    def cases(self, base: str, works: dict[str, list[str]], deep: bool = True) -> Iterator[Case]:
        """All cases of a run."""
        key = next((p.stem for p in (self.folder / base).glob("*.json")), None) if base == "coverage" else None
        files = [name for name, content in tree(self.folder / base).items() if content is not None]
        newest = newest_checkpoint(self.folder / base / (key or ""))
        for file in files:
            damages: dict[str, Damage] = {n: _at(file, d) for n, d in DAMAGES.items()}
            hidden = f"{key}.json" if key and "/" in file else None  # a stored result stands for its run
            path = self.folder / base / file
            if deep and path.suffix in (".json", ".jsonl"):
                damages |= {name: _at(file, d) for name, d in json_damages(path)}
            if path == newest or path.name == "generator.safetensors":
                damages |= {name: _at(file, _crafted(change)) for name, change in CRAFTED.items()}
            for number, (name, damage) in enumerate(damages.items()):
                # A field is read by few commands, and there are many fields: each value of one gets one command.
                chosen = list(works) if name in DAMAGES or name in CRAFTED else [list(works)[number % len(works)]]
                for command in chosen:
                    yield Case(base, file, name, command, _without(hidden, damage) if hidden else damage)

    def judge(self, case: Case, given: list[str]) -> str | None:
        """What is wrong with how a command takes a damage; None if nothing is."""
        started = time.monotonic()
        answer, made = self.at_work(case.base, case.spoil, given, as_nobody=case.damage == "without permission")
        if answer.code is None or "Traceback" in answer.err:
            return answer.err.strip().splitlines()[-1][:200] + " | " + " ".join(answer.err.split())[-700:]
        if time.monotonic() - started > SECONDS / 2:
            return "took longer than 30 s"
        if answer.code not in (0, 1, 2):
            return f"exit code {answer.code}"
        errors = [line for line in answer.err.splitlines() if line.startswith("gansmith: ")]
        if answer.code and (len(errors) != 1 or len(errors[0]) > LONGEST):
            return f"{len(errors)} lines of {max(map(len, errors), default=0)} letters: {answer.err[-400:]}"
        if answer.code == 0 and case.file.split("/")[0] in ("checkpoints", "generator"):
            return self._is_exact(case, given, made)
        return None

    def _is_exact(self, case: Case, given: list[str], made: Any) -> str | None:
        """Whether a run whose weights were damaged trains and samples as it would have without."""
        if given[0] == "sample":
            if ("sample", case.base) not in self.expected:
                self.expected["sample", case.base] = self._samples_of_all(case.base, given)
            same = any(np.array_equal(made, other) for other in self.expected["sample", case.base])
            return None if same else "other samples than those of any checkpoint"
        if given[0] == "train" and not self.bases[case.base].whole:  # a whole run is left as it is
            whole = self.folder / f"{case.base}-trained"
            if not whole.exists():
                self.at_work(case.base, lambda run: None, given)
                shutil.move(self.folder / "made", whole)
                return self.judge(case, given)
            try:
                assert_same_run(whole, self.folder / "made")
            except Exception as error:
                return f"trained another run: {str(error)[:200]}"
        return None

    def _samples_of_all(self, base: str, given: list[str]) -> list[Any]:
        """What a command samples from each checkpoint."""
        counts = sorted({int(p.name.split("-")[0]) for p in (self.folder / base / "checkpoints").iterdir()})
        return [self.at_work(base, lambda run: None, [*given, "--checkpoint", str(count)])[1] for count in counts]


def _without(file: str, damage: Damage) -> Damage:
    def both(run: Path) -> None:
        (run / file).unlink()
        damage(run)

    return both


def _at(file: str, damage: Damage) -> Damage:
    return lambda run: damage(run / file)


def _crafted(change: Callable[[bytes], bytes]) -> Damage:
    return lambda path: store_weights(path, change(path.read_bytes())) and None  # type: ignore[func-returns-value]
