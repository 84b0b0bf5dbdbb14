"""Checkpoints of a run, and the newest weights of its generator. Files are written atomically; digests reveal damage."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from gansmith.core.errors import RunError
from gansmith.core.files import read_json, write, write_json
from gansmith.core.user_input import read_bytes

FORMAT = 1  # of the files in a run folder

logger = logging.getLogger("gansmith")


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
        """The files, the newest first."""
        return sorted((self.run / "checkpoints").glob("*-*.safetensors"), reverse=True)

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
        paths = self.paths
        for path in paths:
            if (saved := _read(path)) is not None:
                return saved
            logger.warning(f"checkpoint {path.name} is damaged; falling back to the one before")
        if paths:
            raise RunError(f"all {len(paths)} checkpoints in {self.run} are damaged: delete the folder to start again")
        return None

    def at(self, images: int) -> Checkpoint | None:
        """The checkpoint at an image count; None if there is none, or it is damaged."""
        found = (_read(path) for path in self.paths if _images_of(path) == images)
        return next((saved for saved in found if saved is not None), None)

    def undamaged(self) -> Iterator[Checkpoint]:
        """The undamaged checkpoints, the oldest first."""
        return (saved for path in reversed(self.paths) if (saved := _read(path)) is not None)

    def generator(self, prefix: str) -> dict[str, Tensor]:
        """The newest weights of the generator, from generator/; if that file is damaged, from the newest undamaged checkpoint.

        In a checkpoint, the names of these weights begin with `prefix`.

        Raises RunError if there are none, or all files are damaged.
        """
        path = self.run / "generator" / "generator.safetensors"
        if not path.with_suffix(".json").is_file():
            raise RunError(f"run folder {self.run} has no generator yet: train it with gansmith train {self.run}")
        with contextlib.suppress(OSError, RunError):
            content = read_bytes(path)
            if _digest(content) == read_json(path.with_suffix(".json"), "sha256")["sha256"]:
                return safetensors.torch.load(content)
        logger.warning(f"{path} is damaged; taking the generator from the newest good checkpoint")
        if (saved := self.latest()) is None:
            raise RunError(f"{path} is damaged and {self.run} has no checkpoint: train it again")
        return saved.with_prefix(prefix)


def _images_of(path: Path) -> int:
    """The image count in the name of a checkpoint."""
    return int(path.name.split("-")[0])


def _read(path: Path) -> Checkpoint | None:
    """Read a checkpoint; None if the file is damaged."""
    content = read_bytes(path)
    if _digest(content)[:16] != path.stem.split("-")[1]:
        return None
    try:
        size = int.from_bytes(content[:8], "little")
        meta = json.loads(content[8 : 8 + size])["__metadata__"]
        meta = json.loads(meta["gansmith"]) if "gansmith" in meta else meta  # the first checkpoints had one entry for each
        return Checkpoint(int(meta["images"]), int(meta["steps"]), safetensors.torch.load(content))
    except (SafetensorError, KeyError, ValueError):
        return None


def _bytes_of(tensors: dict[str, Tensor], meta: dict[str, Any] | None = None) -> bytes:
    """Tensors and metadata in the format of safetensors."""
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, meta)


def _digest(content: bytes) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()
