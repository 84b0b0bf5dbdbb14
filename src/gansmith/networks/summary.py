"""A summary of a network: its layers with output shapes and numbers of weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


def describe_network(network: nn.Module, input_shape: tuple[int, ...], condition_shape: tuple[int, ...] = ()) -> dict[str, Any]:
    """Describe a network as JSON values: its input shape, its layers and its number of weights.

    Layers come in the order in which they run, each with its output shape for one sample and its number of weights.
    """
    layers = list(_layers(network, input_shape, condition_shape))
    return {"input": list(input_shape), "layers": layers, "weights": sum(p.numel() for p in network.parameters())}


def _layers(network: nn.Module, input_shape: tuple[int, ...], condition_shape: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Run a copy on the meta device, and record each layer without children."""
    network = copy.deepcopy(network).to("meta").eval()
    rows: list[dict[str, Any]] = []
    for name, module in network.named_modules():
        if next(module.children(), None) is None:

            def note(module: nn.Module, _: Any, output: Any, name: str = name) -> None:
                weights = sum(p.numel() for p in module.parameters())
                rows.append({"name": name, "layer": str(module), "output": list(output.shape[1:]), "weights": weights})

            module.register_forward_hook(note)
    with torch.no_grad():
        condition = torch.empty(1, *condition_shape, device="meta") if condition_shape else None
        network(torch.empty(1, *input_shape, device="meta"), condition)
    yield from rows
