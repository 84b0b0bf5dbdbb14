"""Statistics of one image: pictures drawn by hand, of which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from gansmith.evaluation.diagnostics.image_statistics import ABOUT, per_image
from support import digits


def of(*pictures: np.ndarray) -> dict[str, np.ndarray]:
    images = torch.from_numpy(np.stack(pictures).astype(np.uint8))
    return {name: values.numpy() for name, values in per_image(images[:, None] if images.dim() == 3 else images).items()}


def square(left: int, top: int, side: int, size: int = 16, ink: int = 255, ground: int = 0) -> np.ndarray:
    picture = np.full((size, size), ground)
    picture[top : top + side, left : left + side] = ink
    return picture


def test_every_statistic_is_explained() -> None:
    colour = per_image(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    assert set(colour) == {*ABOUT, "flat"}
    assert set(colour) - set(per_image(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))) == {"colour", "red", "blue"}


def test_light() -> None:
    found = of(square(4, 4, 8), square(0, 0, 0, ground=51))
    assert found["brightness"] == pytest.approx([0.25, 0.2])
    assert found["contrast"] == pytest.approx([np.sqrt(0.25 * 0.75), 0], abs=1e-6)
    assert found["flat"].tolist() == [0, 1]


def test_where_content_lies_and_how_large_it_is() -> None:
    found = of(square(4, 2, 4), square(4, 2, 8), square(4, 2, 4, ink=0, ground=255))
    assert found["right"] == pytest.approx([6 / 16, 8 / 16, 6 / 16])
    assert found["down"] == pytest.approx([4 / 16, 6 / 16, 4 / 16])
    assert found["area"] == pytest.approx([16 / 256, 64 / 256, 16 / 256])
    # The variance of n even places in a row is (n^2 - 1) / 12, and there are two directions.
    assert found["size"] == pytest.approx([np.sqrt(2 * (n * n - 1) / 12) / 16 for n in (4, 8, 4)])
    assert found["slant"] == pytest.approx(0, abs=1e-6)
    assert of(255 * np.eye(16))["slant"] == pytest.approx(1)
    assert of(255 * np.eye(16)[::-1])["slant"] == pytest.approx(-1)


def test_pieces_are_counted_within_each_image() -> None:
    two = np.maximum(square(1, 1, 3), square(9, 9, 3))
    assert of(square(1, 1, 3), two, np.zeros((16, 16)), two)["parts"].tolist() == [1, 2, 0, 2]


def test_coherence_is_the_correlation_of_neighbours() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64))
    smooth = 127 + 100 * np.sin(np.arange(64) / 8)[None] * np.cos(np.arange(64) / 8)[:, None]
    chequered = 255 * (np.indices((64, 64)).sum(0) % 2)
    found = of(noise, smooth, chequered)["coherence"]
    assert found[0] == pytest.approx(0, abs=0.05)
    assert found[1] == pytest.approx(np.cos(1 / 8), abs=0.02)
    assert found[2] == pytest.approx(-1, abs=1e-3)


def test_texture_moves_the_right_way() -> None:
    plain = digits(1)[:, 0].astype(float).repeat(4, 1).repeat(4, 2)[0]
    noise = np.random.default_rng(0).normal(0, 30, plain.shape)
    found = of(plain, ndimage.gaussian_filter(plain, 1.5), np.clip(plain + noise, 0, 255))
    assert found["sharpness"][1] < found["sharpness"][0] < found["sharpness"][2]
    assert found["coherence"][1] > found["coherence"][0] > found["coherence"][2]
    assert found["grain"][2] > found["grain"][0]
    assert found["specks"][0] == found["specks"][1] == 0
    assert found["specks"][2] > 0.01


def test_a_speck_stands_out_from_all_eight_neighbours() -> None:
    dot, dash = square(7, 7, 1), square(7, 7, 1)
    dash[7, 8] = 255
    assert of(dot, dash)["specks"].tolist() == pytest.approx([1 / 14**2, 0])


def test_tones() -> None:
    ramp = np.arange(256).reshape(16, 16)
    found = of(ramp, 255 * (ramp > 127), ramp // 64 * 64)
    assert (256 * found["levels"]).tolist() == [256, 2, 4]
    assert found["midtones"] == pytest.approx([0.5, 0, 0.5], abs=0.01)


def test_direction_tells_upright_lines_from_level_ones() -> None:
    stripes = 255 * (np.arange(16) // 2 % 2)[None].repeat(16, 0)
    assert of(stripes, stripes.T)["direction"].tolist() == pytest.approx([1, -1])


def test_colours() -> None:
    red = np.zeros((3, 8, 8))
    red[0] = 255
    grey = np.full((3, 8, 8), 100)
    found = of(red, grey)
    assert found["colour"].tolist() == pytest.approx([1, 0])
    assert found["red"].tolist() == pytest.approx([1, 0])
    assert found["blue"].tolist() == pytest.approx([0, 0])


def test_an_image_counts_for_itself() -> None:
    images: Tensor = torch.from_numpy(digits(40))
    together, alone = per_image(images), per_image(images[7:8])
    for name, values in together.items():
        assert values[7] == pytest.approx(float(alone[name]), rel=1e-5, abs=1e-6), name
