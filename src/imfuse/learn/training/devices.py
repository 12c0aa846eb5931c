"""Devices, processes and precision of a training run."""

import logging
import os
import platform
from typing import Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from imfuse.errors import UsageError
from imfuse.learn.recipes.settings import Settings
from imfuse.machine import available_cores


def make_fabric(device: str, settings: Settings) -> Fabric:
    """Return the devices and processes to use; those of `torchrun`, if it started this process.

    Args:
        device: `auto`, `cpu`, `gpu`, or a number of GPUs.
        settings: The settings, which include the precision.

    Raises:
        UsageError: There is no such device, or there are fewer than requested.
    """
    accelerator, devices = _devices(device)
    logging.getLogger("lightning_fabric").setLevel(
        logging.WARNING
    )  # the card has the same information
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    nodes = int(os.environ.get("WORLD_SIZE", "1")) // local
    several = local * nodes > 1 or devices > 1
    fabric = Fabric(
        accelerator=accelerator,
        devices=max(devices, local),
        num_nodes=nodes,
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
        precision=precision_of(settings, accelerator),
    )
    fabric.launch()
    return fabric


def _devices(device: str) -> tuple[str, int]:
    if device == "auto":
        return ("cuda" if torch.cuda.is_available() else "cpu"), 1
    if device == "cpu":
        return "cpu", 1
    if device == "gpu" or device.isdecimal():
        count = 1 if device == "gpu" else int(device)
        if not 1 <= count <= torch.cuda.device_count():
            found = f"{count} GPUs asked for, {torch.cuda.device_count()} there"
            raise UsageError(
                found, remedy="Use --device cpu (device='cpu'), or a PyTorch built for your GPU."
            )
        return "cuda", count
    raise UsageError(f"device {device!r}", expected="auto, cpu, gpu, or a number of GPUs")


def precision_of(settings: Settings, accelerator: str) -> Literal["bf16-mixed", "32-true"]:
    """Return the networks' precision: as set, or bfloat16 on hardware where it is fast.

    Args:
        settings: The settings.
        accelerator: `cpu` or `cuda`.
    """
    wanted = settings.precision
    if wanted == "auto":
        fast = (
            torch.cuda.is_bf16_supported()
            if accelerator == "cuda"
            else torch.cpu.get_capabilities().get("amx_bf16")
            or torch.cpu.get_capabilities().get("avx512_bf16")
        )
        wanted = "bfloat16" if fast else "float32"
    return "bf16-mixed" if wanted == "bfloat16" else "32-true"


def hardware(fabric: Fabric) -> str:
    """Return the device's name for the card."""
    if fabric.device.type == "cuda":
        return torch.cuda.get_device_name(fabric.device)
    name = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    return f"{available_cores()} cores of {name}"
