import numpy as np
import torch

from imfuse.learn.blocks.color import luma, recolour
from imfuse.ops import color


def test_luma_and_recolouring_are_those_of_the_use_half(rng):
    rgb = rng.random((5, 7, 3), np.float32)
    fused = rng.random((5, 7), np.float32)
    batch = torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None]
    np.testing.assert_allclose(luma(batch)[0, 0].numpy(), color.luma(rgb), atol=1e-6)
    found = recolour(torch.from_numpy(fused)[None, None], batch)[0].permute(1, 2, 0).numpy()
    expected = np.clip(color.with_luma(rgb, color.luma(rgb), fused), 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_colour_is_that_of_the_printed_matrices(rng):
    rgb = rng.random((6, 6, 3))
    y = rgb @ [0.299, 0.587, 0.114]
    cr, cb = 0.713 * (rgb[..., 0] - y), 0.564 * (rgb[..., 2] - y)
    fused = rng.random((6, 6))
    printed = [fused + 1.403 * cr, fused - 0.714 * cr - 0.344 * cb, fused + 1.773 * cb]
    batch = torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None]
    found = recolour(torch.from_numpy(fused)[None, None], batch)[0].numpy()
    # They are inverse to one another only within 1e-3.
    np.testing.assert_allclose(found, np.clip(printed, 0, 1), atol=1e-3)


def test_the_same_luma_gives_the_picture_back(rng):
    batch = torch.from_numpy(rng.random((1, 3, 4, 4), np.float32))
    torch.testing.assert_close(recolour(luma(batch), batch), batch)
