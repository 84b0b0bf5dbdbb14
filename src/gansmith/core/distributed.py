"""Training in several processes, started by torchrun. With one process these functions communicate nothing.

Random numbers are drawn for the global batch and split by rank, and losses are means over the global batch. So two processes
train on the same data and noise as one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from gansmith.core.before_import import is_one_of_several
from gansmith.core.errors import RunError

_joinings = itertools.count()  # equal on all processes, because they join and leave together
_stores: list[Any] = []  # the newest: what the processes share beside tensors
_claims: list[bool] = []  # whether this process has to report the error; empty before the first error


def join(device: torch.device) -> bool:
    """Join torchrun's process group: NCCL for a CUDA device, Gloo for any other. Return whether this call joined it.

    Does nothing if torchrun started a single process, or if this process has joined before. Raises RunError if that fails.
    """
    if not is_one_of_several() or dist.is_initialized():
        return False
    try:
        store, rank, world_size = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
        _stores.append(store)
        # The store keeps the keys of a destroyed group, and torch would read them again. So each group gets its own prefix.
        store = dist.PrefixStore(f"gansmith/{next(_joinings)}", store)  # type: ignore[attr-defined]
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=world_size)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:120]
        raise RunError(f"can't join the other processes of this run ({reason}); start all of them with torchrun") from None
    return True


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join torchrun's process group for the duration of a `with` block. If this process had joined before, it stays joined."""
    joined_here = join(device)
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit):
        reports_error()  # before the group ends, as the others notice its end and fail too
        raise
    finally:
        if joined_here:
            dist.destroy_process_group()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Inside this block the process belongs to no group: for work of one process while the others wait or do something else.

    Neither the functions below nor a library, such as torchmetrics, then wait for the other processes, which would never answer.
    """
    if not dist.is_initialized():
        yield
        return
    group = dist.group.WORLD
    dist.group.WORLD = None
    try:
        yield
    finally:
        dist.group.WORLD = group


def reports_error() -> bool:
    """Whether this process has to report its error: of all processes that fail, the first one to ask.

    When one process fails, the others lose their connection to it and fail as well. The user wants to read one line: the cause.
    """
    if not is_one_of_several():
        return True
    if not _claims:
        try:
            if not _stores and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":  # an error before the processes join
                _stores.append(next(dist.rendezvous("env://"))[0])  # type: ignore[attr-defined]
            _claims.append(_stores[-1].add("gansmith/reports", 1) == 1 if _stores else os.environ.get("RANK", "0") == "0")
        except (RuntimeError, ValueError):  # the store is gone too
            _claims.append(True)
    return _claims[0]


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    """Turn a lost connection to another process into one line."""
    try:
        yield
    except RuntimeError:
        raise RunError(
            "another process of this run has ended, so this one ends too; the same command goes on from the newest checkpoint"
        ) from None


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
    with _connected():
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
    with _connected():
        dist.all_reduce(sum_and_count)
    return sum_and_count[0] / sum_and_count[1]


def agree(number: int, device: torch.device) -> int:
    """Return the `number` of rank 0 on every process."""
    if world_size() == 1:
        return number
    return int(broadcast(torch.tensor([number], dtype=torch.int64, device=device)).item())


def broadcast(values: Tensor) -> Tensor:
    """Return the `values` of rank 0 on every process."""
    if world_size() > 1:
        values = values.clone()
        with _connected():
            dist.broadcast(values, 0)
    return values
