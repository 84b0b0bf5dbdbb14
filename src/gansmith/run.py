"""The run folder, the only thing training hands on, and the only place that knows its file names.

recipe.json     everything the run is
run.json        format, budget in images, the data's shape, machine, the user's own files with their SHA-256
log.jsonl       a record a line
events/         the same for TensorBoard, with the pictures
samples/        pictures from fixed seeds, named by image count; real.png; animation.gif
losses.png
report.html     everything on one page
evaluation.json what `gansmith evaluate RUN` found last, with its usual settings
checkpoints/    IMAGES-DIGEST.safetensors, the last few and the best; the digest is of the whole file
generator/      generator.safetensors and generator.json: what sampling needs
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import platform
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from gansmith import __version__, doctor, processes, sampling
from gansmith.data import source
from gansmith.errors import RecipeError, RunError
from gansmith.files import disk_errors, write, write_json
from gansmith.images import Gallery, Kind, kind_of
from gansmith.inputs import Inputs
from gansmith.kinds import Asking, Layout, asking_of, layout_of
from gansmith.recipe import Recipe
from gansmith.scores import Evaluation
from gansmith.spec import differences, from_json, load_file, own_files, to_json
from gansmith.trainer import Saved, build

FORMAT = 1
KEPT_CHECKPOINTS = 3
KEPT_TO_GO_BACK = 8  # of a run that may be put right, so that one from before the trouble is among them
SCORE = "validation/fd"  # in the log; what it was measured with stands in run.json as "score"
NEEDED = ("total_images", "sample_shape", "num_real", "num_skipped", "device", "num_processes", "files", "environment")
FOLDERS = ("samples", "checkpoints", "generator")

logger = logging.getLogger("gansmith")


class Run:
    """A run folder. `sample` and `module` work on what it last saved, `log` holds arrays to plot."""

    def __init__(self, path: Path, recipe: Recipe, facts: dict[str, Any], checkpoint: str | int = "last") -> None:
        self.path, self.recipe, self.facts, self.checkpoint = path, recipe, facts, checkpoint
        self.asked_for: int | None = None  # the kind that all its samples are to be of

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.recipe.name}, {self.images:,} of {self.total_images or 0:,} images)"

    # ------------------------------------------------------------------------------------------ opening

    @classmethod
    def open(cls, path: str | Path, *, trust: str | Path | None = None) -> Run:
        """Read a run folder. Nothing in it can execute code: a run that uses a file of the user's own asks for it in `trust`.

        Raises RunError where it is no run folder, of a format that is not read, or needs a file that was not named.
        """
        path = Path(path)
        if not (path / "recipe.json").is_file():
            what = "is empty or no run folder: it has no recipe.json" if path.is_dir() else "does not exist"
            raise RunError(f"run folder {path} {what}; make one with: gansmith train RECIPE --run {path}")
        facts = read_json(path / "run.json", "format")
        if facts.get("format") != FORMAT:
            found = facts.get("format")
            todo = "upgrade gansmith" if isinstance(found, int) and found > FORMAT else "open it with the gansmith that made it"
            raise RunError(f"run folder {path} has format {found!r}, this gansmith reads {FORMAT}: {todo}")
        facts = read_json(path / "run.json", *NEEDED)
        files: dict[str, str] = facts["files"]
        if trust is not None:
            digest = _digest_of_file(Path(trust))
            if files and digest not in files.values():
                raise RunError(f"{trust} has SHA-256 {digest[:12]}..., but {path} was made with {_named(files)}")
            load_file(trust)
        try:
            recipe = from_json(read_json(path / "recipe.json"))
        except RecipeError as error:
            if files and trust is None:
                raise RunError(
                    f"{path} uses code of your own, {_named(files)}: name that file or a copy with --trust FILE"
                ) from None
            raise RunError(f"{path / 'recipe.json'}: {error}") from None
        if not isinstance(recipe, Recipe):
            raise RunError(f"{path / 'recipe.json'} holds no recipe")
        if changed := set(own_files(recipe).values()) - set(files.values()):
            raise RunError(f"{path} was made with {_named(files)}; the file has changed since ({min(changed)[:12]}...)")
        return cls(path, recipe, facts)

    @classmethod
    @contextlib.contextmanager
    def claim(cls, path: str | Path, recipe: Recipe, *, trust: str | Path | None = None) -> Iterator[Run]:
        """A run folder to train in, new or gone on with; held against every other process until the block ends.

        Raises RunError where the folder holds something else, another recipe (field by field), or another process is in it.
        """
        path = Path(path)
        if processes.rank() != 0:
            yield cls(path, recipe, {})
            return
        missing = [p for p in (path, *path.parents) if not p.exists()]
        if path.exists() and not path.is_dir():
            raise RunError(f"run folder {path} is a file; choose another path with --run")
        if not missing and not (path / "recipe.json").is_file() and not _empty(path):
            raise RunError(f"{path} holds files but no run; choose an empty or new folder with --run")
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        with _lock(path):
            try:
                if (path / "recipe.json").is_file():
                    run = cls.open(path, trust=trust)
                    run.check_same(recipe)
                    yield run
                else:
                    yield cls(path, recipe, {})
            finally:
                if not (path / "recipe.json").exists():  # refused before it began: leave nothing behind
                    for begun in filter(_begun, path.iterdir()):
                        shutil.rmtree(begun) if begun.is_dir() else begun.unlink()
                    for folder in missing:
                        folder.rmdir()

    def check_same(self, recipe: Recipe) -> None:
        """Raises RunError where this is a run of another recipe, field by field, or of an own file that has changed since."""
        alike = dataclasses.replace(recipe, why=self.recipe.why)  # what is said of a choice is no part of it
        changed = list(differences(to_json(self.recipe), to_json(alike)))
        if changed:
            told = "; ".join(f"{place} was {_said(old)}, now {_said(new)}" for place, old, new in changed)
            raise RunError(f"run folder {self.path} holds another recipe: {told}. Choose another folder with --run")
        files = set(own_files(recipe).values())
        if files != set(self.facts.get("files", {}).values()):
            raise RunError(
                f"run folder {self.path} was made with {_named(self.facts['files'])}, which has changed; use another --run"
            )

    def at(self, checkpoint: str | int) -> Run:
        """The same run as it was at a checkpoint that is kept: "last", "best" or an image count.

        Raises RunError naming those there are.
        """
        if checkpoint == "last":
            return Run(self.path, self.recipe, self.facts)
        kept = sorted({_images_of(p) for p in self._checkpoints()})
        known = f"last or one of {', '.join(map(str, kept))}" if kept else "last"
        if checkpoint == "best":
            if self.best is None:
                raise RunError(f"run {self.path} was not scored while it trained, so none is its best checkpoint: choose {known}")
        elif not str(checkpoint).isdecimal() or int(checkpoint) not in kept:
            best = "best, " if self.best is not None else ""
            raise RunError(f"run {self.path} keeps no checkpoint {str(checkpoint)!r}: choose {best}{known}")
        return Run(self.path, self.recipe, self.facts, "best" if checkpoint == "best" else int(checkpoint))

    def begin(self, facts: dict[str, Any]) -> None:
        """Write what the run is, once; on later calls compare the machine and say what changed."""
        here = environment()
        if processes.rank() != 0:
            self.facts = facts
        elif not (self.path / "recipe.json").exists():
            self.facts = {"format": FORMAT, **facts, "files": own_files(self.recipe), "environment": here}
            with disk_errors(self.path):
                for name in FOLDERS:
                    (self.path / name).mkdir(exist_ok=True)
            write_json(self.path / "run.json", self.facts)
            write_json(self.path / "recipe.json", to_json(self.recipe))  # last: a folder with a recipe is a run
        else:
            for key in ("sample_shape", "num_real"):
                if facts[key] != self.facts[key]:
                    raise RunError(f"{self.path}: the data have changed, {key} was {self.facts[key]}, now {facts[key]}")
            then = {"framework": "torch"} | self.facts["environment"] | self.facts
            now = here | facts
            frameworks = ("framework", "torch", "tensorflow", "keras")
            for key in (*frameworks, "precision", "threads", "processor", "device", "num_processes"):
                if key in then and key in now and then[key] != now[key]:
                    logger.warning(f"{key} was {then[key]}, now {now[key]}: the run goes on, but no longer bit for bit")
            if then["framework"] != now["framework"]:
                self._changed_to(facts, then["framework"])

    def _changed_to(self, facts: dict[str, Any], before: str) -> None:
        """Write down that another framework goes on from here: "framework" trains now, "frameworks" says since when."""
        since = [*self.facts.get("frameworks", [[before, 0]]), [facts["framework"], self.images]]
        versions = {key: facts[key] for key in ("tensorflow", "keras") if key in facts}
        self.facts = self.facts | versions | {"framework": facts["framework"], "frameworks": since}
        write_json(self.path / "run.json", self.facts)

    def note(self, **facts: Any) -> None:
        """Write down more facts about the run, in place of those of the same names."""
        self.facts |= facts
        write_json(self.path / "run.json", self.facts)

    # ------------------------------------------------------------------------------------------ checkpoints

    def save(self, saved: Saved, sampler: dict[str, Tensor]) -> None:
        """Write a checkpoint and the generator, each whole or not at all, and drop the oldest checkpoints."""
        # One entry, as safetensors writes several in random order: equal checkpoints are equal bytes, under equal names.
        meta = {"gansmith": json.dumps({"format": FORMAT, "images": saved.images, "steps": saved.steps})}
        content = safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in saved.tensors.items()}, meta)
        digest = hashlib.sha256(content).hexdigest()
        weights = safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in sampler.items()})
        write(self.path / "generator" / "generator.safetensors", weights)
        about = {"format": FORMAT, "images": saved.images, "sha256": hashlib.sha256(weights).hexdigest()}
        write_json(self.path / "generator" / "generator.json", about)
        # The checkpoint last: whoever is killed in between goes on from the one before, and writes this generator again.
        write(self.path / "checkpoints" / f"{saved.images:012d}-{digest[:16]}.safetensors", content)
        best = self.best
        may_go_back = self.recipe.watch is not None and self.recipe.watch.on_trouble == "recover"
        for old in self._checkpoints()[KEPT_TO_GO_BACK if may_go_back else KEPT_CHECKPOINTS :]:
            if _images_of(old) != best:
                old.unlink(missing_ok=True)

    def latest(self) -> Saved | None:
        """The newest checkpoint that is whole; None before the first. Raises RunError where all of them are damaged."""
        return self._first_whole(self._checkpoints())

    @property
    def kept(self) -> Iterator[Saved]:
        """The checkpoints it keeps, the oldest first; damaged ones are left out."""
        for path in reversed(self._checkpoints()):
            with contextlib.suppress(RunError, SafetensorError, KeyError, ValueError):
                yield _load_checkpoint(path)

    def _first_whole(self, paths: Sequence[Path]) -> Saved | None:
        for path in paths:
            try:
                saved = _load_checkpoint(path)
            except (RunError, SafetensorError, KeyError, ValueError):
                logger.warning(f"checkpoint {path.name} is damaged; falling back to the one before")
                continue
            return saved
        if paths:
            raise RunError(f"all {len(paths)} checkpoints in {self.path} are damaged: delete the folder to start again")
        return None

    def _chosen(self) -> Saved:
        """The checkpoint of an `at` that is not the last. Raises RunError where it is gone or damaged."""
        for path in self._checkpoints():
            if _images_of(path) == self.images:
                with contextlib.suppress(RunError, SafetensorError, KeyError, ValueError):
                    return _load_checkpoint(path)
        raise RunError(f"checkpoint {self.checkpoint} of {self.path} is damaged: choose another")

    @property
    def saved(self) -> Saved:
        """Its checkpoint, the newest unless another was chosen. Raises RunError where there is none that is whole."""
        saved = self.latest() if self.checkpoint == "last" else self._chosen()
        if saved is None:
            raise RunError(f"run folder {self.path} has no checkpoint yet: train it with gansmith train {self.path}")
        return saved

    def _checkpoints(self) -> list[Path]:
        return sorted((self.path / "checkpoints").glob("*-*.safetensors"), reverse=True)

    # ------------------------------------------------------------------------------------------ what it made

    @property
    def total_images(self) -> int | None:
        return self.facts.get("total_images")

    @property
    def images(self) -> int:
        """How many real images its checkpoint, the newest unless another was chosen, has seen."""
        if isinstance(self.checkpoint, int):
            return self.checkpoint
        return (self.best or 0) if self.checkpoint == "best" else self._newest_images

    @property
    def _newest_images(self) -> int:
        return max(map(_images_of, self._checkpoints()), default=0)

    @property
    def finished(self) -> bool:
        """Whether its budget is spent, or its scores have ended it early."""
        return bool(self.total_images) and (self._newest_images >= (self.total_images or 0) or self.stopped is not None)

    @property
    def scored(self) -> dict[int, float]:
        """Its Frechet distance from the validation slice by image count, up to the newest checkpoint; infinity for no number.

        What the distance was measured with is `facts["score"]`.
        """
        return {images: value for images, value in scores_in(self.records).items() if images <= self._newest_images}

    @property
    def best(self) -> int | None:
        """The image count of the checkpoint with the lowest such distance, the first of equals; None where there is none."""
        scored, kept = self.scored, set(map(_images_of, self._checkpoints()))
        return min((images for images in scored if images in kept and scored[images] < math.inf), key=scored.get, default=None)  # type: ignore[arg-type]

    @property
    def stopped(self) -> str | None:
        """Why its scores, or the doctor, ended it before its budget was spent; None where they did not."""
        by_scores = self.recipe.scores.ends(list(self.scored.values())) if self.recipe.scores else None
        seen = [look for look in doctor.looks_in(self.records) if look["images"] <= self._newest_images]
        return by_scores or doctor.ends(self.recipe.watch, seen, self.total_images or 1)

    @property
    def has_nothing_left(self) -> bool:
        """Whether it is finished, its last checkpoint is whole and its results are written: training it would do nothing."""
        return self.finished and bool(self.results) and (saved := self.latest()) is not None and saved.images == self.images

    @cached_property
    def module(self) -> nn.Module:
        """The generator as a plain module in evaluation mode, on the CPU: noise [N, Z], and a condition [N, K + S] where it is
        told one -> samples [N, ...]."""
        shapes = self.recipe.shapes(self.facts["sample_shape"], len(self.asking.shares))
        network = build(self.recipe, shapes)["generator"]
        network.load_state_dict(self._generator_weights())
        return network.eval().requires_grad_(False)

    def _generator_weights(self) -> dict[str, Tensor]:
        if self.checkpoint != "last":
            return self._sampler_in(self._chosen())
        folder = self.path / "generator"
        if not (folder / "generator.json").is_file():
            raise RunError(f"run folder {self.path} has no generator yet: train it with gansmith train {self.path}")
        try:
            content = (folder / "generator.safetensors").read_bytes()
            if hashlib.sha256(content).hexdigest() == read_json(folder / "generator.json", "sha256")["sha256"]:
                return safetensors.torch.load(content)
        except (OSError, RunError):
            pass
        logger.warning(f"{folder / 'generator.safetensors'} is damaged; taking the generator from the newest good checkpoint")
        saved = self.latest()
        if saved is None:
            raise RunError(f"{folder / 'generator.safetensors'} is damaged and {self.path} has no checkpoint: train it again")
        return self._sampler_in(saved)

    def _sampler_in(self, saved: Saved) -> dict[str, Tensor]:
        prefix = "average/" if self.recipe.ema else "networks/generator/"
        return {k.removeprefix(prefix): v for k, v in saved.tensors.items() if k.startswith(prefix)}

    @property
    def inputs(self) -> Inputs:
        """What its samples are made from."""
        return Inputs(self.recipe.noise, self.asking.shares, self.asked_for, self.asking.sliders)

    @property
    def asking(self) -> Asking:
        """What kinds its generator can be asked for."""
        return asking_of(self.recipe, self.facts)

    def asked(self, kind: int | str) -> Run:
        """The same run, whose samples are all asked to be of one kind, given by its number or by the name of its class.

        Raises RunError where there is no such kind.
        """
        asked = self.at(self.checkpoint)
        asked.asked_for = self.asking.number(kind, f"run {self.path}")
        return asked

    @property
    def layout(self) -> Layout:
        """How its pictures are laid out: a row for each kind, where it is told of a few."""
        return layout_of(self.recipe, self.facts["sample_shape"], self.asking)

    @property
    def kind(self) -> Kind:
        """How its samples are scaled, kept and shown."""
        return kind_of(self.facts["sample_shape"], self.recipe.value_range)

    def sample(self, seed: int = 0, count: int = 16, first: int = 0) -> Gallery:
        """Samples number `first` to `first + count` of `seed`; sample i is made from (seed, i) alone.

        Raises RunError where they would not fit in memory.
        """
        size = 1 if self.kind.key == "images" else 4  # bytes a value
        if size * count * math.prod(self.facts["sample_shape"]) > source.MAX_BYTES:
            raise RunError(f"{count:,} samples don't fit in memory: ask for fewer, and for more with another seed")
        made = sampling.sample(self.module, self.inputs, self.kind, seed, count, first)
        return Gallery(made, self.kind, self.classes_asked(seed, count, first))

    def classes_asked(self, seed: int, count: int, first: int = 0) -> np.ndarray | None:
        """The classes that such samples are asked to be, int64 [count]; None where it is told no classes."""
        condition = self.recipe.condition
        is_told = condition is not None and condition.are_classes and bool(self.asking.shares)
        return self.inputs.kinds(seed, first, count) if is_told else None

    def rows(self, seed: int = 0, columns: int | None = None) -> Gallery:
        """A row for each kind: the first samples of a seed asked to be of it, with the same z in a column.

        Raises RunError where it is told no kinds, or so many that it shows no rows.
        """
        kinds, columns = self.layout.kinds, columns or self.layout.columns
        if not kinds:
            raise RunError(f"run {self.path} shows no rows: it is told no kinds, or too many")
        made = sampling.in_rows(self.module, self.inputs, self.kind, seed, kinds, columns)
        return Gallery(made, self.kind, np.repeat(kinds, columns), columns, self.layout.names)

    def walk(self, seeds: Sequence[int], steps: int = 8) -> np.ndarray:
        """From each seed's first sample to the next seed's, [len(seeds) - 1, steps + 1, ...]; see `sampling.walk`."""
        return sampling.walk(self.module, self.inputs, self.kind, seeds, steps)

    @property
    def pictures(self) -> dict[int, Path]:
        """What it drew of itself while it trained, always from the same seeds, by image count."""
        return {int(p.stem): p for p in sorted((self.path / "samples").glob("[0-9]*.png"))}

    @property
    def real_picture(self) -> Path:
        """The first real samples, drawn likewise."""
        return self.path / "samples" / "real.png"

    @property
    def report(self) -> Path:
        """Where its report goes."""
        return self.path / "report.html"

    @property
    def log(self) -> dict[str, np.ndarray]:
        """The log as arrays, one for each name, NaN where a record lacks it."""
        records = self.records
        names = dict.fromkeys(name for record in records for name in record)
        return {name: np.array([r.get(name, np.nan) for r in records], dtype=np.float64) for name in names}

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log, a record a line."""
        return read_log(self.path / "log.jsonl")

    @property
    def evaluation(self) -> Evaluation | None:
        """What was found when the run, as it is now, was evaluated with the usual settings; None where it was not."""
        try:
            found = Evaluation.load(self.path / "evaluation.json")
        except RunError:
            return None
        return found if found.images_seen == self.images else None

    def keep(self, evaluation: Evaluation) -> None:
        """Write down what an evaluation of the run as it is now found."""
        evaluation.save(self.path / "evaluation.json")

    @property
    def results(self) -> dict[str, Any]:
        """What was found at the end of the budget; empty before it."""
        path = self.path / "results.json"
        return dict(read_json(path)) if path.exists() else {}


def load(run: str | Path, *, checkpoint: str | int = "last", trust: str | Path | None = None) -> Run:
    """Open a run folder: `.sample(seed, count)`, `.module`, `.log`, `.recipe`. See `Run.open` for what it raises.

    `checkpoint` is "last", "best" or the image count of one that is kept; see `Run.at`.
    """
    return Run.open(run, trust=trust).at(checkpoint)


def sample(run: str | Path | Run, seed: int = 0, count: int = 16) -> Gallery:
    """`count` samples of a run; image i is made from (seed, i) alone."""
    return (run if isinstance(run, Run) else load(run)).sample(seed, count)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of a log; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def scores_in(records: Sequence[dict[str, Any]]) -> dict[int, float]:
    """The scores among the records of a log, by image count; infinity where the samples were no numbers."""
    return {r["images"]: math.inf if r[SCORE] is None else float(r[SCORE]) for r in records if SCORE in r}


def environment() -> dict[str, Any]:
    """What a run's last bit depends on."""
    return {
        "gansmith": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": _processor(),
        "system": platform.platform(),
    }


def _processor() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()} {torch.backends.cpu.get_cpu_capability()}"
    return f"{platform.processor() or platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process ends, however it ends."""
    import fcntl

    with disk_errors(path / ".lock"), open(path / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"run folder {path} is being trained by another process; wait for it, or choose another --run"
            ) from None
        yield


def _empty(path: Path) -> bool:
    """Whether a folder holds nothing, or nothing but a run that was never begun, which a lock tells from a namesake's files."""
    inside = list(path.iterdir())
    return not inside or ((path / ".lock").exists() and all(map(_begun, inside)))


def _begun(path: Path) -> bool:
    """Whether this is what a run leaves that ended before it had a recipe: a lock, empty folders, temporary files."""
    if path.is_dir():
        return path.name in FOLDERS and not any(path.iterdir())
    return path.name in (".lock", "run.json") or (path.name.startswith(".") and path.name.endswith(".tmp"))


def _images_of(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[0])


def _load_checkpoint(path: Path) -> Saved:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest()[:16] != path.stem.split("-")[1]:
        raise RunError(f"{path} is damaged")
    size = int.from_bytes(content[:8], "little")
    meta = json.loads(content[8 : 8 + size])["__metadata__"]
    meta = json.loads(meta["gansmith"]) if "gansmith" in meta else meta  # at first each fact was an entry of its own
    return Saved(int(meta["images"]), int(meta["steps"]), safetensors.torch.load(content))


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """A JSON object of a run, with these keys at least. Raises RunError naming the file."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"can't read {path}: {error}") from None
    missing = [key for key in keys if key not in value] if isinstance(value, dict) else ["{...}"]
    if missing:
        raise RunError(f"{path} is damaged: it has no {', '.join(missing)}; restore it, or train in another folder")
    return dict(value)


def _digest_of_file(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(f"can't read {path}: {error.strerror}") from None


def _named(files: dict[str, str]) -> str:
    return ", ".join(f"{path} (SHA-256 {digest[:12]}...)" for path, digest in files.items()) or "no file"


def _said(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, dict) else str(value.get("type", value))
