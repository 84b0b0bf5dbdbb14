"""Extractor from a user's own network: FILE.py:FUNCTION, where the function returns an `nn.Module`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from gansmith.core import rng
from gansmith.core.errors import RecipeError, unknown
from gansmith.core.user_code import load_file
from gansmith.core.user_input import expanded, read_bytes
from gansmith.evaluation.extractors.extractor import PASS, Extractor, Features, fitted, in_passes
from gansmith.evaluation.extractors.lenet import digest_of


def own(place: str, shape: tuple[int, ...]) -> Extractor:
    """Make an extractor from FILE.py:FUNCTION, for images of `shape` (C, H, W).

    The function returns a module from float32 [N, C, H, W] in [0, 1] to features [N, F], or to a pair of features and logits
    [N, K]. The digest covers file and weights. Raises RecipeError for another function, result or output.
    """
    path, _, function = place.rpartition(":")
    functions = vars(load_file(path))
    if not callable(functions.get(function)):
        known = [n for n, f in functions.items() if callable(f) and getattr(f, "__module__", "").startswith("gansmith_file_")]
        raise RecipeError(unknown(f"function in {path}", function, known))
    with rng.fork():
        torch.default_generator.manual_seed(0)  # so that random weights of the network are reproducible
        try:
            module = functions[function]()
        except Exception as error:  # a user's function may raise any error
            raise RecipeError(f"{place} failed: {type(error).__name__}: {_brief(error)}") from error
    if not isinstance(module, nn.Module):
        raise RecipeError(f"{place}: expected a function that returns a torch.nn.Module, got {type(module).__name__}")
    module.eval().requires_grad_(False)

    def batch(images: Tensor) -> Features:
        output = module(fitted(images, images.shape[1], None))
        features, logits = output if isinstance(output, tuple) else (output, None)
        return Features(features.float(), None if logits is None else logits.float().softmax(1))

    try:
        found = in_passes(batch)(torch.zeros(PASS, *shape, dtype=torch.uint8))
    except Exception as error:  # a user's network may raise any error
        raise RecipeError(f"{place} fails on images of shape {list(shape)}: {_brief(error)}") from None
    if found.features.dim() != 2 or len(found.features) != PASS:
        raise RecipeError(
            f"{place}: expected features [N, F], got {list(found.features.shape)} for N = {PASS}; "
            "add a flatten(1) or mean((2, 3))"
        )
    digest = hashlib.sha256(read_bytes(expanded(path)) + digest_of(module.state_dict()).encode()).hexdigest()
    known_classes = None if found.probabilities is None else tuple(map(str, range(found.probabilities.shape[1])))
    return Extractor(f"{Path(path).name}:{function}", digest, found.features.shape[1], known_classes, "its own", in_passes(batch))


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
