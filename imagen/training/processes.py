"""Several processes that train one network: under `torchrun` each takes its rows of every batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def join(device: str) -> None:
    """Meets the other processes where torchrun started several. NCCL for GPUs, else gloo."""
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        # The others wait as long as the first takes to put the data on disk.
        dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=timedelta(hours=24))


def leave() -> None:
    """Parts from the other processes, where there are any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def own_device(device: str) -> torch.device:
    """This process's device: of several GPUs the one that torchrun's LOCAL_RANK names."""
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device(device)


def by_the_first(act: Callable[[], None]) -> None:
    """Lets the first process act while the others wait. A ValueError of its is raised in all of them."""
    rank, world = rank_and_world()
    said: list[str | None] = [None]
    if rank == 0:
        try:
            act()
        except (OSError, ValueError) as error:
            said[0] = str(error)
            if world == 1:
                raise
    if world > 1:
        dist.broadcast_object_list(said, 0)
    if said[0] is not None:
        raise ValueError(said[0])


def average(tensors: Iterable[Tensor]) -> None:
    """Replaces each tensor by its mean over the processes, in one message."""
    _, world = rank_and_world()
    if world == 1:
        return
    tensors = list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    pieces = torch.split(flat.div_(world), [tensor.numel() for tensor in tensors])
    for tensor, piece in zip(tensors, pieces, strict=True):
        tensor.copy_(piece.view_as(tensor))
