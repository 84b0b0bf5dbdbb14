"""Scores of a run's own objective: a conditional one gets the condition of the held-out samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import gansmith
from gansmith.core.errors import DataError
from gansmith.data import Digits, Samples
from gansmith.evaluation import objective_scores
from gansmith.objectives.base import Batch, Turn
from gansmith.runs.networks import condition_of, encoder_of, networks_of
from gansmith.runs.run import Run
from gansmith.sampling.inputs import one_hot
from gansmith.sampling.reconstruction import reconstruct
from support import Answer, tiny

Cli = Callable[..., Answer]

CONDITIONS = {"labels": "condition=labels", "clusters": "condition=clusters(num=4)"}
ENCODER = "networks.encoder=joined-discriminator(network=mlp-encoder(widths=[16]))"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A conditional VAE for each condition that real samples show, and one with codes, which they do not."""
    folder = tmp_path_factory.mktemp("runs")
    conditions = {**CONDITIONS, "codes": "condition=codes(num=4,continuous=1)"}
    for name, condition in conditions.items():
        recipe = tiny("vae", condition, ENCODER, "networks.generator.widths=[16]", budget="1600images")
        gansmith.train(recipe, folder / name, device="cpu")
    return {name: gansmith.load(folder / name) for name in conditions}


@pytest.fixture
def test_split() -> Samples:
    return Digits().load("test")


def test_the_condition_of_held_out_samples_is_their_label(runs: dict[str, Run], test_split: Samples) -> None:
    assert test_split.labels is not None
    found = condition_of(runs["labels"], test_split)
    assert found is not None
    assert np.array_equal(found.numpy(), one_hot(test_split.labels, 10))


def test_the_condition_of_held_out_samples_is_their_cluster(runs: dict[str, Run]) -> None:
    run, train = runs["clusters"], Digits().load("train")
    found = condition_of(run, train)
    assert found is not None
    assert found.shape == (len(train), 4)
    in_training = torch.from_numpy(one_hot(run.saved.tensors["kinds"].numpy(), 4))
    assert float((found == in_training).all(1).float().mean()) > 0.9, "mini-batch k-means stops a little short of its means"


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_conditional_objective_measures_with_the_condition(name: str, runs: dict[str, Run], test_split: Samples) -> None:
    run = runs[name]
    elbo = objective_scores.scores(run, test_split)["elbo"]
    networks, condition = networks_of(run), condition_of(run, test_split)
    real = torch.from_numpy(test_split.values).float() / 255
    torch.manual_seed(0)
    turn = Turn(0, len(real), 0.0, lambda count, _: torch.randn(count, 20))
    again = [run.recipe.objective.measure(networks, Batch(real, len(real), condition), turn)["elbo"] for _ in range(5)]
    assert elbo.value == pytest.approx(float(torch.cat(again).mean()), abs=0.6)


def test_other_labels_give_another_score(runs: dict[str, Run], test_split: Samples) -> None:
    assert test_split.labels is not None
    mistaken = dataclasses.replace(test_split, labels=(test_split.labels + 1) % 10)
    right, wrong = (objective_scores.scores(runs["labels"], samples)["elbo"].value for samples in (test_split, mistaken))
    assert right != wrong, "both are measured with the same noise"


def test_codes_are_not_seen_in_real_samples(runs: dict[str, Run], test_split: Samples) -> None:
    assert objective_scores.scores(runs["codes"], test_split) == {}
    with pytest.raises(DataError, match="real samples have no codes"):
        condition_of(runs["codes"], test_split)


def test_samples_without_labels_are_not_measured_by_a_run_with_labels(runs: dict[str, Run], test_split: Samples) -> None:
    assert objective_scores.scores(runs["labels"], dataclasses.replace(test_split, labels=None)) == {}


def test_reconstructions_use_the_condition(runs: dict[str, Run]) -> None:
    run = runs["labels"]
    found = reconstruct(run.sampler, encoder_of(run), Digits(), 8, partial(condition_of, run))
    other = reconstruct(run.sampler, encoder_of(run), Digits(), 8, lambda samples: torch.zeros(len(samples), 10))
    assert np.array_equal(found.real, other.real)
    assert not np.array_equal(found.reconstructed, other.reconstructed)


def test_the_command_reconstructs_with_the_condition(runs: dict[str, Run], tmp_path: Path, cli: Cli) -> None:
    answer = cli("explore", "reconstruct", runs["labels"].path, "--out", tmp_path / "x.png", "--count", "8")
    assert answer.code == 0, answer.err
