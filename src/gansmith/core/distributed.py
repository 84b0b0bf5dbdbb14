"""Several processes on one run, started by torchrun. With one process every call here is free.

Numbers are drawn for the global batch and cut by rank, and the cost is the mean over the global batch, so a run on two
processes sees the same data and noise as on one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

_joinings = itertools.count()  # equal on all processes: they join and leave together


def join(device: torch.device) -> bool:
    """Join torchrun's process group: NCCL for a CUDA device, Gloo for any other. Return whether this call joined it.

    Nothing happens where torchrun started one process only, or where the group was joined before.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or dist.is_initialized():
        return False
    # Each joining has names of its own in the store, where those of a group that was left still stand: torch takes them for new.
    store, rank, world_size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    store = dist.PrefixStore(f"gansmith/{next(_joinings)}", store)  # type: ignore[attr-defined]
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=world_size)
    return True


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join torchrun's process group for the duration of a `with` block. A group that was joined before it stays joined."""
    joined_here = join(device)
    try:
        yield
    finally:
        if joined_here:
            dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def share(count: int) -> slice:
    """This process's part of `count` rows."""
    return slice(count * rank() // world(), count * (rank() + 1) // world())


def average(costs: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    """Turn gradients of a local sum of costs into those of the global mean, in place, and return that mean."""
    flat = torch.cat([costs.detach().sum()[None], costs.new_tensor([float(len(costs))]), *(g.flatten() for g in gradients)])
    dist.all_reduce(flat)
    count = flat[1]
    at = 2
    for gradient in gradients:
        gradient.copy_((flat[at : at + gradient.numel()] / count).view_as(gradient))
        at += gradient.numel()
    return flat[0] / count


def mean(values: Tensor) -> Tensor:
    """The mean of everybody's values, a scalar."""
    if world() == 1:
        return values.mean()
    both = torch.stack([values.sum(), values.new_tensor(float(values.numel()))])
    dist.all_reduce(both)
    return both[0] / both[1]


def agree(number: int, device: torch.device) -> int:
    """Rank 0's number, on every process."""
    if world() == 1:
        return number
    said = torch.tensor([number], dtype=torch.int64, device=device)
    dist.broadcast(said, 0)
    return int(said.item())


def of_first(values: Tensor) -> Tensor:
    """Rank 0's values, on every process."""
    if world() > 1:
        values = values.clone()
        dist.broadcast(values, 0)
    return values
