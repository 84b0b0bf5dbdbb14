"""Errors: a value outside the recipe is no fault of a recipe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from gansmith.core.device import choose_device
from gansmith.core.errors import RecipeError, SettingError
from gansmith.data import Digits
from gansmith.evaluation.coverage import protocols
from gansmith.evaluation.extractors import find_extractor
from gansmith.export import export
from gansmith.networks.keras import libraries
from gansmith.training.backends import backend_of


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (lambda: choose_device("nosuch"), r"device 'nosuch' is not available .* use --device cpu"),
        (lambda: choose_device("meta:3x"), "device 'meta:3x'"),
        (lambda: protocols.find_protocol("rng"), "unknown protocol 'rng'; did you mean 'ring'"),
        (lambda: backend_of("jax"), "unknown framework 'jax'"),
        (lambda: export(SimpleNamespace(), Path("x.onnx"), format="onnx"), "unknown format 'onnx'"),
        (lambda: find_extractor("pixel", Digits(), (1, 8, 8)), "unknown extractor 'pixel'; did you mean 'pixels'"),
        (libraries, r"pip install 'gansmith\[tensorflow\]'"),
        (lambda: find_extractor("efficientnet-lite0", Digits(), (1, 8, 8)), r"pip install 'gansmith\[features\]'"),
    ],
    ids=["device", "device number", "protocol", "framework", "format", "extractor", "tensorflow extra", "features extra"],
)
def test_what_is_wrong_outside_the_recipe_is_a_setting_error(
    refused: Callable[[], object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("keras", "efficientnet_lite_pytorch"):
        monkeypatch.setitem(sys.modules, module, None)  # as where the extra is not installed
    with pytest.raises(SettingError, match=words) as caught:
        refused()
    assert not isinstance(caught.value, RecipeError)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
