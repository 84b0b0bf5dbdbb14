"""Coverage-guided fuzzing of every reader of files and texts that a user names.

    make fuzz                                        every reader, 100,000 executions each
    python benchmarks/hard/fuzz.py --runs 5000 png   one reader

A reader may return or raise a GansmithError of one line. Anything else is a find: another exception, more than 2 seconds, or more
than 1 GB of memory for one input. The input is kept in `--finds`. A new reader is a line in READERS.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS = 100_000
MAX_SECONDS, MAX_MB = 2, 1024  # for one input
LONGEST_MESSAGE = 300  # characters


@dataclass(frozen=True)
class Reader:
    """A function that reads bytes, and examples of what it reads."""

    read: Callable[[Path, bytes], object]  # gets an empty folder to write the bytes into
    seeds: Callable[[], Sequence[bytes]]
    modules: str  # whose branches guide the search


def _put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


# ---------------------------------------------------------------------------------------------------- idx


def _idx(folder: Path, content: bytes) -> None:
    from gansmith.data import Idx

    name = "a-images-idx3-ubyte.gz" if content[:2] == b"\x1f\x8b" else "a-images-idx3-ubyte"
    Idx(str(_put(folder, name, content))).load()


def _idx_seeds() -> list[bytes]:
    import gzip

    images = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + bytes(24)
    return [images, gzip.compress(images, mtime=0), images[:-1], bytes([0, 0, 8, 1]) + struct.pack(">I", 3) + bytes(3)]


# ---------------------------------------------------------------------------------------------------- arrays


def _npy(folder: Path, content: bytes) -> None:
    from gansmith.data import Arrays

    Arrays(str(_put(folder, "a.npy", content))).load()


def _npz(folder: Path, content: bytes) -> None:
    """Bytes that begin with `PK` are the archive itself; others are split into the arrays of an archive with right checksums."""
    from gansmith.data import Arrays

    if not content.startswith(b"PK"):
        parts = content.split(b"|ARRAY|")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, part in zip(("images", "labels", "classes", "val_images", "val_labels"), parts, strict=False):
                archive.writestr(f"{name}.npy", part)
        content = packed.getvalue()
    source = Arrays(str(_put(folder, "a.npz", content)))
    _either(lambda: source.load(), lambda: source.load("test"))


def _either(*calls: Callable[[], object]) -> None:
    """Make all calls; each may be refused."""
    from gansmith.core.errors import GansmithError

    for call in calls:
        try:
            call()
        except GansmithError as error:
            _check_message(error)


def _saved(array: Any) -> bytes:
    import numpy as np

    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npy_seeds() -> list[bytes]:
    import numpy as np

    images, points = np.zeros((2, 3, 4, 3), np.uint8), np.zeros((3, 2), np.float32)
    return [_saved(images), _saved(points), _saved(images.astype(float)), _saved(np.array(["a", "b"]))]


def _npz_seeds() -> list[bytes]:
    import numpy as np

    images, labels, names = np.zeros((3, 2, 2), np.uint8), np.array([0, 1990, 1]), np.array(["cat", "dog"])
    file = io.BytesIO()
    np.savez(file, images=images, labels=labels)
    parts = [_saved(images), _saved(labels), _saved(names), _saved(images), _saved(labels)]
    return [file.getvalue(), b"|ARRAY|".join(parts[:2]), b"|ARRAY|".join(parts[:3]), b"|ARRAY|".join(parts)]


# ---------------------------------------------------------------------------------------------------- images


def _images(folder: Path, content: bytes) -> None:
    from gansmith.data import Folder

    _put(folder, "a.png", _with_right_checksums(content))
    source = str(folder)
    _either(Folder(source, size=8).load, Folder(source, size=8, channels=3, rules=1).load)


def _with_right_checksums(content: bytes) -> bytes:
    """A PNG whose chunks have right checksums, so that what they hold is reached; other bytes as they are."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    made, at = content[:8], 8
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        made += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        at += 12 + size
    return made


def _image_seeds() -> list[bytes]:
    import numpy as np
    from PIL import Image

    rgb = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    wide = Image.fromarray((np.arange(64, dtype=np.uint16) * 60).reshape(8, 8))
    pictures: list[tuple[Image.Image, str, dict[str, Any]]] = [
        *((rgb, name, {}) for name in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")),
        *((rgb.convert(mode), "PNG", {}) for mode in ("1", "L", "LA", "P", "RGBA")),
        *((rgb.convert(mode), "TIFF", {}) for mode in ("CMYK", "LAB", "YCbCr", "RGBA")),
        (wide, "PNG", {}),
        (wide, "TIFF", {"tiffinfo": {262: 0, 281: 4095}}),
        (wide, "TIFF", {"compression": "tiff_lzw"}),
        (rgb, "GIF", {"save_all": True, "append_images": [rgb.rotate(90)]}),
        (rgb, "TIFF", {"save_all": True, "append_images": [rgb.rotate(90)]}),
    ]
    seeds = []
    for picture, name, options in pictures:
        file = io.BytesIO()
        picture.save(file, name, **options)
        seeds.append(file.getvalue())
    return seeds


# ---------------------------------------------------------------------------------------------------- texts


def _csv(folder: Path, content: bytes) -> None:
    from gansmith.data.labelled import labels_from, numbered

    files = [folder / "a.png", folder / "b.png"]
    labels, _ = labels_from(str(_put(folder, "labels.csv", content)), folder, files)
    numbered(files, labels)


def _csv_seeds() -> list[bytes]:
    return [
        b"file,label\na.png,cat\nb.png,dog\n",
        b'label;file\n"1","a.png"\n',
        b"\xef\xbb\xbffile,label\r\na.png,10\r\nb.png,-2.5\r\n",
    ]


def _json(folder: Path, content: bytes) -> None:
    from gansmith.core.component import from_json, to_json
    from gansmith.core.files import read_json

    to_json(from_json(read_json(_put(folder, "recipe.json", content))))


def _json_seeds() -> list[bytes]:
    from gansmith.core.component import to_json
    from gansmith.recipes import make

    whole = to_json(make("tutorial-small", (), "digits"))
    return [json.dumps(value).encode() for value in (whole, whole["data"], whole["networks"], whole["optimizers"], [1, None])]


def _overrides(folder: Path, content: bytes) -> None:
    from gansmith.core.overrides import override

    override(_recipe(), content.decode("utf-8", "replace"))


_made: list[Any] = []


def _recipe() -> Any:
    if not _made:
        from gansmith.recipes import make

        _made.append(make("tutorial-small", (), "digits"))
    return _made[0]


def _override_seeds() -> list[bytes]:
    return [
        b"batch_size=64",
        b"objective.penalties+=r1(weight=5)",
        b"networks.generator.widths=[8, 16]",
        b"optimizers.generator.betas=[0.5, 0.9]",
        b"data=folder(path='x', range=[0, 4095])",
        b"budget=5m",
        b"noise=none",
        b"noise=normal(dim=4)",
    ]


# ---------------------------------------------------------------------------------------------------- checkpoints


def _safetensors(folder: Path, content: bytes) -> None:
    """A checkpoint with the right digest in its name, so that what it holds is reached."""
    from gansmith.runs.checkpoints import Checkpoints

    (folder / "checkpoints").mkdir(exist_ok=True)
    for old in (folder / "checkpoints").iterdir():
        old.unlink()
    _put(folder / "checkpoints", f"000000000640-{hashlib.sha256(content).hexdigest()[:16]}.safetensors", content)
    kept = Checkpoints(folder)
    _either(kept.latest, lambda: kept.at(640))


def _safetensors_seeds() -> list[bytes]:
    import safetensors.torch
    import torch

    tensors = {"networks/generator/0.weight": torch.zeros(2, 3), "average/0.bias": torch.zeros(2)}
    meta = {"gansmith": json.dumps({"format": 1, "images": 640, "steps": 10})}
    return [safetensors.torch.save(tensors, meta), safetensors.torch.save(tensors), safetensors.torch.save({}, meta)]


READERS: dict[str, Reader] = {
    "idx": Reader(_idx, _idx_seeds, "gansmith.data"),
    "npy": Reader(_npy, _npy_seeds, "gansmith.data numpy.lib.format numpy.lib._format_impl"),
    "npz": Reader(_npz, _npz_seeds, "gansmith.data zipfile numpy.lib.format numpy.lib._format_impl"),
    "images": Reader(_images, _image_seeds, "gansmith.data PIL"),
    "csv": Reader(_csv, _csv_seeds, "gansmith.data csv"),
    "json": Reader(_json, _json_seeds, "gansmith.core json"),
    "overrides": Reader(_overrides, _override_seeds, "gansmith.core"),
    "safetensors": Reader(_safetensors, _safetensors_seeds, "gansmith.runs safetensors json"),
}


# ---------------------------------------------------------------------------------------------------- one reader


def _check_message(error: Exception) -> None:
    """Raise AssertionError unless the message is one line of at most 300 characters."""
    message = str(error)
    assert "\n" not in message.strip(), f"several lines: {message!r}"
    assert len(message) <= LONGEST_MESSAGE, f"{len(message)} characters: {message!r}"


def fuzz(name: str, runs: int, finds: Path) -> None:
    """Fuzz one reader in this process, which ends with it."""
    import atheris

    reader = READERS[name]
    with atheris.instrument_imports(include=reader.modules.split()):
        from gansmith.core.component import load_all
        from gansmith.core.errors import GansmithError

        if name in ("json", "overrides", "safetensors"):
            load_all()
        examples = reader.seeds()
        with tempfile.TemporaryDirectory() as warm:
            for example in examples:  # imports what the reader needs, and shows that it reads its examples
                _either(lambda: reader.read(Path(warm), example))  # noqa: B023
    logging.disable(logging.CRITICAL)
    scratch = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    folder, corpus = Path(scratch.name) / "read", Path(scratch.name) / "corpus"
    folder.mkdir()
    corpus.mkdir()
    for i, example in enumerate(examples):
        (corpus / str(i)).write_bytes(example)

    def test_one(content: bytes) -> None:
        try:
            reader.read(folder, content)
        except GansmithError as error:
            _check_message(error)

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    options = [f"-runs={runs}", f"-timeout={MAX_SECONDS}", f"-rss_limit_mb={used + MAX_MB}", "-max_len=4096", "-seed=1"]
    options += [f"-artifact_prefix={finds}/{name}-", "-print_final_stats=1", "-report_slow_units=2"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], test_one)
    atheris.Fuzz()


# ---------------------------------------------------------------------------------------------------- all readers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", default=list(READERS), help=f"some of {', '.join(READERS)}; all by default")
    parser.add_argument("--runs", type=int, default=RUNS, help="executions of each reader")
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"), help="folder for inputs that a reader fails on")
    parser.add_argument("--here", action="store_true", help="fuzz in this process; used by the others")
    chosen = parser.parse_args()
    chosen.finds.mkdir(parents=True, exist_ok=True)
    if chosen.here:
        fuzz(chosen.readers[0], chosen.runs, chosen.finds)
        return 0
    failed = 0
    print(f"{'reader':<12} {'executions':>10} {'seconds':>8} {'branches':>9}  result")
    for name in chosen.readers:
        command = [sys.executable, __file__, name, "--here", "--runs", str(chosen.runs), "--finds", str(chosen.finds)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        text = done.stdout + done.stderr
        ended = re.search(r"Done (\d+) runs in (\d+) second", text)
        branches = re.findall(r"cov: (\d+)", text)
        executions, seconds = (int(ended[1]), int(ended[2])) if ended else (int((re.findall(r"#(\d+)", text) or [0])[-1]), 0)
        result = "held" if done.returncode == 0 and ended else _find_in(text)
        failed += result != "held"
        print(f"{name:<12} {executions:>10,} {seconds:>8} {(branches or ['?'])[-1]:>9}  {result}", flush=True)
    return 1 if failed else 0


def _find_in(text: str) -> str:
    """The line that says what was found."""
    lines = [line.strip() for line in text.splitlines() if re.match(r"\s*(\w+(Error|Exception|Warning)\b|==\d+==\s*ERROR)", line)]
    return (lines or text.splitlines()[-1:] or ["ended without a word"])[0][:200]


if __name__ == "__main__":
    sys.exit(main())
