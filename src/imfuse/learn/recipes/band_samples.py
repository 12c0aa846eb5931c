"""Samples for training our own networks that are darker, noisier, or show less than they did."""

import torch
from torch import Tensor
from torch.nn import functional

Told = tuple[Tensor, Tensor]
"""What the losses know of a source, and what the network sees of it."""
_CONTENT = 0.06
"""Standard deviation from which on a place shows something."""
_STRIPED = 0.75
"""Share of the noisy infrared pictures whose noise is the same all down each column, as that of
uncooled sensors is; the others have grain, which visible pictures also train."""
_INFRARED_HARMED = 0.25
"""Share of the harmed samples whose infrared picture is harmed."""


def darkened(y: Tensor, share: float, darkest: float) -> Tensor:
    """Return visible pictures of which some have become dark ones.

    Args:
        y: Luma `(b, 1, h, w)`.
        share: Share of the samples that become dark.
        darkest: Smallest factor; the largest is .8.
    """
    shape = (len(y), 1, 1, 1)
    chosen = torch.rand(shape, device=y.device) < share
    factor = darkest + (0.8 - darkest) * torch.rand(shape, device=y.device)
    return torch.where(chosen, y * factor, y)


def harmed(ir: Tensor, y: Tensor, share: float) -> tuple[Told, Told]:
    """Return for both sources what the losses know of them, and what the network sees.

    In smoke, glare or overexposed places, a visible picture shows little but brightness; and in
    infrared, objects may be as warm as what is around them.

    Args:
        ir: Infrared pictures `(b, 1, h, w)`.
        y: Luma of the visible pictures, likewise.
        share: Share of the samples that are harmed.
    """
    shape = (len(y), 1, 1, 1)
    chosen = torch.rand(shape, device=y.device) < share
    of_ir = torch.rand(shape, device=y.device) < _INFRARED_HARMED
    where = chosen * _patches(y)
    at_ir, at_y = where * of_ir, where * ~of_ir
    bright = 0.35 + 0.65 * torch.rand(shape, device=y.device)
    left = 0.15 * torch.rand(shape, device=y.device)
    even = around(ir)
    seen_ir = ir + at_ir * (1 - left) * (even - ir)
    seen_y = y + at_y * (1 - left) * (bright - y)
    # Where the other source shows nothing either, such as skies, brightness stays as it is.
    told_ir = seen_ir + at_ir * _content(y) * (y - seen_ir)
    told_y = seen_y + at_y * _content(ir) * (ir - seen_y)
    return (told_ir, seen_ir), (told_y, seen_y)


def with_noise(ir: Tensor, y: Tensor, share: float, most: float) -> tuple[Tensor, Tensor]:
    """Return both sources, of which some have become noisy: at each pixel, or in columns.

    Args:
        ir: Infrared pictures `(b, 1, h, w)`.
        y: Luma of the visible pictures, likewise.
        share: Share of the samples of which one source gets noise.
        most: Largest standard deviation of the noise.
    """
    count = len(y)
    chosen = torch.rand((count, 1, 1, 1), device=y.device) < share
    size = most * torch.rand((count, 1, 1, 1), device=y.device) * chosen
    of_ir = torch.rand((count, 1, 1, 1), device=y.device) < 0.5
    columns = torch.randn_like(ir[:, :, :1]).expand_as(ir)
    grain = torch.where(torch.rand_like(size) < _STRIPED, columns, torch.randn_like(ir))
    noisy_ir = (ir + of_ir * size * grain).clamp(0, 1)
    return noisy_ir, (y + ~of_ir * size * torch.randn_like(y)).clamp(0, 1)


def around(picture: Tensor) -> Tensor:
    """Return the mean of about 28 pixels around each pixel, computed at a quarter of the size."""
    small = functional.avg_pool2d(picture, 4, ceil_mode=True, count_include_pad=False)
    mean = functional.avg_pool2d(small, 7, 1, 3, count_include_pad=False)
    return functional.interpolate(mean, size=picture.shape[2:], mode="bilinear")


def _patches(like: Tensor) -> Tensor:
    """Return soft masks of random patches, 0 to 1, one for each picture of a batch."""
    cells = 2 + int(torch.randint(0, 4, ()))
    coarse = torch.randn((len(like), 1, cells, cells), device=like.device, dtype=like.dtype)
    smooth = functional.interpolate(coarse, size=like.shape[2:], mode="bicubic", align_corners=True)
    return torch.sigmoid(8 * (smooth - 0.3))


def _content(picture: Tensor) -> Tensor:
    """Return how much a picture shows around each pixel, 0 to 1: its local standard deviation."""
    variance = around(picture.square()) - around(picture).square()
    return (variance.clamp(min=0).sqrt() / _CONTENT).clamp(max=1)
