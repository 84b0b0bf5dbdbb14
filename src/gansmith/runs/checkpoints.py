"""Checkpoints of a run, and its newest generator alone. Each file is whole or not there, and damage is seen by its digest."""

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

FORMAT = 1  # of a run folder and of the files in it

logger = logging.getLogger("gansmith")


@dataclass(frozen=True, eq=False)
class Saved:
    """A checkpoint: how far the run was and every tensor the next step depends on."""

    images: int
    steps: int
    tensors: dict[str, Tensor]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, named without it."""
        return {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Checkpoints:
    """Those that a run folder keeps as checkpoints/IMAGES-DIGEST.safetensors, and generator/, the newest of sampling's weights.

    Each digest is of the whole file.
    """

    run: Path

    @property
    def paths(self) -> list[Path]:
        """The newest first."""
        return sorted((self.run / "checkpoints").glob("*-*.safetensors"), reverse=True)

    @property
    def images(self) -> list[int]:
        """Their image counts, the newest first."""
        return [_images_of(path) for path in self.paths]

    def write(self, saved: Saved, sampler: dict[str, Tensor]) -> None:
        """Write a checkpoint and the generator's weights, each whole or not at all."""
        weights, folder = _bytes_of(sampler), self.run / "generator"
        write(folder / "generator.safetensors", weights)
        write_json(folder / "generator.json", {"format": FORMAT, "images": saved.images, "sha256": _digest(weights)})
        # The checkpoint last: whoever is killed in between goes on from the one before, and writes this generator again.
        # One entry, as safetensors writes several in random order: equal checkpoints are equal bytes, under equal names.
        meta = {"gansmith": json.dumps({"format": FORMAT, "images": saved.images, "steps": saved.steps})}
        content = _bytes_of(saved.tensors, meta)
        write(self.run / "checkpoints" / f"{saved.images:012d}-{_digest(content)[:16]}.safetensors", content)

    def prune(self, count: int, best: int | None, passing: Collection[int] = ()) -> None:
        """Drop all but the newest, the newest `count` that are not of the image counts `passing`, and the one of `best`."""
        paths = self.paths
        kept = {*paths[:1], *[path for path in paths if _images_of(path) not in passing][:count]}
        for old in paths:
            if old not in kept and _images_of(old) != best:
                old.unlink(missing_ok=True)

    def latest(self) -> Saved | None:
        """The newest that is whole; None where there are none at all. Raises RunError where all of them are damaged."""
        paths = self.paths
        for path in paths:
            if (saved := _read(path)) is not None:
                return saved
            logger.warning(f"checkpoint {path.name} is damaged; falling back to the one before")
        if paths:
            raise RunError(f"all {len(paths)} checkpoints in {self.run} are damaged: delete the folder to start again")
        return None

    def of(self, images: int) -> Saved | None:
        """The one of an image count; None where it is gone or damaged."""
        found = (_read(path) for path in self.paths if _images_of(path) == images)
        return next((saved for saved in found if saved is not None), None)

    def whole(self) -> Iterator[Saved]:
        """Those that are not damaged, the oldest first."""
        return (saved for path in reversed(self.paths) if (saved := _read(path)) is not None)

    def generator(self, prefix: str) -> dict[str, Tensor]:
        """The newest of sampling's weights, which the checkpoints hold too, under a prefix.

        Raises RunError where there are none, or all of them are damaged.
        """
        path = self.run / "generator" / "generator.safetensors"
        if not path.with_suffix(".json").is_file():
            raise RunError(f"run folder {self.run} has no generator yet: train it with gansmith train {self.run}")
        with contextlib.suppress(OSError, RunError):
            content = path.read_bytes()
            if _digest(content) == read_json(path.with_suffix(".json"), "sha256")["sha256"]:
                return safetensors.torch.load(content)
        logger.warning(f"{path} is damaged; taking the generator from the newest good checkpoint")
        if (saved := self.latest()) is None:
            raise RunError(f"{path} is damaged and {self.run} has no checkpoint: train it again")
        return saved.under(prefix)


def _images_of(path: Path) -> int:
    return int(path.name.split("-")[0])


def _read(path: Path) -> Saved | None:
    """A checkpoint's file; None where it is damaged."""
    content = path.read_bytes()
    if _digest(content)[:16] != path.stem.split("-")[1]:
        return None
    try:
        size = int.from_bytes(content[:8], "little")
        meta = json.loads(content[8 : 8 + size])["__metadata__"]
        meta = json.loads(meta["gansmith"]) if "gansmith" in meta else meta  # at first each fact was an entry of its own
        return Saved(int(meta["images"]), int(meta["steps"]), safetensors.torch.load(content))
    except (SafetensorError, KeyError, ValueError):
        return None


def _bytes_of(tensors: dict[str, Tensor], meta: dict[str, Any] | None = None) -> bytes:
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, meta)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
