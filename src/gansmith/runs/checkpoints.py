"""Checkpoints of a run, and the newest weights of its generator. Files are written atomically; digests reveal damage.

A checkpoint is read for a use: its tensors are copied into networks or a trainer. One that can't be read, or does not fit its
use, is damaged, and the one before is used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
from torch import Tensor, nn

from gansmith.core import user_input
from gansmith.core.component import short
from gansmith.core.errors import RunError
from gansmith.core.files import read_bytes, read_json, write, write_json
from gansmith.core.formatting import shell_word

T = TypeVar("T")
NAME = r"\d{12,}-[0-9a-f]{16}\.safetensors"  # of a checkpoint: image count, and digest of the file

FORMAT = 1  # of the files in a run folder

logger = logging.getLogger("gansmith")


class DamageError(RunError):
    """A checkpoint, or a file with weights, that is damaged. The message says how: `it has no tensor x`."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint: the state of a run after `steps` steps, with every tensor that the next step depends on."""

    images: int  # real images seen so far
    steps: int
    tensors: dict[str, Tensor]

    def with_prefix(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with a prefix, with the prefix removed."""
        return {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run, checkpoints/IMAGES-DIGEST.safetensors, and the newest weights of its generator, generator/.

    A digest is the SHA-256 of the whole file, its first 16 digits in the name.
    """

    run: Path  # the run folder

    @property
    def paths(self) -> list[Path]:
        """The files, the newest first. Other names, and folders, are ignored. Raises RunError for a folder that can't be read."""
        folder = self.run / "checkpoints"
        try:
            found = [path for path in folder.iterdir() if re.fullmatch(NAME, path.name) and path.is_file()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunError(f"can't read {folder}: {error.strerror}; restore it, or train in another folder") from None
        return sorted(found, key=lambda path: (_images_of(path), path.name), reverse=True)

    @property
    def images(self) -> list[int]:
        """The image counts of the files, the newest first."""
        return [_images_of(path) for path in self.paths]

    def write(self, saved: Checkpoint, sampler: dict[str, Tensor]) -> None:
        """Write a checkpoint, and the generator's weights `sampler`, each file atomically."""
        weights, folder = _bytes_of(sampler), self.run / "generator"
        write(folder / "generator.safetensors", weights)
        write_json(folder / "generator.json", {"format": FORMAT, "images": saved.images, "sha256": _digest(weights)})
        # The checkpoint last: a run killed in between resumes from the checkpoint before it, and writes this generator again.
        # One metadata entry, as safetensors writes several in random order: equal checkpoints are equal bytes, with equal names.
        meta = {"gansmith": json.dumps({"format": FORMAT, "images": saved.images, "steps": saved.steps})}
        content = _bytes_of(saved.tensors, meta)
        write(self.run / "checkpoints" / f"{saved.images:012d}-{_digest(content)[:16]}.safetensors", content)

    def prune(self, count: int, best: int | None, interrupted: Collection[int] = ()) -> None:
        """Delete old checkpoints. The newest, the one at image count `best`, and the newest `count` regular ones are kept.

        Checkpoints at the image counts `interrupted` are not regular: an uninterrupted run would not have them.
        """
        paths = self.paths
        kept = {*paths[:1], *[path for path in paths if _images_of(path) not in interrupted][:count]}
        for old in paths:
            if old not in kept and _images_of(old) != best:
                old.unlink(missing_ok=True)

    def latest(self) -> Checkpoint | None:
        """The newest undamaged checkpoint; None if there are none. Raises RunError if all are damaged."""
        return self.first(lambda saved: saved)

    def first(self, use: Callable[[Checkpoint], T]) -> T | None:
        """The result of `use` for the newest checkpoint that is not damaged; None if there are none.

        `use` raises DamageError for a checkpoint that does not fit. Raises RunError if all are damaged.
        """
        damaged: set[Path] = set()
        while path := next((path for path in self.paths if path not in damaged), None):
            try:
                return use(_read(path))
            except FileNotFoundError:
                continue  # a process that trains has deleted it since it was listed
            except DamageError as error:
                logger.warning(f"checkpoint {path.name} is damaged ({error}); falling back to the one before")
                damaged.add(path)
        if damaged:
            raise RunError(f"all {len(damaged)} checkpoints in {self.run} are damaged: delete the folder to start again")
        return None

    def at(self, images: int) -> Checkpoint | None:
        """The checkpoint at an image count; None if there is none, or it is damaged."""
        found = self._undamaged(path for path in self.paths if _images_of(path) == images)
        return next(found, None)

    def undamaged(self, check: Callable[[Checkpoint], None]) -> Iterator[Checkpoint]:
        """The undamaged checkpoints, the oldest first. `check` raises DamageError for one that does not fit.

        Those that training deletes meanwhile are left out.
        """
        return self._undamaged(reversed(self.paths), check)

    def _undamaged(self, paths: Iterable[Path], check: Callable[[Checkpoint], None] = lambda _: None) -> Iterator[Checkpoint]:
        for path in paths:
            try:
                saved = _read(path)
                check(saved)
                yield saved
            except FileNotFoundError:
                continue
            except DamageError as error:
                logger.warning(f"checkpoint {path.name} is damaged ({error}); leaving it out")

    def generator(self, prefix: str, use: Callable[[dict[str, Tensor]], T]) -> T:
        """The result of `use` for the newest weights of the generator, from generator/; if that file is damaged, from the newest
        undamaged checkpoint.

        In a checkpoint, the names of these weights begin with `prefix`. `use` raises DamageError for weights that do not fit.

        Raises RunError if there are none, or all files are damaged.
        """
        path = self.run / "generator" / "generator.safetensors"
        try:
            return use(self._stored_generator(path))
        except RunError as error:
            if not path.with_suffix(".json").is_file() and not self.paths:
                todo = f"train it with gansmith train {shell_word(self.run)}"
                raise RunError(f"run folder {self.run} has no generator yet: {todo}") from None
            logger.warning(f"{path} is damaged ({error}); taking the generator from the newest good checkpoint")
        found = self.first(lambda saved: (use(saved.with_prefix(prefix)),))
        if found is None:
            raise RunError(f"{path} is damaged and {self.run} has no checkpoint: train it again")
        return found[0]

    def _stored_generator(self, path: Path) -> dict[str, Tensor]:
        """The weights in generator/. Raises RunError if they are damaged."""
        for attempt in range(3):
            content = read_bytes(path)
            if _digest(content) == read_json(path.with_suffix(".json")).get("sha256"):
                return _tensors_in(content)
            time.sleep(0.1 * (attempt < 2))  # training may have replaced one of the two files and not yet the other
        raise DamageError("its SHA-256 is not the one in generator.json")


def check_tensors(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], complete: tuple[str, ...] = ()) -> None:
    """Raise DamageError unless all expected tensors are there, with the expected shapes and types.

    Of names that begin with one of `complete`, no others may be there.
    """
    for name, tensor in expected.items():
        if name not in found:
            raise DamageError(f"it has no tensor {name}")
        if (got := _form(found[name])) != (wanted := _form(tensor)):
            raise DamageError(f"tensor {name} is {got}, expected {wanted}")
    if unknown := sorted(name for name in found.keys() - expected.keys() if name.startswith(complete)):
        raise DamageError(f"tensor {unknown[0]} belongs to no layer")


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """Copy weights into a network, and return it. Raises DamageError, and copies none, if they do not fit."""
    check_tensors(weights, network.state_dict(), complete=("",))
    network.load_state_dict(dict(weights))
    return network


def _form(tensor: Tensor) -> str:
    """Type and shape of a tensor in a message: `float32 [48, 64]`."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _images_of(path: Path) -> int:
    """The image count in the name of a checkpoint."""
    return int(path.name.split("-")[0])


def _read(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises DamageError if the file is damaged, FileNotFoundError if there is none any more."""
    try:
        content = user_input.read_bytes(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamageError(f"{error.strerror or error}") from None
    if _digest(content)[:16] != path.stem.split("-")[1]:
        raise DamageError("its SHA-256 is not the one in its name")
    tensors = _tensors_in(content)
    try:
        size = int.from_bytes(content[:8], "little")
        meta = json.loads(content[8 : 8 + size])["__metadata__"]
        meta = json.loads(meta["gansmith"]) if "gansmith" in meta else meta  # the first checkpoints had one entry for each
        images, steps = int(meta["images"]), int(meta["steps"])
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError):
        raise DamageError("its header has no image count and steps") from None
    if images != _images_of(path):
        raise DamageError(f"its header says {short(images)} images")
    if not 0 <= steps <= images:
        raise DamageError(f"its header says {short(steps)} steps for {images} images")
    return Checkpoint(images, steps, tensors)


def _tensors_in(content: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file. Raises DamageError if they can't be read, or hold a NaN or infinity."""
    try:
        tensors = safetensors.torch.load(content)
    except MemoryError:
        raise
    except Exception as error:  # what the reader raises at a wrong header depends on its version
        raise DamageError(f"no safetensors: {' '.join(str(error).split())[:80]}") from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise DamageError(f"tensor {name} is not finite")  # none is ever saved so
    return tensors


def _bytes_of(tensors: dict[str, Tensor], meta: dict[str, Any] | None = None) -> bytes:
    """Tensors and metadata in the format of safetensors."""
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, meta)


def _digest(content: bytes) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()
