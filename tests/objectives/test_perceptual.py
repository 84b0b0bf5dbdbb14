"""Perceptual features: frozen, differentiable, and never the network that judges."""

from __future__ import annotations

import sys

import pytest
import torch

from gansmith.core.errors import RecipeError, SettingError
from gansmith.data import weights
from gansmith.evaluation.metrics.lpips import NETWORKS
from gansmith.networks import pretrained
from gansmith.objectives.perceptual import LAYERS, PerceptualFeatures, perceptual_features

SHAPES = {
    "efficientnet-lite0": [(16, 32), (24, 16), (40, 8), (112, 4), (320, 2)],
    "vgg16": [(64, 64), (128, 32), (256, 16), (512, 8), (512, 4)],
}


def made(network: str, *layers: str) -> PerceptualFeatures:
    if network == "efficientnet-lite0":
        pytest.importorskip("efficientnet_lite_pytorch")
    elif not weights.available(network):
        pytest.skip(f"the weights of {network} are not fetched")
    return perceptual_features(network, layers or None)  # type: ignore[arg-type]


def images(size: int = 64, channels: int = 3) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(2, channels, size, size) * 2 - 1


@pytest.mark.parametrize("network", LAYERS)
def test_maps_of_every_layer(network: str) -> None:
    found = made(network)
    maps = found(images())
    assert found.layers == LAYERS[network]
    assert [tuple(m.shape) for m in maps] == [(2, width, side, side) for width, side in SHAPES[network]]
    one = made(network, LAYERS[network][1])
    assert torch.equal(one(images())[0], maps[1])
    assert sum(p.numel() for p in one.parameters()) < sum(p.numel() for p in found.parameters()) / 10


@pytest.mark.parametrize("network", LAYERS)
def test_gradients_flow_to_the_images_and_never_to_the_weights(network: str) -> None:
    found = made(network, LAYERS[network][1])
    before = {name: value.clone() for name, value in found.state_dict().items()}
    x = images().requires_grad_()
    trained = torch.nn.Sequential(found).train()  # what a module that holds it does
    trained(x)[0].square().mean().backward()
    assert x.grad is not None
    assert float(x.grad.abs().min()) >= 0
    assert float(x.grad.abs().sum()) > 0
    assert not any(module.training for module in found.modules())
    assert not [p for p in trained.parameters() if p.requires_grad]
    assert all(torch.equal(value, before[name]) for name, value in found.state_dict().items())


@pytest.mark.parametrize("network", LAYERS)
def test_grey_is_repeated_and_small_images_are_refused(network: str) -> None:
    found = made(network)
    grey = images(channels=1)
    assert all(torch.equal(a, b) for a, b in zip(found(grey), found(grey.repeat(1, 3, 1, 1)), strict=True))
    assert found(images(found.least))[-1].shape[2:] == (1, 1)
    with pytest.raises(RecipeError, match=rf"needs images of {found.least} pixels a side, got .*: take finer layers"):
        found(images(found.least - 1))
    with pytest.raises(RecipeError, match=r"got \[2, 4, 64, 64\]"):
        found(images(channels=4))


@pytest.mark.parametrize("network", LAYERS)
def test_every_layer_takes_the_size_that_it_says(network: str) -> None:
    for layer in LAYERS[network]:
        found = made(network, layer)
        assert min(found(images(found.least))[0].shape[2:]) == 1


def test_no_loss_is_the_usual_judge() -> None:
    assert NETWORKS["alex"] not in LAYERS
    assert "mobilenet-v2" not in LAYERS


def test_wrong_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="did you mean 'vgg16'"):
        perceptual_features("vgg19")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="unknown layer of vgg16 'relu5_4'; did you mean"):
        perceptual_features("vgg16", ["relu5_4"])
    with pytest.raises(RecipeError, match="at least one layer"):
        perceptual_features("vgg16", [])
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(SettingError, match=r"pip install 'gansmith\[features\]', or choose vgg16"):
        perceptual_features()


# ------------------------------------------------------------------------------------------------------------- networks


def test_the_counts_are_those_of_torchvision() -> None:
    counts = [
        sum(p.numel() for p in m.parameters()) for m in (pretrained.alexnet(), pretrained.vgg16(), pretrained.MobileNetV2())
    ]
    assert counts == [2_469_696, 14_714_688, 3_504_872]


def test_mobilenet_knows_a_cat_and_a_coffee() -> None:
    data = pytest.importorskip("skimage.data")
    if not weights.available("mobilenet-v2"):
        pytest.skip("the weights of mobilenet-v2 are not fetched")
    net = pretrained.frozen(pretrained.MobileNetV2(), weights.load_weights("mobilenet-v2"))
    for name, classes in (("chelsea", {281, 282, 285}), ("coffee", {967})):  # tabby, tiger cat, Egyptian cat; espresso
        picture = torch.from_numpy(getattr(data, name)().copy()).permute(2, 0, 1)[None] / 127.5 - 1
        small = torch.nn.functional.interpolate(picture, size=(224, 224), mode="bilinear", antialias=True)
        features, logits = net(pretrained.scaled(small))
        assert features.shape == (1, 1280)
        assert int(logits.argmax()) in classes
