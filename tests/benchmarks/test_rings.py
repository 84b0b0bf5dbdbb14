"""The pictures of losses and penalties: what is counted, and that a panel is what its seed says, interrupted or not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from support import ROOT, stop_after

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def rings():  # type: ignore[no-untyped-def]
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import rings
    finally:
        sys.path.remove(str(BENCHMARKS))
    return rings


def test_modes_and_good_points_are_counted(rings) -> None:  # type: ignore[no-untyped-def]
    reach = 3 * rings.RING.std
    found = rings.found(np.array([[1, 0], [1 + 0.99 * reach, 0], [1 + 1.01 * reach, 0], [0, 1 + 1.01 * reach]]))
    assert (found["modes"], found["high_quality"]) == (1, 0.5)
    assert found["of_each_mode"] == [0.5, 0, 0, 0, 0, 0, 0, 0]
    assert rings.found(rings.RING.load().values)["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.002)


def test_a_look_is_the_same_after_an_interruption(rings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    made, images = rings.recipe("r1", 100 * rings.BATCH, seed=0), 2 * rings.BATCH
    stop_after(made, tmp_path / "interrupted", step=2)  # between a save and its look
    one, other = (rings.look_after(made, tmp_path / name, images) for name in ("whole", "interrupted"))
    assert np.array_equal(one.fakes, other.fakes)
    assert np.array_equal(one.landscape, other.landscape)
    assert one.landscape.std() > 0


def test_every_panel_fits_its_picture(rings) -> None:  # type: ignore[no-untyped-def]
    names = [*rings.LOSSES, *rings.PENALTIES]
    assert len({str(rings.recipe(name, 1000, 0)) for name in names}) == len(names) - 1  # `none` is `non-saturating`
    assert rings.recipe("spectral norm", 1000, 0).networks["discriminator"].spectral_norm
