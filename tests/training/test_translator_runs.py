"""Translators: conditions that are source images, from training to report, on one cheap recipe."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

import gansmith
from gansmith.core.errors import DataError, RecipeError, RunError
from gansmith.core.rng import Place
from gansmith.core.user_code import load_file
from gansmith.data import Digits, Samples, Unpaired
from gansmith.drawing.strips import strip_shape, strips
from gansmith.evaluation import translations
from gansmith.evaluation.planning import Allowance
from gansmith.evaluation.results import Evaluation
from gansmith.evaluation.verdict import verdict
from gansmith.networks import ConvDiscriminator, JoinedDiscriminator, MLPDiscriminator, UnconditionalDiscriminator
from gansmith.networks.base import Shapes
from gansmith.networks.conditional import build_network
from gansmith.objectives import Adversarial, Regression
from gansmith.objectives.base import Batch, Turn
from gansmith.objectives.terms import L1, L2, Term
from gansmith.recipes import make
from gansmith.runs.run import Run
from gansmith.sampling.conditions import SourceImage
from gansmith.sampling.noise import Normal
from gansmith.training.loop import steps
from gansmith.training.monitor import Monitor
from gansmith.training.validation import Validation, validation_for
from support import Answer, assert_same_tensors, trainer

FILE = Path(__file__).parents[1] / "translators.py"
translators = load_file(FILE)
InvertedDigits, TinyTranslator, inverter = translators.InvertedDigits, translators.TinyTranslator, translators.inverter


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("translator") / "run"
    gansmith.train(inverter(budget="6400images"), path, device="cpu", trust=FILE)
    return Run.open(path, trust=FILE)


def test_it_learns_to_invert(run: Run) -> None:
    held_out = InvertedDigits().load("test")
    made = run.sample(count=len(held_out)).array
    error = np.abs(made.astype(float) - held_out.values.transpose(0, 2, 3, 1)).mean() / 255
    untranslated = np.abs(255.0 - 2 * held_out.values).mean() / 255
    assert error < 0.08 < 0.5 < untranslated


def test_the_generator_minimises_the_terms(run: Run) -> None:
    found = run.log["generator/l1"]
    assert found[-1] < 0.5 * found[0]


def test_samples_start_from_the_test_split_in_order(run: Run) -> None:
    held_out = InvertedDigits().load("test")
    one = run.sample(seed=3, count=5).array
    assert np.array_equal(one, run.sample(seed=0, count=5).array)  # there is no noise
    assert held_out.source_images is not None
    image = held_out.source_images[4].transpose(1, 2, 0)
    assert np.array_equal(run.translate(image), one[4])
    assert np.array_equal(run.sample(count=1, first=len(held_out)).array, one[:1])  # after the last, from the start


def test_a_kill_changes_nothing(tmp_path: Path) -> None:
    recipe = inverter()
    gansmith.train(recipe, tmp_path / "whole", device="cpu", trust=FILE)
    for record in itertools.islice(steps(recipe, tmp_path / "parts", device="cpu", trust=FILE), 40):
        assert record
    gansmith.train(recipe, tmp_path / "parts", device="cpu", trust=FILE)
    ends = [Run.open(tmp_path / name, trust=FILE).saved.tensors for name in ("whole", "parts")]
    assert_same_tensors(*ends)


def test_scores_use_the_validation_samples(tmp_path: Path) -> None:
    game = trainer(inverter(scores=make("default", data="digits").scores))
    assert game.validation is not None
    found = validation_for(game.recipe, game.samples, game.validation)
    assert isinstance(found, Validation)
    assert np.array_equal(found.held_out, game.validation.values)
    assert found.count == len(game.validation)  # one translation of each, not 2,000
    assert game.inputs.sources is not None
    assert np.array_equal(game.inputs.sources.images, game.validation.source_images)
    trained_on = {row.tobytes() for row in game.samples.values}
    held_out = InvertedDigits().load("test").values
    assert not trained_on & {row.tobytes() for row in (*game.validation.values, *held_out)}


def test_the_condition_belongs_to_its_sample_in_every_batch() -> None:
    game = trainer(inverter())
    for images in (0, 16, 1430):
        batch = game.read(images)
        assert batch.condition is not None
        assert torch.allclose(batch.condition[:, 0], -batch.real[:, 0], atol=1e-6)


def test_a_look_translates_the_training_samples_it_compares_with() -> None:
    game = trainer(inverter())
    monitor = Monitor(game)
    assert monitor.inputs.sources is not None
    assert np.array_equal(monitor.inputs.sources.images, 255 - np.repeat(monitor.stored.numpy(), 3, axis=1))
    signs = monitor.look()
    assert signs["finite"] == 1.0
    assert "told_apart" in signs
    assert "copied" not in signs  # a translation of a training sample is like that sample


def test_pictures_show_source_translation_and_truth(run: Run) -> None:
    assert run.picture_shape == (3, 8, 3 * (8 + 2))
    view = run.sample(count=2).view
    held_out = InvertedDigits().load("test")
    assert view is not None
    assert held_out.source_images is not None
    assert np.array_equal(view[0, :, :8], held_out.source_images[0].transpose(1, 2, 0))
    assert np.array_equal(view[0, :, 20:28, 0], held_out.values[0, 0])
    assert len(run.pictures) > 2


def test_strips_have_one_height_and_the_most_channels() -> None:
    grey, colour = np.full((2, 4, 6, 1), 7, np.uint8), np.full((2, 8, 8, 3), 9, np.uint8)
    made = strips([grey, colour])
    assert made.shape == (2, 8, 12 + 2 + 8 + 2, 3)
    assert (made[:, :, :12] == 7).all()
    assert (made[:, :, 12:14] == 255).all()
    assert (made[:, :, 14:22] == 9).all()
    assert strip_shape([(1, 4, 6), (3, 8, 8)]) == (3, 8, 24)
    alpha = strips([grey, np.zeros((2, 4, 4, 4), np.uint8)])
    assert alpha.shape[3] == 4
    assert (alpha[:, :, :6, 3] == 255).all()
    assert strips([np.zeros((1, 4, 4, 12), np.uint8)]).shape[3] == 3
    assert strips([np.zeros((1, 4, 4, 2), np.uint8)]).shape[3] == 1


def test_every_command_takes_it(run: Run, cli: Callable[..., Answer], tmp_path: Path) -> None:
    trust = ("--trust", FILE)
    assert cli("sample", run.path, "--out", tmp_path / "x.png", "--count", 6, *trust).code == 0
    assert cli("show", run.path, "--json", tmp_path / "show.json", *trust).code == 0
    networks = json.loads((tmp_path / "show.json").read_text())["networks"]
    assert networks["generator"]["layers"][-1]["output"] == [1, 8, 8]
    assert cli("doctor", run.path, *trust).code == 0
    assert cli("evaluate", run.path, *trust, "--count", 100, "--draws", 1, "--extractor", "pixels").code == 0
    page = run.report.read_text()
    assert "Interpolation" not in page  # there is no noise to interpolate
    refused = cli("explore", "interpolate", run.path, "--out", tmp_path / "i.png", *trust)
    assert refused.code == 2
    assert "no noise to interpolate" in refused.err


def test_noise_without_entries_needs_a_source_image() -> None:
    with pytest.raises(RecipeError, match=r"noise\.dim=0 .*condition=source-image"):
        dataclasses.replace(make("dcgan", data="digits"), noise=Normal(0))


def test_data_without_pairs_are_refused() -> None:
    with pytest.raises(DataError, match=r"condition source-image: the data are no pairs"):
        trainer(inverter(data=Digits()))


def test_a_network_that_takes_no_source_image_is_refused() -> None:
    networks = inverter().networks
    for name, network in {
        "generator": make("dcgan", data="digits").networks["generator"],
        "discriminator": MLPDiscriminator((8,)),
    }.items():
        with pytest.raises(RecipeError, match=rf"network '{name}': .* takes no source image: .*"):
            trainer(inverter(networks={**networks, name: network}))


def test_a_discriminator_gets_the_source_image_or_not() -> None:
    shapes = Shapes(0, (1, 8, 8), source=(3, 8, 8))
    x, source, other = torch.randn(2, 1, 8, 8), torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8)
    joined = build_network(JoinedDiscriminator(ConvDiscriminator((4,))), "discriminator", shapes)
    alone = build_network(UnconditionalDiscriminator(ConvDiscriminator((4,))), "discriminator", shapes)
    assert not torch.equal(joined(x, source), joined(x, other))
    assert torch.equal(alone(x, source), alone(x, other))
    with pytest.raises(RecipeError, match=r"4 x 4 and 8 x 8 pixels: expected equal sizes"):
        build_network(JoinedDiscriminator(ConvDiscriminator((4,))), "discriminator", Shapes(0, (1, 8, 8), source=(3, 4, 4)))


@pytest.mark.parametrize(("term", "expected"), [(L1(), 1.5), (L2(), 2.5)], ids=str)
def test_a_term_is_the_mean_difference_of_each_sample(term: Term, expected: float) -> None:
    fake, real = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.zeros(2, 2)
    turn = Turn(0, 1, 0.0, lambda count, at: torch.zeros(count, 0))
    assert term.term(fake, Batch(real, 2), turn).tolist() == [expected, 0.0]


def test_terms_are_added_with_their_weights() -> None:
    recipe = inverter()
    alone = {"networks": {"generator": recipe.networks["generator"]}, "optimizers": {"generator": recipe.optimizers["generator"]}}
    game = trainer(inverter(objective=Regression((L1(3.0), L2(5.0))), **alone))
    batch = game.read(0)
    turn = Turn(0, 1, 0.0, game.noise_at(Place()))
    fake = game.networks["generator"](turn.noise(16), batch.condition)
    found = game.players[0].loss(game.networks, batch, turn)
    expected = 3 * (fake - batch.real).abs().mean((1, 2, 3)) + 5 * (fake - batch.real).square().mean((1, 2, 3))
    assert torch.allclose(found.losses, expected)
    assert found.logs.keys() == {"l1", "l2"}


def test_the_adversarial_loss_has_its_weight() -> None:
    losses = []
    for weight in (0.0, 1.0, 2.0):
        game = trainer(inverter(objective=Adversarial(adversarial_weight=weight, generator_terms=(L1(1.0),))))
        losses.append(game.players[1].loss(game.networks, game.read(0), Turn(0, 1, 0.0, game.noise_at(Place()))).losses)
    assert torch.allclose(losses[2] - losses[1], losses[1] - losses[0], atol=1e-6)
    assert not torch.equal(losses[0], losses[1])


def test_terms_need_a_true_image() -> None:
    with pytest.raises(RecipeError, match=r"term l1 compares .* expected condition=source-image"):
        make("dcgan", ["objective.generator_terms=[l1]"], data="digits")
    with pytest.raises(RecipeError, match=r"Adversarial: l1 compares .* leave generator_fakes at none"):
        Adversarial(generator_terms=(L1(),), generator_fakes=8)


def test_source_images_are_checked() -> None:
    class Wrong:
        def load(self, split: str = "train") -> Samples:
            samples = Digits().load()
            return dataclasses.replace(samples, source_images=samples.values[:-1])

    with pytest.raises(DataError, match=re.escape("expected source_images uint8 [")):
        trainer(inverter(data=Wrong()))


def test_a_noisy_translator_gives_other_samples_for_other_seeds(tmp_path: Path) -> None:
    run = gansmith.train(inverter(noise=Normal(2), budget="320images"), tmp_path / "run", device="cpu", trust=FILE)
    assert not np.array_equal(run.sample(0, 4).array, run.sample(1, 4).array)


def test_a_gan_from_noise_does_not_translate(tmp_path: Path) -> None:
    run = gansmith.train(make("tutorial-small", ["budget=320images"], data="digits"), tmp_path / "run", device="cpu")
    with pytest.raises(RunError, match=r"makes images from noise, not from an image"):
        run.translate(np.zeros((8, 8, 1), np.uint8))


def test_the_shapes_of_a_recipe_name_the_source() -> None:
    shapes = inverter().shapes_of_data()
    assert (shapes.source, shapes.sample, shapes.noise) == ((3, 8, 8), (1, 8, 8), 0)
    assert shapes.condition_for("generator") == shapes.condition_for("discriminator") == (3, 8, 8)
    assert TinyTranslator().build(shapes)(torch.zeros(2, 0), torch.zeros(2, 3, 8, 8)).shape == (2, 1, 8, 8)
    assert isinstance(inverter().condition, SourceImage)


def test_an_evaluation_compares_with_the_truth_and_with_rivals(run: Run) -> None:
    found = gansmith.evaluate(run, extractor="pixels", count=1000, draws=3)
    held_out = InvertedDigits().load("test")
    assert found.num_fake == len(held_out)  # one of each source image
    assert found.seeds == (1000,)
    made = run.sample(count=len(held_out)).array.transpose(0, 3, 1, 2).astype(float)
    assert found.scores["l1"].value == pytest.approx(np.abs(made - held_out.values).mean() / 255)
    assert found.scores["psnr"].value > 15
    assert "ssim" not in found.scores  # 8 x 8 is too small for its window
    assert any("without SSIM: the images are too small" in note for note in found.data["notes"])
    assert found.rivals["colour-table"]["l1"] < 0.01 < found.rivals["identity"]["l1"]
    assert found.scores["fd_to_truth"].value < found.rivals["identity"]["fd_to_truth"]
    assert Evaluation.from_json(found.to_json()).rivals == found.rivals


def test_a_verdict_names_the_classical_methods_that_are_nearer(run: Run) -> None:
    found = gansmith.evaluate(run, extractor="pixels")
    (said,) = (finding for finding in found.verdict if "classical method" in finding.text)
    assert "colour-table by L1" in said.text  # a table inverts digits without an error
    assert "l1" in said.source
    beaten = dataclasses.replace(found, rivals={"identity": found.rivals["identity"]})
    texts = [finding.text for finding in verdict(beaten.to_json(), run.recipe)]
    assert not any("classical method" in text for text in texts)
    assert not any("default recipe" in text for text in texts)  # it does not translate


def test_two_sets_without_pairs_are_refused_where_pairs_are_needed(tmp_path: Path) -> None:
    for side in "ab":
        (tmp_path / side).mkdir()
        for i in range(20):
            pixels = np.random.default_rng([i, ord(side)]).integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(tmp_path / side / f"{side}{i}.png")
    data = Unpaired(str(tmp_path / "a"), str(tmp_path / "b"), size=None)
    assert not any(samples.is_paired for samples in (data.load(), data.validation(), data.batch_maker()(0, 0, 4)))
    with pytest.raises(DataError, match=r"l1 needs pairs, and the data's two sets are unpaired"):
        trainer(inverter(data=data))


@pytest.mark.parametrize("settings", [{"size": 4}, {"size": 16}])
def test_pairs_are_scored_at_their_own_size(run: Run, settings: dict[str, int]) -> None:
    plain, other = (gansmith.evaluate(run, extractor="pixels", **kwargs).scores for kwargs in ({}, settings))
    assert other["l1"].value == plain["l1"].value
    assert other["fd_to_truth"].value == plain["fd_to_truth"].value


def test_other_data_have_no_truth_for_the_runs_samples(run: Run) -> None:
    found = gansmith.evaluate(run, data="digits", extractor="pixels")
    assert "fd" in found.scores
    assert not {"l1", "fd_to_truth"} & found.scores.keys()
    assert not found.rivals


def test_a_report_measures_a_part_of_many_pairs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations, "FEW", 20)
    allowed = Allowance(1000.0)
    assert gansmith.evaluate(run, extractor="pixels", within=allowed).scores["l1"].name == "l1@20"


def test_without_a_test_split_training_pairs_are_shown_and_none_are_scored(tmp_path: Path) -> None:
    class TrainOnly(InvertedDigits):  # type: ignore[misc]
        def load(self, split: str = "train") -> Samples:
            if split == "test":
                raise DataError("there is no test split")
            return super().load(split)

    run = Run(tmp_path, inverter(data=TrainOnly()), {})
    assert run.sources is not None
    assert np.array_equal(run.sources.images, InvertedDigits().load().source_images)
    assert not translations.measure_run(run, TrainOnly().load, cast("Any", None), lambda *_: None).scores


def test_without_pairs_kept_for_validation_the_slice_is_shown_and_scored() -> None:
    class NothingKept:
        def load(self, split: str = "train") -> Samples:
            return InvertedDigits().load(split)

    game = trainer(inverter(data=NothingKept(), scores=make("default", data="digits").scores))
    found = validation_for(game.recipe, game.samples, game.validation)
    assert isinstance(found, Validation)
    assert game.inputs.sources is not None
    assert np.array_equal(cast("Any", game.inputs.sources.truth), found.held_out)
