"""Translate image files: a file, or all images in a folder, one at a time and in constant memory.

Results keep the names, formats, bit depth, transparency and colour profiles of their files. A translation that was interrupted
goes on where it stopped: images that are there already are not made again. A note in the folder says which generator made them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from typing_extensions import TypedDict

from gansmith.core import files
from gansmith.core.errors import DataError, RunError, some
from gansmith.data.image_files import SUFFIXES, BadImage
from gansmith.data.native_images import ENDINGS, encode_native, read_native
from gansmith.data.weights import digest_of
from gansmith.sampling.translation import ImageTranslator

NOTE = "translation.json"
SHOWN = 3  # bad files that a message names

Progress = Callable[[int, int], None]
"""(images done, images in all), after each image."""


class _Note(TypedDict):
    """What made the images in a folder."""

    generator: str  # SHA-256 of its weights
    seed: int


@dataclass(frozen=True)
class Translated:
    """The result of translating some files."""

    num_made: int
    num_kept: int  # were there already
    bad: tuple[str, ...] = ()  # files that can't be read, with reasons, if they are skipped


def translate_files(
    translator: ImageTranslator,
    source: Path,
    out: Path,
    seed: int = 0,
    *,
    skip_bad: bool = False,
    progress: Progress = lambda *_: None,
) -> Translated:
    """Translate an image file, or every image below a folder, into the folder `out`, under the same names.

    Everything that can be known from the files' names is checked before the first image is made.

    Args:
        source: an image file or a folder.
        out: a new folder, an empty one, or one that an earlier call with the same generator and seed has begun.
        seed: of the noise, for a generator that has any.
        skip_bad: leave out files that can't be translated.

    Raises:
        DataError: no images, files that can't be read or written, or images of another number of channels than in training.
        RunError: `out` holds something else, or can't be written. DiskError: the disk is full.
    """
    found = list(_images_below(source, out))
    if not found:
        raise DataError(f"{source} holds no images: expected files ending in {', '.join(ENDINGS)}")
    if unwritable := [str(name) for name in found if name.suffix.lower() not in ENDINGS]:
        raise DataError(
            f"{source}: {len(unwritable)} files can't be written in their format, {some(unwritable, SHOWN)}: "
            f"convert them to one of {', '.join(ENDINGS)}"
        )
    _claim(out, {"generator": digest_of(_weights(translator)), "seed": seed})
    made, kept, bad = 0, 0, []
    root = source if source.is_dir() else source.parent
    for number, name in enumerate(found, 1):
        target = out / name
        if target.is_file():
            kept += 1
        else:
            try:
                content = _translated(translator, root / name, target, seed)
            except DataError as error:
                if not skip_bad:
                    raise DataError(_advice(error)) from None
                bad.append(str(error))
            else:
                files.make_parent(target)
                files.write(target, content)
                made += 1
        progress(number, len(found))
    return Translated(made, kept, tuple(bad))


def _translated(translator: ImageTranslator, file: Path, target: Path, seed: int) -> bytes:
    """The content of the translated file. Raises DataError, which names the file, if it does not fit."""
    image = read_native(file)
    translator.check(image.colours.shape[2], str(file))
    return encode_native(image.with_colours(translator(image.colours, seed)), target)


def _advice(error: DataError) -> str:
    """The message of an error, with what can be done on this command."""
    text = f"bad image {error.file}: {error.reason}" if isinstance(error, BadImage) else str(error)
    return f"{text}; or leave such files out with --skip-bad"


def _images_below(source: Path, out: Path) -> Iterator[Path]:
    """The names of the images of a file or below a folder, sorted; what lies in `out` is left out.

    Raises DataError if there is nothing at `source`.
    """
    if source.is_file():
        yield Path(source.name)
        return
    if not source.is_dir():
        raise DataError(f"no such file or folder: {source}")
    inside = out.resolve()
    for folder, subfolders, names in os.walk(source):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and Path(folder, name).resolve() != inside)
        here = Path(folder).relative_to(source)
        yield from (here / name for name in sorted(names) if name.lower().endswith(SUFFIXES) and not name.startswith("."))


def _claim(out: Path, note: _Note) -> None:
    """Make the folder `out` with its note. Raises RunError if it holds anything but images that the same generator made."""
    path = out / NOTE
    with files.disk_errors(out):
        if out.exists() and not out.is_dir():
            raise RunError(f"{out} is no folder: choose another --out")
        if path.is_file():
            if files.read_as(path, _Note, "choose another --out") != note:
                raise RunError(f"{out} holds images that another generator or seed made: choose another --out")
            return
        if out.is_dir() and any(out.iterdir()):
            raise RunError(f"{out} is there already and not an empty folder: choose another --out")
        out.mkdir(parents=True, exist_ok=True)
    files.write_json(path, note)


def _weights(translator: ImageTranslator) -> dict[str, np.ndarray]:
    """The tensors of a generator, by name."""
    return {name: tensor.numpy(force=True) for name, tensor in translator.generator.state_dict().items()}
