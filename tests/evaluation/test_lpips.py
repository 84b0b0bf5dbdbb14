"""LPIPS, its weights, and how they are fetched and read."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from gansmith.core.errors import DataError, SettingError
from gansmith.data import fetch, weights
from gansmith.data.origins import Unavailable
from gansmith.evaluation.extractors import lenet
from gansmith.evaluation.metrics.lpips import NETWORKS, Network, lpips

RNG = np.random.default_rng(0)


def needed(name: str) -> None:
    """Skip a test whose weights are not in the cache: 64 MB are not fetched for a test."""
    if not weights.available(name):
        pytest.skip(f"the weights of {name} are not fetched")


def picture(size: int, shift: int = 0) -> np.ndarray:
    """A picture uint8 [1, 3, size, size] that every machine computes alike: stripes, a disc and a ramp."""
    y, x = np.mgrid[:size, :size]
    disc = ((y - size // 2) ** 2 + (x - size // 2 - shift) ** 2 < (size // 4) ** 2) * 200
    return np.stack([disc, (x + shift) % 8 * 30, y * 255 // size])[None].astype(np.uint8)


# The code that gave these values gave .7219 and .1376 (alex), .5686 and .4217 (vgg) for ex_p0 and ex_p1 beside ex_ref, the
# example pictures of richzhang/PerceptualSimilarity. They were measured with PyTorch 2.13 on one thread.
@pytest.mark.parametrize(
    ("network", "expected"), [("alex", (0.102774, 0.382466, 0.811605)), ("vgg", (0.343904, 0.683368, 0.779557))]
)
def test_fixed_values(network: Network, expected: tuple[float, float, float]) -> None:
    needed(NETWORKS[network])
    found = lpips(network)
    made = np.concatenate([picture(64, 3), 255 - picture(64), np.zeros((1, 3, 64, 64), np.uint8)])
    np.testing.assert_allclose(found(made, np.repeat(picture(64), 3, 0)), expected, atol=2e-5)
    small = found(picture(28, 3), picture(28))
    assert 0 < small[0] < 1


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_the_linear_layers_are_the_authors(network: Network) -> None:
    needed(NETWORKS[network])
    package = importlib.util.find_spec("torchmetrics")
    if package is None or package.origin is None:
        pytest.skip("torchmetrics, which has a copy of the authors' files, is not installed")
    file = Path(package.origin).parent / f"functional/image/lpips_models/{network}.pth"
    theirs = torch.load(file, map_location="cpu", weights_only=True)
    for i, layer in enumerate(lpips(network).layers):
        assert torch.equal(layer, theirs[f"lin{i}.model.1.weight"].flatten())
        assert float(layer.min()) >= 0


def test_it_is_a_distance_of_pairs_that_do_not_know_each_other() -> None:
    needed("alexnet")
    found = lpips()
    one, other = (RNG.integers(0, 256, (11, 3, 40, 33), dtype=np.uint8) for _ in range(2))
    values = found(one, other)
    assert values.dtype == np.float64
    assert (values > 0).all()
    assert np.array_equal(found(other, one), values)
    assert found(one, one).tolist() == [0] * 11
    assert np.array_equal(found(one[9:], other[9:]), values[9:])


def test_other_colours() -> None:
    needed("alexnet")
    found, grey = lpips(), RNG.integers(0, 256, (2, 1, 32, 32), dtype=np.uint8)
    rgb = grey.repeat(3, 1)
    opaque = np.concatenate([rgb, np.full_like(grey, 255)], 1)
    values = found(grey, 255 - grey)
    assert np.array_equal(found(rgb, 255 - rgb), values)
    assert np.array_equal(found(opaque, np.concatenate([255 - rgb, opaque[:, 3:]], 1)), values)
    with pytest.raises(DataError, match="1, 3 or 4 channels, got 2"):
        found(rgb[:, :2], rgb[:, :2])


@pytest.mark.parametrize(("network", "size", "factor"), [("alex", 31, 1), ("alex", 8, 4), ("vgg", 16, 1), ("vgg", 1, 16)])
def test_small_images_are_enlarged_by_a_whole_factor(network: Network, size: int, factor: int) -> None:
    needed(NETWORKS[network])
    found = lpips(network)
    assert found.enlargement(size, 40) == factor
    images = RNG.integers(0, 256, (2, 3, size, 40), dtype=np.uint8)
    assert np.isfinite(found(images, 255 - images)).all()


def test_an_unknown_network() -> None:
    with pytest.raises(SettingError, match="did you mean 'alex'"):
        lpips("alexnet")  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("name", weights.DIGESTS)
def test_the_digest_is_that_of_extractors(name: str) -> None:
    needed(name)
    tensors = weights.load_weights(name)
    assert weights.digest_of(tensors) == weights.DIGESTS[name]
    assert lenet.digest_of({key: torch.from_numpy(value) for key, value in tensors.items()}) == weights.DIGESTS[name]


def test_unknown_weights() -> None:
    for ask in (weights.load_weights, weights.available):
        with pytest.raises(DataError, match="unknown weights 'vgg'; did you mean 'vgg16'"):
            ask("vgg")


class Nowhere:
    title = "nowhere"

    def download(self, names: object, folder: object) -> None:
        raise Unavailable("no connection")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and packages that can't be downloaded."""
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "cache"))
    packages = tuple(p._replace(remote=fetch.Remote(p.remote.files, (Nowhere(),))) for p in weights._PACKAGES)
    monkeypatch.setattr(weights, "_PACKAGES", packages)
    return tmp_path / "cache"


def test_without_a_connection_it_says_what_to_do(offline: Path) -> None:
    assert not weights.available("alexnet")
    with pytest.raises(DataError, match=r"can't fetch lpips-weights \(nowhere: no connection\); connect .* alexnet\.ckpt"):
        weights.load_weights("alexnet", lambda _: None)


def test_a_damaged_file_in_the_cache_is_fetched_again(offline: Path) -> None:
    (offline / "weights").mkdir(parents=True)
    (offline / "weights/alexnet.safetensors").write_bytes(b"nonsense")
    assert not weights.available("alexnet")
    with pytest.raises(DataError, match="can't fetch"):
        weights.load_weights("alexnet", lambda _: None)


def test_files_are_converted_once_and_then_removed(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"AlexNet_0": {"Conv_0": {"kernel": RNG.random((3, 2, 4, 5), np.float32), "bias": np.zeros(5, np.float32)}}}
    made |= {f"NetLinLayer_{i}": {"Conv_0": {"kernel": RNG.random((1, 1, 5, 1), np.float32)}} for i in range(5)}
    content = pickle.dumps(made)
    remote = fetch.Remote({"x.ckpt": fetch.Expected(len(content), fetch.hashlib.md5(content).hexdigest())}, (Nowhere(),))
    networks = {"alexnet": ("x.ckpt", weights._lpips("AlexNet_0", (0,)))}
    monkeypatch.setattr(weights, "_PACKAGES", (weights._Package("tiny", remote, networks),))
    (offline / "tiny").mkdir(parents=True)
    (offline / "tiny/x.ckpt").write_bytes(content)
    with pytest.raises(DataError, match="weights of alexnet are not those expected"):
        weights.load_weights("alexnet")
    monkeypatch.setitem(weights.DIGESTS, "alexnet", weights.digest_of(networks["alexnet"][1](content)))
    found = weights.load_weights("alexnet")
    assert found["features.0.weight"].shape == (5, 4, 3, 2)
    assert np.array_equal(found["features.0.weight"][1, 2], made["AlexNet_0"]["Conv_0"]["kernel"][:, :, 2, 1])
    assert not (offline / "tiny").exists()
    again = weights.load_weights("alexnet")  # from the .safetensors: there is nothing else
    assert again.keys() == found.keys()
    assert all(np.array_equal(again[key], found[key]) for key in found)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo run > /dev/null",)


@pytest.mark.parametrize("what", [Evil(), {"a": Evil()}, Path("x"), io.BytesIO()], ids=["code", "inside", "path", "object"])
def test_a_pickle_of_anything_but_arrays_is_refused(what: object) -> None:
    with pytest.raises(DataError, match="which is no array"):
        weights.unpickled(pickle.dumps(what))
    with pytest.raises(DataError, match="can't be read"):
        weights.unpickled(b"nonsense")


def test_arrays_come_out_of_a_pickle_as_they_went_in() -> None:
    array = RNG.random((2, 3), np.float32)
    for protocol in (3, 4):
        found = weights.unpickled(pickle.dumps({"a": {"b": array}}, protocol))
        assert np.array_equal(found["a"]["b"], array)
