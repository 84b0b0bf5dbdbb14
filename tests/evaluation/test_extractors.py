"""Feature extractors: what is shipped is what it says, and no extractor's answer depends on the batch."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gansmith.core.errors import DataError, SettingError
from gansmith.data import Digits, FashionMnist, Folder, Mnist, Ring, weights
from gansmith.data.fetch import cached
from gansmith.evaluation.extractors import NAMES, Extractor, find_extractor, lenet, training
from gansmith.evaluation.extractors.extractor import PASS, fitted
from gansmith.evaluation.extractors.inception import inception
from gansmith.recipes.base import Scores

IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (PASS + 9, 1, 28, 28), dtype=np.uint8))
SHIPPED = {
    "lenet-mnist": ("03a9a05926ced024398618769b205edc1d1fe360f515a3ed0a282972484ea6f6", "mnist", 0.994),
    "lenet-fashion": ("a820a89d4ae7c36a72510e6e6bb7db92239375deaa1954aff7994d27c66e1b7a", "fashion-mnist", 0.925),
}


def test_a_recipe_accepts_exactly_the_built_in_extractors() -> None:
    accepted = typing.get_args(typing.get_args(typing.get_type_hints(Scores)["extractor"])[0])
    assert set(accepted) == set(NAMES)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_is_frozen(name: str) -> None:
    digest, data, least = SHIPPED[name]
    extractor = lenet.shipped(name)
    path = lenet.FOLDER / f"{name}.safetensors"
    facts = lenet.metadata(path)
    assert extractor.digest == digest
    assert (extractor.name, extractor.width, extractor.tag) == (name, 84, f"{name}:{digest[:8]}")
    assert facts["command"] == f"gansmith data extractor {data}"
    assert facts["test_accuracy"] >= least
    assert facts["classes"] == list(extractor.classes or ())
    assert path.stat().st_size <= 1.5e6


@pytest.mark.parametrize("name", SHIPPED)
def test_it_knows_its_data(name: str) -> None:
    _, data, least = SHIPPED[name]
    if cached(data) is None:
        pytest.skip(f"{data} is not fetched")
    test = (Mnist() if data == "mnist" else FashionMnist()).load("test")
    said = lenet.shipped(name)(torch.from_numpy(test.values[:2000])).probabilities
    assert said is not None
    right = (said.argmax(1).numpy() == test.labels[:2000]).mean()  # type: ignore[index]
    assert right > least - 0.012
    # Probabilities mean what they say: how sure it is, is how often it is right.
    assert abs(float(said.max(1).values.mean()) - right) < 0.02


def extractors() -> list[Extractor]:
    return [lenet.shipped("lenet-mnist"), find_extractor("pixels", Mnist(), (1, 28, 28))]


@pytest.mark.parametrize("extractor", extractors(), ids=lambda e: e.name)
def test_a_row_is_the_same_in_every_batch(extractor: Extractor) -> None:
    whole = extractor(IMAGES)
    assert whole.features.shape == (len(IMAGES), extractor.width)
    assert whole.features.dtype == torch.float32
    for start in (0, PASS):
        part = extractor(IMAGES[start : start + 9])
        assert torch.equal(part.features, whole.features[start : start + 9])
    moved = extractor(IMAGES.flip(0)).features.flip(0)
    torch.testing.assert_close(moved, whole.features, rtol=1e-5, atol=1e-5)
    if whole.probabilities is not None:
        torch.testing.assert_close(whole.probabilities.sum(1), torch.ones(len(IMAGES)))


def test_colours_and_sizes_are_fitted_inside() -> None:
    extractor = lenet.shipped("lenet-mnist")
    grey = extractor(IMAGES[:4]).features
    torch.testing.assert_close(extractor(IMAGES[:4].repeat(1, 3, 1, 1)).features, grey, rtol=1e-4, atol=1e-4)
    large = IMAGES[:4].repeat_interleave(4, 2).repeat_interleave(4, 3)
    shrunk = fitted(large, 1, 28)
    assert shrunk.shape == (4, 1, 28, 28)
    assert float((shrunk - IMAGES[:4] / 255).abs().mean()) < 0.15  # averaged, not picked: a picked pixel would alias
    flat = torch.full((1, 1, 56, 112), 100, dtype=torch.uint8)
    torch.testing.assert_close(fitted(flat, 1, 28), torch.full((1, 1, 28, 28), 100 / 255))


def test_the_digest_is_of_the_weights_alone() -> None:
    weights = {"a": torch.arange(4.0), "b": torch.zeros(2, 3)}
    digest = lenet.digest_of(weights)
    assert lenet.digest_of(dict(reversed(weights.items()))) == digest
    assert lenet.digest_of({**weights, "b": torch.zeros(3, 2)}) != digest
    assert lenet.digest_of({**weights, "a": torch.arange(4.0) + 1}) != digest


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    content = (lenet.FOLDER / "lenet-mnist.safetensors").read_bytes()
    for damaged in (content[:1000], content[:-1] + bytes([content[-1] ^ 1]), b""):
        (tmp_path / "x.safetensors").write_bytes(damaged)
        with pytest.raises(DataError, match=r"x\.safetensors.*gansmith data extractor"):
            lenet.load(tmp_path / "x.safetensors")


# ------------------------------------------------------------------------------------------------------------ training


def test_training_is_a_function_of_the_seed_and_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "AVERAGE", 0.9)  # as there are few steps
    monkeypatch.setattr(training, "BATCH", 50)
    digits = Digits(size=28).load("train")
    images, labels = digits.values[:500], digits.labels[:500]  # type: ignore[index]
    sharp = training.Phase(1, 1e-3, training.Variation(shift=1, whole=True))
    first = training.Phase(8, 2e-2, training.Variation(degrees=5, shift=1))
    settings = training.Settings("small", Digits(size=28), (4, 8, 8), first, sharp)
    state = torch.get_rng_state()
    net = training.fit(images, labels, settings)
    assert torch.equal(torch.get_rng_state(), state)
    assert training.accuracy(net, digits.values[500:], digits.labels[500:]) > 0.7  # type: ignore[index]
    short = dataclasses.replace(settings, first=dataclasses.replace(first, epochs=1))
    nets = (training.fit(images[:100], labels[:100], dataclasses.replace(short, seed=s)) for s in (1, 1, 2))
    one, again, other = (lenet.digest_of(net.state_dict()) for net in nets)
    assert one == again != other


def test_folding_batch_norm_changes_no_answer() -> None:
    torch.manual_seed(0)
    model = training.Trainee((4, 8, 8), 10)
    model.train()
    for _ in range(3):
        model(torch.rand(20, 1, 28, 28))
    for norm in (*model.norms, model.last_norm):
        nn.init.normal_(norm.weight)  # type: ignore[arg-type]
        nn.init.normal_(norm.bias)  # type: ignore[arg-type]
    model.eval()
    x = torch.rand(20, 1, 28, 28)
    torch.testing.assert_close(model.folded()(x)[1], model(x)[1], rtol=1e-4, atol=1e-4)


def test_varied_images_stay_near_and_mirrors_turn_half_of_them() -> None:
    image = torch.zeros(400, 1, 28, 28)
    image[:, :, 10:18, 4:10] = 1  # on the left
    torch.manual_seed(0)
    plain = training.vary(image, training.Variation(degrees=10, scale=0.1, shift=2))
    mirrored = training.vary(image, training.Variation(shift=2, mirror=True))
    left = [float((x[:, :, :, :14].sum((1, 2, 3)) > x[:, :, :, 14:].sum((1, 2, 3))).float().mean()) for x in (plain, mirrored)]
    assert left[0] == 1
    assert 0.4 < left[1] < 0.6
    assert not torch.equal(plain[0], plain[1])
    torch.testing.assert_close(training.vary(image[:2], training.Variation()), image[:2])
    moved = training.vary(image, training.Variation(shift=1, mirror=True, whole=True))
    assert float((moved - moved.round()).abs().max()) < 1e-4  # nothing between black and white: no edge is blurred
    assert len({float(x.argmax()) for x in moved.flatten(1)}) > 9


def test_an_extractor_for_which_there_is_no_data() -> None:
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        training.make("mnst")


# ------------------------------------------------------------------------------------------------------------- choosing


@pytest.mark.parametrize(
    ("source", "shape", "name"),
    [
        (Mnist(), (1, 28, 28), "lenet-mnist"),
        (Mnist(size=32, channels=3), (3, 32, 32), "lenet-mnist"),
        (FashionMnist(), (1, 28, 28), "lenet-fashion"),
        (Digits(), (1, 8, 8), "pixels"),
        (Folder("x"), (3, 16, 16), "pixels"),
        (Folder("x"), (3, 64, 64), "efficientnet-lite0"),
        (Ring(), (2,), "points"),
    ],
)
def test_the_extractor_for_each_kind_of_data(source: object, shape: tuple[int, ...], name: str) -> None:
    if name == "efficientnet-lite0":
        pytest.importorskip("efficientnet_lite_pytorch")
    assert find_extractor(None, source, shape).name == name  # type: ignore[arg-type]


def test_points_are_their_own_features_and_know_their_mode() -> None:
    found = find_extractor(None, Ring(), (2,))(torch.from_numpy(Ring(num=500).load().values))
    assert torch.equal(found.features, torch.from_numpy(Ring(num=500).load().values))
    assert found.probabilities is not None
    assert np.array_equal(found.probabilities.argmax(1).numpy(), Ring(num=500).load().labels)


def test_efficientnet_sees_colour_and_any_batch() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    extractor = find_extractor("efficientnet-lite0", Folder("x"), (3, 32, 32))
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8))
    found = extractor(images)
    assert found.features.shape == (3, 1280)
    assert torch.equal(extractor(images[:1]).features, found.features[:1])
    assert extractor.digest.startswith("c6994673")
    assert float((extractor(images.flip(1)).features - found.features).abs().max()) > 0.01


def test_mobilenet_sees_colour_and_any_batch() -> None:
    if not weights.available("mobilenet-v2"):
        pytest.skip("the weights of mobilenet-v2 are not fetched")
    extractor = find_extractor("mobilenet-v2", Folder("x"), (3, 32, 32))
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8))
    found = extractor(images)
    assert found.features.shape == (3, 1280)
    assert torch.equal(extractor(images[:1]).features, found.features[:1])
    assert extractor.tag == f"mobilenet-v2:{weights.DIGESTS['mobilenet-v2'][:8]}"
    assert float((extractor(images.flip(1)).features - found.features).abs().max()) > 0.01


def test_a_network_of_the_users_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.line = torch.nn.Linear(64, 5)\n"
        "    def forward(self, x):\n        y = x.flatten(1)\n        return y, self.line(y)\n"
        "def net():\n    return Net()\n"
    )
    one, other = (find_extractor(f"{file}:net", Digits(), (1, 8, 8)) for _ in range(2))
    assert one.digest == other.digest
    assert (one.width, one.name, one.classes) == (64, "mine.py:net", ("0", "1", "2", "3", "4"))
    images = torch.from_numpy(Digits().load("test").values[:5])
    assert torch.equal(one(images).features, images.flatten(1) / 255)
    file.write_text(file.read_text() + "# changed\n")
    assert find_extractor(f"{file}:net", Digits(), (1, 8, 8)).digest != one.digest


# ------------------------------------------------------------------------------------------------------------ Inception


def test_inception_needs_its_library_and_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(SettingError, match=r"pip install 'gansmith\[inception\]'"):
        inception(str(tmp_path / "w.pth"))

    class Stand(nn.Module):
        """What torch-fidelity's network looks like from outside."""

        def __init__(self, name: str, features: list[str], path: str) -> None:
            super().__init__()
            assert features == ["2048", "logits_unbiased"]
            self.weights = torch.load(path, weights_only=True)["w"]

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            assert x.dtype == torch.uint8
            assert x.shape[1] == 3
            mean = x.float().mean((2, 3))
            return mean.repeat(1, 683)[:, :2048] * self.weights, mean.repeat(1, 336)

    module = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = Stand  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(DataError, match="no such file"):
        inception(str(tmp_path / "w.pth"))
    (tmp_path / "bad.pth").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"bad\.pth holds no Inception-v3 weights"):
        inception(str(tmp_path / "bad.pth"))
    torch.save({"w": torch.tensor(2.0)}, tmp_path / "w.pth")
    extractor = find_extractor(f"inception:{tmp_path / 'w.pth'}", Mnist(), (1, 28, 28))
    found = extractor(torch.full((3, 1, 28, 28), 7, dtype=torch.uint8))
    assert torch.equal(found.features, torch.full((3, 2048), 14.0))
    assert found.probabilities is not None
    assert found.probabilities.shape == (3, 1008)
    torch.save({"w": Path("x")}, tmp_path / "code.pth")  # a pickle that is more than tensors is never run
    with pytest.raises(DataError, match=r"code\.pth holds no"):
        inception(str(tmp_path / "code.pth"))
