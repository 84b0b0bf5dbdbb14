"""A component of the user's own that returns something wrong, or ends the program, is one line that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support import Answer, assert_refused

Cli = Callable[..., Answer]

MINE = """
from typing import ClassVar

import torch

from gansmith import component


@component
class MyLoss:
    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real, fake):
        return REAL, fake

    def generator(self, real, fake):
        return FAKE


@component
class MyPenalty:
    needs_gradient: ClassVar[tuple[str, ...]] = ()

    def __call__(self, inputs, turn):
        return PENALTY


@component
class MyChange:
    for_points: ClassVar[bool] = True

    def __call__(self, samples, progress):
        return CHANGED
"""
RIGHT = {"REAL": "-real", "FAKE": "-fake", "PENALTY": "inputs.real_logits.mean(1)", "CHANGED": "samples"}
USED = ("objective.penalties+=my-penalty", "objective.augmentation=augment(operations=[my-change])", "objective.loss=my-loss")
TRAIN = ("train", "tutorial-small", "--data", "digits", "--device", "cpu", "--threads", "1", "budget=64images", "scores=none")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ()),
        ({"REAL": "real.mean()"}, ("my-loss.discriminator", "one loss for each logit", "[32, 1], got []")),
        ({"REAL": "real[:, 0]"}, ("my-loss.discriminator", "got [32]")),
        ({"REAL": "real, real"}, ("my-loss.discriminator", "got a tuple of 3")),
        ({"FAKE": "fake.mean()"}, ("my-loss.generator", "[32, 1], got []")),
        ({"FAKE": "None"}, ("my-loss.generator", "got NoneType")),
        ({"FAKE": "exit(0)"}, ("my_loss.py, line 18, failed: SystemExit: 0",)),
        ({"PENALTY": "inputs.real_logits.mean()"}, ("my-penalty: expected one loss for each sample, shape [32], got []",)),
        ({"PENALTY": "1.0"}, ("my-penalty", "got float")),
        ({"CHANGED": "samples[:3]"}, ("my-change", "shape [64, 1, 8, 8], got [3, 1, 8, 8]")),
        ({"CHANGED": "samples.numpy"}, ("my-change", "got builtin_function_or_method")),
    ],
)
def test_what_a_component_returns_is_checked(changed: dict[str, str], words: tuple[str, ...], here: Path, cli: Cli) -> None:
    content = MINE
    for name, value in (RIGHT | changed).items():
        content = content.replace(name, value)
    (here / "my_loss.py").write_text(content)
    answer = cli(*TRAIN, "objective.share=nothing", "objective.joint_batch=true", *USED, "--use", "my_loss.py", "--run", "run")
    if words:
        assert_refused(answer, *words)
    assert (here / "run").exists() == (not words)
