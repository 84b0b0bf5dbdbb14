"""Training in several processes, started by torchrun. With one process these functions communicate nothing.

Random numbers are drawn for the global batch and split by rank, and losses are means over the global batch. So two processes
train on the same data and noise as one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

_joinings = itertools.count()  # equal on all processes, because they join and leave together


def join(device: torch.device) -> bool:
    """Join torchrun's process group: NCCL for a CUDA device, Gloo for any other. Return whether this call joined it.

    Does nothing if torchrun started a single process, or if this process has joined before.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or dist.is_initialized():
        return False
    # The store keeps the keys of a destroyed group, and torch would read them again. So each group gets its own prefix.
    store, rank, world_size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    store = dist.PrefixStore(f"gansmith/{next(_joinings)}", store)  # type: ignore[attr-defined]
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=world_size)
    return True


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join torchrun's process group for the duration of a `with` block. If this process had joined before, it stays joined."""
    joined_here = join(device)
    try:
        yield
    finally:
        if joined_here:
            dist.destroy_process_group()


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share(count: int) -> slice:
    """The part of `count` rows that this process computes. The parts of all processes are disjoint and complete."""
    return slice(count * rank() // world_size(), count * (rank() + 1) // world_size())


def average(losses: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    """Turn gradients of the sum of local losses [N] into those of the mean over all processes, in place; return that mean."""
    flat = torch.cat([losses.detach().sum()[None], losses.new_tensor([float(len(losses))]), *(g.flatten() for g in gradients)])
    dist.all_reduce(flat)
    count = flat[1]
    at = 2
    for gradient in gradients:
        gradient.copy_((flat[at : at + gradient.numel()] / count).view_as(gradient))
        at += gradient.numel()
    return flat[0] / count


def mean(values: Tensor) -> Tensor:
    """The mean of the values of all processes, a scalar."""
    if world_size() == 1:
        return values.mean()
    sum_and_count = torch.stack([values.sum(), values.new_tensor(float(values.numel()))])
    dist.all_reduce(sum_and_count)
    return sum_and_count[0] / sum_and_count[1]


def agree(number: int, device: torch.device) -> int:
    """Return the `number` of rank 0 on every process."""
    if world_size() == 1:
        return number
    agreed = torch.tensor([number], dtype=torch.int64, device=device)
    dist.broadcast(agreed, 0)
    return int(agreed.item())


def broadcast(values: Tensor) -> Tensor:
    """Return the `values` of rank 0 on every process."""
    if world_size() > 1:
        values = values.clone()
        dist.broadcast(values, 0)
    return values
