"""Every reader that the fuzzer knows, with its examples and some hundred changed ones: a refusal of one line, or a value.

`make fuzz` does the same for longer, guided by the branches that an input takes. What it found is in FOUND.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import random
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gansmith.core.component import REGISTRY, load_all
from gansmith.core.errors import GansmithError
from support import ROOT


def _fuzzer() -> Any:
    spec = importlib.util.spec_from_file_location("fuzz", ROOT / "benchmarks/hard/fuzz.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module
    spec.loader.exec_module(module)
    return module


FUZZER = _fuzzer()
# Components with a path, and the readers in the fuzzer's table that read their files.
READERS_OF = {
    "Arrays": {"npy", "npz"},
    "Folder": {"images", "csv"},
    "Idx": {"idx"},
    "Pairs": {"images"},  # through Folder
    "Unpaired": {"images"},
}


def _header(meta: str) -> bytes:
    """A checkpoint of no tensors with this metadata."""
    header = json.dumps({"__metadata__": {"gansmith": meta}}).encode()
    return len(header).to_bytes(8, "little") + header


FOUND: list[tuple[str, bytes]] = [
    ("csv", b',"ael;file\n"1","a.png"\n'),  # a line break in the name of a column, and so in the message
    ("safetensors", b")" + bytes(7) + b"5".ljust(41)),  # a header that is a number
    ("safetensors", _header('{"images": 1e999, "steps": 1}')),
    ("safetensors", _header('{"images": 640, "steps": 1e999}')),
]


def changed(examples: list[bytes], num: int) -> Iterator[bytes]:
    """The examples, and `num` copies with bytes flipped, cut, repeated or exchanged."""
    yield from examples
    draw = random.Random(1)
    for _ in range(num):
        content = bytearray(draw.choice(examples))
        for _ in range(draw.randint(1, 4)):
            at, end = sorted((draw.randrange(len(content) + 1), draw.randrange(len(content) + 1)))
            match draw.randrange(4):
                case 0 if at < len(content):
                    content[at] = draw.choice((0, 0xFF, draw.randrange(256)))
                case 1:
                    del content[at : min(end, at + 40)]
                case 2:
                    content[at:at] = content[at:end][:200]
                case _:
                    content[at : at + 4] = draw.choice(examples)[at : at + 4]
        yield bytes(content)


@pytest.mark.parametrize("name", FUZZER.READERS)
def test_a_reader_returns_or_refuses_in_one_line(name: str, tmp_path: Path) -> None:
    load_all()
    reader = FUZZER.READERS[name]
    tracemalloc.start()
    try:
        for content in [*changed(list(reader.seeds()), 80), *(content for kind, content in FOUND if kind == name)]:
            try:
                reader.read(tmp_path, content)
            except GansmithError as error:
                FUZZER._check_message(error)
        assert tracemalloc.get_traced_memory()[1] < 2**30
    finally:
        tracemalloc.stop()


def test_every_source_of_files_has_a_reader() -> None:
    load_all()
    sources = {
        name
        for name, made in REGISTRY.items()
        if made.__module__.startswith("gansmith.data") and "path" in {field.name for field in dataclasses.fields(made)}
    }
    assert sources == READERS_OF.keys()
    assert set().union(*READERS_OF.values()) <= FUZZER.READERS.keys()
