"""Cost of a network in multiply-accumulate operations, counted without computing anything."""

import copy

import torch
from torch.utils.flop_counter import FlopCounterMode

from imfuse.learn.models.base import FusionNetwork


def count_macs(network: FusionNetwork, height: int = 256, width: int = 256) -> int:
    """Return the multiply-accumulate operations for one pair.

    Convolutions and matrix products are counted, including those of attention; additions,
    activations and normalisations are not. The field's tables, which call this number FLOPs, come
    from counters that omit the products of attention.

    Args:
        network: Any network.
        height: Height in pixels; the network must accept the size.
        width: Width in pixels.
    """
    hollow = copy.deepcopy(network).to("meta").eval()
    channels = 3 if network.visible == "rgb" else 1
    ir = torch.empty(1, 1, height, width, device="meta")
    vis = torch.empty(1, channels, height, width, device="meta")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        hollow(ir, vis)
    operations: int = counter.get_total_flops()
    return operations // 2
