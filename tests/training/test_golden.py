"""Every recipe still trains to the bits that are written down in `data/golden.json`. A change that should alter training renews
them with `make golden`, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

import golden

EXPECTED = golden.known().get(golden.key())


@pytest.mark.parametrize("name", golden.NAMES)
def test_it_trains_samples_and_scores_as_it_did(name: str, tmp_path: Path) -> None:
    if EXPECTED is None:
        pytest.skip(f"no golden values for {golden.key()}: measure them on a commit you trust, with make golden")
    assert golden.digests(name, tmp_path / "run") == EXPECTED[name]


def test_every_recipe_has_its_values() -> None:
    assert golden.known()
    for values in golden.known().values():
        assert sorted(values) == sorted(golden.NAMES)
        # On the digits `faces` is `default`; no other two are the same run by mistake.
        assert len({v["checkpoint"] for v in values.values()}) == len(values) - 1
