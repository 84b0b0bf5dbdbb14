"""The same GANs in TensorFlow: against PyTorch step by step in float64, and the run folder they share.

With SGD at rate 1 a step takes the gradient away from the weights, so that equal weights after it are equal gradients.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gansmith
from gansmith.core.errors import TrainingError
from gansmith.core.overrides import override
from gansmith.export import keras as keras_module
from gansmith.networks import BatchNorm, MaxoutDiscriminator, MLPDiscriminator, MLPGenerator
from gansmith.networks.keras import KerasNetwork
from gansmith.networks.mlp import Dropout
from gansmith.networks.stack import Stack
from gansmith.objectives import Adversarial, losses
from gansmith.optim.optimizers import SGD, Adam
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from gansmith.runs.run import Run
from gansmith.training.keras import LOSSES, MIRRORED, NETWORKS, OPTIMIZERS, KerasBackend, obstacles
from gansmith.training.trainer import Trainer
from support import (
    CPU,
    Answer,
    assert_refused,
    assert_same_run,
    in_double,
    newest_checkpoint,
    python,
    quick,
    slim,
    stop_after,
    tiny,
    trainer,
    untimed_log,
    with_ema,
)

INSTALLED = importlib.util.find_spec("tensorflow") is not None and importlib.util.find_spec("keras") is not None
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own, of NumPy 2
with_tensorflow = pytest.mark.skipif(not INSTALLED, reason="TensorFlow is not installed here: make test-tensorflow")

RECIPES = [
    "goodfellow-2014",
    "tutorial-batchnorm",
    "tutorial-batchnorm-tensorflow",
    "tutorial-dropout",
    "tutorial-keras",
    "tutorial-paper",
    "tutorial-small",
]
VARIANTS: dict[str, tuple[str, ...]] = {
    "two-turns-of-d": ("goodfellow-2014", "k=2"),
    "saturating": ("goodfellow-2014", "objective.loss=saturating"),
    "least-squares": ("tutorial-paper", "objective.loss=least-squares"),
    "hinge": ("tutorial-paper", "objective.loss=hinge"),
    "shared-noise": ("tutorial-batchnorm", "objective.share=noise"),
    "judged-apart": ("tutorial-dropout", "objective.joint_batch=false"),
    "at-once-with-noise-of-their-own": ("tutorial-paper", "objective.turns=simultaneous", "objective.discriminator_fakes=40"),
    "told-labels": ("tutorial-small", "condition=labels(num=10)"),
}
NAMES = [*RECIPES, *VARIANTS, "points"]
NO_DROPOUT = ("dropout", "input_dropout")


def recipe_called(name: str, *overrides: str) -> Recipe:
    """Some twenty steps on the 8x8 digits or, for the default's fully connected variant, on points."""
    if name == "points":
        often = ("budget=1600images", "checkpoint_every=350images", "log_every=300images", "scores=none")
        recipe = make("default", ["data.num=2000", *often, *overrides], data="ring")
        return dataclasses.replace(recipe, pictures=dataclasses.replace(recipe.pictures, every="700images"))
    return tiny(*VARIANTS.get(name, (name,)), *overrides)


def undropped(recipe: Recipe) -> Recipe:
    """Without dropout, whose masks are each framework's own."""

    def without(network: Any) -> Any:
        changes: dict[str, Any] = {f.name: 0.0 for f in dataclasses.fields(network) if f.name in NO_DROPOUT}
        if isinstance(network, MaxoutDiscriminator):
            changes["start"] = 0.1  # from its own start, twenty times as small, no gradient is large enough to compare
        return dataclasses.replace(network, **changes)

    return dataclasses.replace(recipe, networks={name: without(network) for name, network in recipe.networks.items()})


def both(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> tuple[Trainer, Trainer]:
    """The same game twice in float64, in PyTorch and in TensorFlow."""
    theirs = Trainer(recipe, CPU, backend=KerasBackend)
    theirs.total_images = 100_000
    in_double(theirs, monkeypatch).backend.mirror()  # type: ignore[attr-defined]
    return in_double(trainer(recipe), monkeypatch), theirs


def with_optimizer(recipe: Recipe, text: str) -> Recipe:
    for player in recipe.optimizers:
        recipe = override(recipe, f"optimizers.{player}={text}")
    return recipe


def weights_of(game: Trainer) -> dict[str, Tensor]:
    return {k: v for k, v in game.state().tensors.items() if k.startswith(("networks/", "average/"))}


def assert_close(one: Trainer, other: Trainer, tolerance: float) -> None:
    expected, found = weights_of(one), weights_of(other)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert tensor.dtype == found[name].dtype
        worst = (tensor.double() - found[name].double()).abs().max().item()
        assert worst <= tolerance, f"{name}: {worst}"


# ---------------------------------------------------------------------------------------------------- parity


@with_tensorflow
@pytest.mark.parametrize("name", NAMES)
def test_losses_and_all_gradients_of_both_players_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = both(with_optimizer(slim(undropped(recipe_called(name))), "sgd(lr=1.0)"), monkeypatch)
    before = {k: v.clone() for k, v in weights_of(ours).items()}
    assert_close(ours, theirs, 0.0)
    a, b = ours.step(), theirs.step()
    assert a.images == b.images
    assert a.floats().keys() == b.floats().keys()
    for key, value in a.floats().items():
        assert abs(value - b[key]) <= (1e-9 if "loss" in key else 1e-6), key
    assert_close(ours, theirs, 1e-9)
    after = weights_of(ours)
    for network in ("generator", "discriminator"):
        assert any((before[k] - after[k]).abs().max() > 1e-5 for k in before if k.startswith(f"networks/{network}/"))


@with_tensorflow
@pytest.mark.parametrize("name", NAMES)
def test_200_steps_of_gradient_descent_end_at_the_same_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = with_optimizer(slim(undropped(recipe_called(name))), "sgd(lr=0.02, momentum=0.5)")
    ours, theirs = both(recipe, monkeypatch)
    for _ in range(200):
        ours.step()
        theirs.step()
    assert ours.images == theirs.images
    assert_close(ours, theirs, 1e-6)


@with_tensorflow
@pytest.mark.parametrize("name", NAMES)
def test_20_steps_of_adam_have_the_same_losses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = with_optimizer(slim(undropped(recipe_called(name))), "adam(lr=1e-3, betas=[0.5,0.999], eps=1e-7)")
    ours, theirs = both(recipe, monkeypatch)
    for _ in range(20):
        a, b = ours.step(), theirs.step()
        for player in ("generator", "discriminator"):
            assert abs(a[f"{player}/loss"] - b[f"{player}/loss"]) <= 1e-5


@with_tensorflow
@pytest.mark.parametrize("name", ["tutorial-batchnorm", "tutorial-batchnorm-tensorflow"])
def test_hundreds_of_steps_of_adam_lead_to_the_same_place(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is rounding at the first step is larger at the last, but far from what a wrong step would make of it."""
    ours, theirs = both(slim(undropped(recipe_called(name))), monkeypatch)
    for _ in range(300):
        a, b = ours.step(), theirs.step()
    for player in ("generator", "discriminator"):
        assert abs(a[f"{player}/loss"] - b[f"{player}/loss"]) <= 1e-6


@with_tensorflow
def test_adams_epsilon_stands_where_the_recipe_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an epsilon as large as the gradients, one that is added elsewhere leads elsewhere."""
    recipe = with_optimizer(slim(undropped(quick())), "adam(lr=1e-2, betas=[0.0,0.99], eps=0.1, beta2_schedule=cosine(end=0.5))")
    ours, theirs = both(recipe, monkeypatch)
    ours.total_images = theirs.total_images = 3200
    for _ in range(50):
        ours.step()
        theirs.step()
    assert_close(ours, theirs, 1e-9)


@with_tensorflow
@pytest.mark.parametrize("name", ["tutorial-batchnorm", "tutorial-batchnorm-tensorflow"])
def test_batch_norms_running_statistics_agree_after_50_steps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the ends of several epochs, whose last batches are shorter: there the unbiased variance is another multiple."""
    recipe = with_ema(with_optimizer(slim(recipe_called(name)), "sgd(lr=1e-3)"))
    ours, theirs = both(recipe, monkeypatch)
    for _ in range(50):
        ours.step()
        theirs.step()
    assert ours.images / ours.epoch_images > 3
    assert_close(ours, theirs, 1e-9)
    counted = [v for k, v in weights_of(theirs).items() if "num_batches_tracked" in k]
    assert [int(v) for v in counted] == [50] * 6  # of the network and of its average
    assert any("running_var" in k for k in weights_of(ours))


def mask_of(shape: tuple[int, ...], p: float) -> np.ndarray:
    """The same share of ones in the same places, in every framework."""
    return np.random.default_rng([*shape, int(100 * p)]).random(shape) >= p


@with_tensorflow
@pytest.mark.parametrize("name", ["tutorial-dropout", "tutorial-keras", "goodfellow-2014", "judged-apart"])
def test_with_equal_masks_dropout_is_equal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    def ours_dropped(self: Dropout, x: Tensor) -> Tensor:
        if x.device.type == "meta":
            return x
        return x * torch.from_numpy(mask_of(tuple(x.shape), self.p)) / (1 - self.p) if self.training and self.p else x

    def theirs_dropped(x: Any, rate: float, **_: Any) -> Any:
        return x * mask_of(tuple(x.shape), rate).astype(x.dtype.as_numpy_dtype) / (1 - rate)

    monkeypatch.setattr(Dropout, "forward", ours_dropped)
    monkeypatch.setattr(tf.nn.experimental, "stateless_dropout", theirs_dropped)
    recipe = with_optimizer(slim(recipe_called(name)), "sgd(lr=1.0)")
    ours, theirs = both(recipe, monkeypatch)
    plain = in_double(trainer(undropped(recipe)), monkeypatch)
    for _ in range(2):
        a, b, c = ours.step(), theirs.step(), plain.step()
        assert abs(a["discriminator/loss"] - b["discriminator/loss"]) <= 1e-9
    assert_close(ours, theirs, 1e-9)
    assert abs(a["discriminator/loss"] - c["discriminator/loss"]) > 1e-6  # something was dropped


@with_tensorflow
def test_dropout_drops_its_share_and_what_is_left_makes_up_for_it() -> None:
    import tensorflow as tf

    identity = nn.Linear(500, 500)
    nn.init.eye_(identity.weight)
    nn.init.zeros_(identity.bias)
    network = KerasNetwork(Stack(identity, Dropout(0.3)))

    def dropped(seed: int) -> np.ndarray:
        return network.train(tf.ones([400, 500]), None, lambda: np.array([seed, 0], np.int64)).numpy()

    kept = dropped(7)
    assert np.unique(kept).tolist() == pytest.approx([0.0, 1 / 0.7])
    assert abs((kept == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / kept.size)
    assert np.array_equal(kept, dropped(7))
    assert not np.array_equal(kept, dropped(8))


@with_tensorflow
def test_a_step_is_a_function_of_place_not_of_history() -> None:
    walked, placed = (Trainer(slim(recipe_called("tutorial-dropout")), CPU, backend=KerasBackend) for _ in range(2))
    for game in (walked, placed):
        game.total_images = 100_000
    for _ in range(8):
        walked.step()
    state = walked.state()
    placed.restore(dataclasses.replace(state, tensors={k: v.clone() for k, v in state.tensors.items()}))
    assert walked.step().floats() == placed.step().floats()


# ---------------------------------------------------------------------------------------------------- the run folder


def trained(recipe: Recipe, folder: Path, framework: str = "tensorflow") -> Run:
    return gansmith.train(recipe, folder, device="cpu", framework=framework)


@with_tensorflow
@pytest.mark.parametrize("name", ["tutorial-dropout", "tutorial-batchnorm", "goodfellow-2014", "two-turns-of-d", "points"])
def test_stopped_and_gone_on_equals_uninterrupted(name: str, tmp_path: Path) -> None:
    recipe = slim(recipe_called(name))
    recipe = with_ema(recipe) if name == "tutorial-batchnorm" else recipe
    trained(recipe, tmp_path / "whole")
    for step in (3, 7, 12):
        stop_after(recipe, tmp_path / "parts", step, "tensorflow")
    again = gansmith.train(recipe, tmp_path / "parts", device="cpu")  # it knows by itself in which framework it goes on
    assert again.metadata["framework"] == "tensorflow"
    if name == "points":
        assert newest_checkpoint(tmp_path / "whole").name == newest_checkpoint(tmp_path / "parts").name
    else:
        assert_same_run(tmp_path / "whole", tmp_path / "parts")


@with_tensorflow
@pytest.mark.parametrize("name", NAMES)
def test_a_run_begins_with_pytorchs_weights_noise_and_order_and_writes_the_same_folder(name: str, tmp_path: Path) -> None:
    recipe = slim(recipe_called(name, "budget=400images"))
    ours, theirs = (trained(recipe, tmp_path / framework, framework) for framework in ("torch", "tensorflow"))
    assert theirs.finished
    a, b = ours.latest(), theirs.latest()
    assert a is not None
    assert b is not None
    assert {k: (v.shape, v.dtype) for k, v in a.tensors.items()} == {k: (v.shape, v.dtype) for k, v in b.tensors.items()}
    assert (a.images, a.steps) == (b.images, b.steps)
    categories = (".png", ".npz", ".gif", ".json", ".html")
    names = [sorted(str(p.relative_to(r.path)) for p in r.path.rglob("*") if p.suffix in categories) for r in (ours, theirs)]
    assert names[0] == names[1]
    first = [(run.path / "samples" / f"{0:012d}.png").read_bytes() for run in (ours, theirs)]
    assert first[0] == first[1]
    assert [r.keys() for r in untimed_log(ours.path)] == [r.keys() for r in untimed_log(theirs.path)]
    assert ours.results.keys() == theirs.results.keys()
    assert (ours.metadata["framework"], theirs.metadata["framework"]) == ("torch", "tensorflow")
    assert theirs.metadata["tensorflow"].startswith("2.")


@with_tensorflow
@pytest.mark.parametrize(("one", "other"), [("torch", "tensorflow"), ("tensorflow", "torch")])
def test_the_other_framework_goes_on_with_weights_and_moments_and_says_so(
    one: str, other: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = slim(undropped(with_ema(recipe_called("tutorial-batchnorm"))))
    stop_after(recipe, tmp_path / "run", 6, one)
    run = trained(recipe, tmp_path / "run", other)
    assert f"framework was {one}, now {other}: the run continues, but no longer bit for bit" in caplog.text
    assert run.metadata["framework"] == other
    assert run.metadata["frameworks"] == [[one, 0], [other, 6 * 128]]
    assert Run.open(tmp_path / "run").metadata == run.metadata
    alone = trained(recipe, tmp_path / "alone", one)
    a, b = run.latest(), alone.latest()
    assert a is not None
    assert b is not None
    assert a.steps == b.steps == 13
    # Had Adam's moments or its count of steps been lost, the very first step would have led a rate away from here.
    for name, tensor in b.tensors.items():
        if name.endswith(("/exp_avg_sq", "running_mean")):
            assert torch.allclose(a.tensors[name], tensor, rtol=0.05, atol=1e-3), name
    assert [r["images"] for r in untimed_log(run.path)] == [r["images"] for r in untimed_log(alone.path)]


@with_tensorflow
@pytest.mark.parametrize(("one", "other"), [("torch", "tensorflow"), ("tensorflow", "torch")])
def test_a_step_after_crossing_over_is_the_step_it_would_have_been(one: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64: everything the next step depends on crosses over."""
    recipe = with_ema(slim(undropped(recipe_called("tutorial-batchnorm"))))
    games = dict(zip(("torch", "tensorflow"), both(recipe, monkeypatch), strict=True))
    for _ in range(5):
        games[one].step()
    games[other].restore(games[one].state())
    for _ in range(5):
        a, b = games[one].step(), games[other].step()
        assert abs(a["generator/loss"] - b["generator/loss"]) < 1e-9
    assert_close(games[one], games[other], 1e-6)


# ---------------------------------------------------------------------------------------------------- a file for Keras

LOADS = """
import os, sys
os.environ["KERAS_BACKEND"], os.environ["TF_CPP_MIN_LOG_LEVEL"] = "tensorflow", "2"
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
given = np.load(sys.argv[2])
made = model([given["z"], given["kind"]] if "kind" in given else given["z"])
np.save(sys.argv[3], made.numpy())
print("gansmith" in sys.modules)
"""


@with_tensorflow
@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
@pytest.mark.parametrize("name", ["tutorial-batchnorm", "tutorial-dropout", "tutorial-keras", "goodfellow-2014", "points"])
def test_plain_keras_makes_the_same_images_of_a_run_of_either_framework(
    name: str, framework: str, cli: Callable[..., Answer], tmp_path: Path
) -> None:
    recipe = slim(recipe_called(name, "budget=400images"))
    run = trained(recipe, tmp_path / "run", framework)
    answer = cli("export", tmp_path / "run", "--format", "keras", "--out", tmp_path / "made" / "x.keras")
    assert answer.code == 0, answer.err
    assert str(tmp_path / "made" / "x.keras") in answer.out
    given = run.sampler.inputs.rows(3, 0, 32)
    np.savez(tmp_path / "given.npz", z=given.z, **({} if given.condition is None else {"kind": given.condition}))
    answer = python(LOADS, tmp_path / "made" / "x.keras", tmp_path / "given.npz", tmp_path / "out.npy", cwd=tmp_path)
    assert answer.out.splitlines() == ["False"], answer.err
    expected = run.module(
        torch.from_numpy(given.z), None if given.condition is None else torch.from_numpy(given.condition)
    ).numpy()
    expected = expected.transpose(0, 2, 3, 1) if expected.ndim == 4 else expected
    found = np.load(tmp_path / "out.npy")
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5
    if expected.ndim == 4:
        assert np.array_equal(
            run.sampler.modality.from_model(torch.from_numpy(found.transpose(0, 3, 1, 2))), run.sample(3, 32).array
        )


@with_tensorflow
@pytest.mark.parametrize("condition", ["labels", "codes(num=4, continuous=2)"])
def test_what_a_generator_is_told_has_its_size_in_the_file(condition: str, tmp_path: Path) -> None:
    """Kinds that are as many as the data's classes, and sliders beside them, are not in the condition's own `num`."""
    import keras

    run = gansmith.train(quick(f"condition={condition}", budget="64images"), tmp_path / "run", device="cpu")
    model = keras.saving.load_model(keras_module.export(run, tmp_path / "x.keras"))
    given = run.sampler.inputs.rows(0, 0, 5)
    assert given.condition is not None
    assert [one.shape[1] for one in model.inputs] == [given.z.shape[1], given.condition.shape[1]]
    expected = run.module(torch.from_numpy(given.z), torch.from_numpy(given.condition)).numpy().transpose(0, 2, 3, 1)
    assert np.abs(np.asarray(model([given.z, given.condition])) - expected).max() <= 1e-5


@with_tensorflow
def test_a_file_gives_points_in_the_units_of_the_data(tmp_path: Path) -> None:
    import keras

    rows = np.random.default_rng(0).normal([40, 5e4, 3e-4], [12, 3e4, 2e-4], (300, 3)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=rows)
    small = ["budget=600images", "condition=none", "scores=none", "watch=none"]
    run = gansmith.train(slim(make("default", small, str(tmp_path / "x.npz"))), tmp_path / "run", device="cpu")
    model = keras.saving.load_model(keras_module.export(run, tmp_path / "x.keras"))
    found = np.asarray(model(run.sampler.inputs.rows(3, 0, 32).z))
    assert np.abs((found - run.sample(3, 32).array) / rows.std(0)).max() <= 1e-4


# ---------------------------------------------------------------------------------------------------- the command line


@with_tensorflow
def test_the_whole_way_on_the_command_line(cli: Callable[..., Answer], here: Path) -> None:
    small = ("--data", "digits", "budget=500images", "scores=none", "--run", "run")
    answer = cli("train", "tutorial-batchnorm-tensorflow", *small, "--framework", "tensorflow")
    assert answer.code == 0, answer.err
    assert "a second" in answer.err or "s an epoch" in answer.err
    assert json.loads(Path("run/run.json").read_text())["framework"] == "tensorflow"
    assert cli("train", "run").out.startswith("run is finished")
    assert cli("sample", "run", "--count", "8", "--out", "samples.npz").code == 0
    assert len(np.load("samples.npz")["images"]) == 8
    assert cli("evaluate", "run", "--count", "200", "--draws", "2", "--extractor", "pixels").code == 0
    assert cli("train", "tutorial-small", "--data", "digits", "--dry-run", "--framework", "tensorflow").code == 0


REFUSED = [
    (("starter",), ("conv-generator", "mlp-generator")),
    (("noise-critic",), ("objective is critic", "adversarial")),
    (("tutorial-small", "objective.loss=relativistic"), ("loss is relativistic", "non-saturating")),
    (("tutorial-small", "objective.loss=wasserstein"), ("loss is wasserstein",)),
    (("tutorial-small", "objective.penalties+=r1"), ("penalties is [r1]",)),
    (("tutorial-small", "objective.augmentation=augment"), ("augmentation is augment",)),
    (("tutorial-small", "condition=codes(num=10)"), ("condition is codes", "only the generator")),
    (("tutorial-small", "condition=clusters(num=4)", "objective.auxiliary=auxiliary-loss"), ("auxiliary is auxiliary-loss",)),
    (("tutorial-small", "networks.discriminator.spectral_norm=true"), ("networks.discriminator.spectral_norm is true",)),
    (("tutorial-small", "networks.discriminator.minibatch_std=4"), ("networks.discriminator.minibatch_std is 4",)),
    (("tutorial-small", "optimizers.generator=rms-prop"), ("optimizers.generator is rms-prop", "adam and sgd")),
    (("tutorial-small", "precision=bf16"), ("precision",)),
    (("tutorial-small", "compile=true"), ("compile",)),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda words: words[-1])
def test_what_is_not_the_same_there_is_refused_with_its_reason(
    words: tuple[str, ...], message: tuple[str, ...], cli: Callable[..., Answer], here: Path
) -> None:
    answer = cli("train", *words, "--data", "digits", "--framework", "tensorflow", "--run", "run")
    assert_refused(answer, "framework tensorflow", "--framework torch", *message)
    assert not Path("run").exists()


# Every field of every component that TensorFlow accepts, with a value other than its default: the place of the component in a
# recipe, and the overrides that set the field (the last of them does).
FIELDS: dict[type, tuple[str, str, dict[str, str]]] = {
    MLPGenerator: (
        "networks.generator",
        "networks.generator=mlp-generator(widths=[24])",
        {
            "widths": "[20,12]",
            "slope": "0.05",
            "batch_norm": "batch-norm",
            "dropout": "0.3",
            "end": "linear",
            "init": "glorot",
            "activation": "tanh",
        },
    ),
    BatchNorm: (
        "networks.generator.batch_norm",
        "networks.generator=mlp-generator(widths=[24,20],batch_norm=batch-norm)",
        {"eps": "0.1", "momentum": "0.3", "first": "1", "std": "0.2"},
    ),
    MLPDiscriminator: (
        "networks.discriminator",
        "networks.discriminator=mlp-discriminator(widths=[24])",
        {"widths": "[20,12]", "slope": "0.05", "dropout": "0.3", "init": "glorot", "spectral_norm": "true", "minibatch_std": "4"},
    ),
    MaxoutDiscriminator: (
        "networks.discriminator",
        "networks.discriminator=maxout-discriminator(widths=[24],dropout=0)",
        {
            "widths": "[20,12]",
            "pieces": "3",
            "input_dropout": "0.3",
            "dropout": "0.3",
            "start": "0.1",
            "init": "glorot",
            "spectral_norm": "true",
        },
    ),
    Adversarial: (
        "objective",
        "objective=adversarial",
        {
            "loss": "hinge",
            "reduction": "mean",
            "share": "noise",
            "joint_batch": "true",
            "turns": "simultaneous",
            "discriminator_turns": "2",
            "discriminator_fakes": "20",
            "generator_fakes": "20",
            "penalties": "[r1]",
            "penalty_every": "4",
            "penalty_schedule": "linear",
            "auxiliary": "auxiliary-loss",
            "generator_terms": "[l1]",
            "adversarial_weight": "0.5",
            "augmentation": "augment",
        },
    ),
    losses.NonSaturating: ("objective.loss", "objective.loss=non-saturating", {"real_label": "0.9"}),
    losses.Saturating: ("objective.loss", "objective.loss=saturating", {"real_label": "0.9"}),
    losses.LeastSquares: ("objective.loss", "objective.loss=least-squares", {}),
    losses.Hinge: ("objective.loss", "objective.loss=hinge", {}),
    Adam: (
        "optimizers.discriminator",
        "optimizers.discriminator=adam",
        {"lr": "0.01", "betas": "[0.3,0.9]", "eps": "0.1", "schedule": "linear", "beta2_schedule": "cosine(end=0.5)"},
    ),
    SGD: (
        "optimizers.discriminator",
        "optimizers.discriminator=sgd(momentum=0.5)",
        {"lr": "0.3", "momentum": "0.7", "schedule": "linear", "momentum_schedule": "linear"},
    ),
}
EACH_FIELD = [(c, f.name) for c in MIRRORED for f in dataclasses.fields(c)]
each_field = pytest.mark.parametrize(("component", "field"), EACH_FIELD, ids=lambda x: x if isinstance(x, str) else x.__name__)


def with_field(component: type, field: str) -> tuple[Recipe, Recipe]:
    """A recipe with the component, and one in which the field has another value than its default."""
    place, base, values = FIELDS[component]
    conditions = {"auxiliary": ["condition=labels"], "generator_terms": ["condition=source-image"]}
    base_recipe = override(quick(*conditions.get(field, [])), base)
    return base_recipe, override(base_recipe, f"{place}.{field}={values[field]}")


def test_every_field_of_what_is_accepted_is_tried() -> None:
    assert set(FIELDS) == set(MIRRORED) == {*NETWORKS, *LOSSES, *OPTIMIZERS, Adversarial, BatchNorm}
    for component, (_, _, values) in FIELDS.items():
        assert set(values) == {f.name for f in dataclasses.fields(component)}
        assert set(MIRRORED[component]) <= set(values)


@each_field
def test_a_field_that_is_not_mirrored_is_refused_by_name(component: type, field: str) -> None:
    base, changed = with_field(component, field)
    assert base != changed
    assert not list(obstacles(base, CPU))
    found = list(obstacles(changed, CPU))
    if field in MIRRORED[component]:
        assert not found
    else:
        assert any(f".{field} is " in obstacle for obstacle in found), found


@with_tensorflow
@each_field
def test_a_field_that_is_mirrored_leads_to_pytorchs_weights(component: type, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over ten steps, of which the schedules see a half of the run; and elsewhere than with the field's default."""
    if field not in MIRRORED[component]:
        pytest.skip("refused")
    base, changed = with_field(component, field)
    if "dropout" in field:  # masks are each framework's own: the share that is dropped is seen in another test
        pytest.skip("test_with_equal_masks_dropout_is_equal")
    ours, theirs = both(changed, monkeypatch)
    plain = in_double(trainer(base), monkeypatch)
    for game in (ours, theirs, plain):
        game.total_images = 640
        for _ in range(10):
            game.step()
    assert_close(ours, theirs, 1e-6)
    a, b = weights_of(ours), weights_of(plain)
    if field == "joint_batch":  # the same numbers, as no discriminator here has batch norm
        return
    assert a.keys() != b.keys() or any(a[k].shape != b[k].shape or (a[k] - b[k]).abs().max() > 1e-6 for k in a)


def test_a_run_of_pytorch_that_tensorflow_can_not_go_on_with_says_why(cli: Callable[..., Answer], here: Path) -> None:
    stop_after(quick("objective.penalties+=r1"), Path("run"), 2)
    before = Path("run/run.json").read_bytes()
    assert_refused(cli("train", "run", "--framework", "tensorflow"), "r1", "--framework torch")
    assert Path("run/run.json").read_bytes() == before


def test_without_the_extra_the_one_command_is_told(
    cli: Callable[..., Answer], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(quick(), Path("run"), 2)
    monkeypatch.setitem(sys.modules, "keras", None)
    for words in (("train", "run", "--framework", "tensorflow"), ("export", "run", "--out", "x.keras")):
        assert_refused(cli(*words), "pip install 'gansmith[tensorflow]'")
    assert_refused(cli("train", "run", "--framework", "jax"), "unknown framework 'jax'", "tensorflow", "torch")
    assert_refused(cli("export", "run", "--out", "x.onnx"), "x.onnx", ".keras")
    assert_refused(cli("export", "run", "--format", "onnx", "--out", "x.onnx"), "unknown format 'onnx'", "keras")


@with_tensorflow
def test_a_loss_that_is_not_finite_is_named_and_nothing_is_saved(tmp_path: Path) -> None:
    rates = ("optimizers.generator=sgd(lr=1e6)", "optimizers.discriminator=sgd(lr=1e6)")
    recipe = slim(recipe_called("tutorial-small", "objective.loss=least-squares", *rates))
    with pytest.raises(TrainingError, match=r"the loss of player '\w+' is not finite at step \d+; no checkpoint is kept"):
        trained(recipe, tmp_path / "run")


def test_pytorchs_way_imports_neither_keras_nor_tensorflow(tmp_path: Path) -> None:
    """Not even where they are installed, though TensorBoard would import them; nor do the modules that hold the Keras side."""
    code = """
import sys
import gansmith, gansmith.training.keras
from gansmith.core import component
from gansmith.objectives import Adversarial, losses
from gansmith.optim.optimizers import SGD, Adam
from gansmith.recipes import make
component.load_all()
run = gansmith.train(make("tutorial-small", ["budget=200images", "scores=none"], "digits"), sys.argv[1], device="cpu")
run.sample(0, 4)
print(sorted({name.split(".")[0] for name in sys.modules} & {"keras", "tensorflow"}))
"""
    answer = python(code, tmp_path / "run", cwd=tmp_path)
    assert answer.out.splitlines()[-1:] == ["[]"], answer.err


@with_tensorflow
def test_the_doctor_sees_the_weights_as_they_are() -> None:
    """Between two checkpoints they are in Keras's variables, and a look asks PyTorch's networks."""
    from gansmith.training.monitor import Monitor

    recipe = recipe_called("tutorial-small")
    game, plain = Trainer(recipe, CPU, backend=KerasBackend), trainer(recipe)
    game.total_images = plain.total_images
    for _ in range(3):
        game.step()
    seen = Monitor(game).look()
    plain.restore(game.state())
    assert seen == Monitor(plain).look()
    assert seen["travel_generator"] > 0
