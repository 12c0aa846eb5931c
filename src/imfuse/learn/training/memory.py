"""Memory of a training step, estimated from a step on small pictures."""

from collections.abc import Sequence

import torch
from torch import Tensor

from imfuse.learn.batches.loader import Batch
from imfuse.learn.recipes.stage import Stage, Workshop
from imfuse.learn.training.setup import Run
from imfuse.machine import total_memory

_SIDE = 96
"""Height and width of the small pictures; all networks take it."""

_USUAL = (480, 640)
"""Assumed picture size of datasets whose size is unknown."""

_MUCH = 0.7
"""Fraction of the memory above which a step may fail."""


def memory_warnings(run: Run, needed: Sequence[int]) -> list[str]:
    """Return a warning for each batch size with which a run may not fit into memory.

    Args:
        run: The run.
        needed: The result of `stage_bytes`.
    """
    device = run.fabric.device
    room = total_memory()
    if device.type == "cuda":
        room = torch.cuda.get_device_properties(device).total_memory
    largest: dict[tuple[str, str], int] = {}
    for planned, count in zip(run.plan, needed, strict=True):
        key = planned.batch, planned.crop
        largest[key] = max(largest.get(key, 0), count)
    return [
        f"a step may take {count / 1e9:.0f} GB of memory, of {room / 1e9:.0f} GB in all; lower "
        f"{batch} or {crop} with --set"
        for (batch, crop), count in largest.items()
        if count > _MUCH * room
    ]


def stage_bytes(run: Run) -> list[int]:
    """Estimate the bytes that a step of each stage takes; the true number may be half of that.

    The tensors that the forward pass keeps for the backward pass are counted on small pictures, and
    scaled by the number of pixels.
    """
    with torch.random.fork_rng(devices=[]):
        recipe = run.recipe.twin()
        found = []
        for index in range(len(run.plan)):
            stage = recipe.open_stage(index, Workshop(run.source, None, torch.device("cpu")))
            recipe.set_modes(stage.trained, frozen_norms=stage.frozen_norms)
            size = stage.augmentation.crop or getattr(recipe.settings, "crop", None)
            height, width = size or run.source.layout.size or _USUAL
            pixels = stage.batch * height * width / run.fabric.world_size
            per_pixel, fixed = _counted(stage, half=run.config.precision == "bf16-mixed")
            found.append(round(per_pixel * pixels + fixed))
        return found


def _counted(stage: Stage, *, half: bool) -> tuple[float, int]:
    """Return bytes kept per pixel, and bytes of weights, gradients and moments."""
    kept: dict[int, int] = {}
    weights = {p.data_ptr() for p in stage.objective.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        memory = tensor.untyped_storage()
        if tensor.data_ptr() not in weights:
            kept[memory.data_ptr()] = memory.nbytes()
            alive.append(tensor)  # keep it alive, or its memory would be reused by the next one
        return tensor

    alive: list[Tensor] = []
    batch = _small(stage.least, labelled=stage.source.labelled)
    with (
        torch.autocast("cpu", torch.bfloat16, enabled=half),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.set_grad_enabled(bool(stage.optimizations)),
    ):
        stage.objective(batch.ir, batch.vis, batch.labels)
    trained = sum(p.numel() for one in stage.optimizations for p in one.parameters)
    return sum(kept.values()) / (stage.least * _SIDE**2), 16 * trained


def _small(count: int, *, labelled: bool) -> Batch:
    draw = torch.Generator().manual_seed(0)
    ir, vis = (torch.rand(count, c, _SIDE, _SIDE, generator=draw) for c in (1, 3))
    labels = torch.zeros(count, _SIDE, _SIDE, dtype=torch.long) if labelled else None
    return Batch((), ir, vis, labels)
