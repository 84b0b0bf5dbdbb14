"""Rules of reading: a recipe that was stored before a rule keeps what its run was trained with, to the last byte."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gansmith.core.component import from_json, to_json
from gansmith.core.errors import RunError
from gansmith.data import Arrays, Folder, Idx, Rare
from gansmith.runs.training_run import TrainingRun
from support import quick, refused

SOURCES = [Arrays("x.npz"), Folder("x"), Idx("x")]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)
def test_a_stored_source_without_rules_has_the_first(source: Any) -> None:
    stored = to_json(source)
    assert stored["rules"] == 2
    assert from_json(stored) == source
    del stored["rules"]
    stored.pop("range", None)
    assert from_json(stored) == dataclasses.replace(source, rules=1)


def everything(folder: Path) -> None:
    """Data of every kind that rule 2 reads in another way."""
    rng = np.random.default_rng(3)
    for i in range(12):
        for split in ("train", "val"):
            path = folder / f"classes/{split}/{i}/a.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    (folder / "splits").mkdir()
    for name in ("train", "test", "more"):
        (folder / "splits" / name).mkdir()
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / f"splits/{name}/a.png")
    clear = rng.integers(0, 256, (8, 8, 4), dtype=np.uint8)
    clear[..., 3] //= 128
    wide = rng.integers(0, 4096, (8, 8), dtype=np.uint16)
    for kind, pixels in (("wide", wide), ("clear", clear)):
        (folder / kind).mkdir()
        Image.fromarray(pixels).save(folder / kind / "a.png")
    Image.fromarray(wide).save(folder / "wide/b.tif", tiffinfo={262: 0})
    rows = [
        f"train/{i}/a.png,{name}" for i, name in enumerate(["9", "10", "b", "a", "1", "01", "-1", "2.5", "x10", "x9", "x1", "0"])
    ]
    rows += [f"val/{i}/a.png,9" for i in range(12)]
    (folder / "classes/labels.csv").write_text("\n".join(["file,label,split", *rows]))
    images, labels = rng.integers(0, 256, (6, 8, 8, 4), dtype=np.uint8), np.array([2020, 1990, 2000, 1990, 2020, 7])
    images[..., 3] //= 128
    arrays = {"images": images, "labels": labels, "val_images": images[:2], "val_labels": labels[:2]}
    np.savez(folder / "gaps.npz", **arrays)
    for name, array in (("images-idx3", images[..., 0]), ("labels-idx1", labels.astype(np.uint8))):
        content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
        (folder / f"x-{name}-ubyte.gz").write_bytes(gzip.compress(content))


# The digests of what versions without rules loaded.
BY_RULE_1: dict[str, tuple[Any, str]] = {
    "classes": (Folder("classes", rules=1), "17987835b164d7f1"),
    "table": (Folder("classes", labels="labels.csv", size=None, rules=1), "40a06521457c298e"),
    "splits": (Folder("splits", rules=1), "e81d1b312881a9f8"),
    "wide": (Folder("wide", size=None, rules=1), "7e36a451ed7bebf7"),
    "clear": (Folder("clear", size=6, rules=1), "c13c08c3e6dc9c62"),
    "gaps": (Arrays("gaps.npz", rules=1), "37935786be2fc191"),
    "idx": (Idx("x-images-idx3-ubyte.gz", rules=1), "b05f4550a16f705f"),
    "rare": (Rare(Arrays("gaps.npz", rules=1), classes=(1990,), share=1.0), "37935786be2fc191"),
}


def digest(samples: Any) -> str:
    labels = b"" if samples.labels is None else samples.labels.tobytes()
    parts = [str(samples.values.shape).encode(), samples.values.tobytes(), labels, repr(samples.classes).encode()]
    return hashlib.sha256(b"|".join(parts)).hexdigest()[:16]


@pytest.mark.parametrize("kind", BY_RULE_1)
def test_rule_1_loads_what_versions_before_it_loaded(kind: str, here: Path) -> None:
    everything(here)
    source, expected = BY_RULE_1[kind]
    samples = source.load()
    assert digest(samples) == expected
    assert samples.notes == ()
    newer = dataclasses.replace(source, of=dataclasses.replace(source.of, rules=2)) if kind == "rare" else None
    newer = newer or dataclasses.replace(source, rules=2)
    assert digest(newer.load()) != expected  # or the set would not tell the rules apart


def test_a_run_of_the_first_rules_says_how_it_goes_on(tmp_path: Path) -> None:
    older, newer = (quick(f"data=folder(path=x, rules={rules})") for rules in (1, 2))
    run = TrainingRun(tmp_path, older, {"files": {}})
    with pytest.raises(RunError, match=refused("data.rules was 1, now 2", "add data.rules=1", "--run")):
        run.check_same(newer)
    run.check_same(older)
