"""The nested decoder against its nodes, written out."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - needs torch

from imfuse.learn.blocks.nested import NestedDecoder  # noqa: E402

WIDTHS = (2, 3, 4, 5)


def doubled(x, size):
    """Nearest doubling, then the last row and column reflected where the size is odd."""
    x = nn.Upsample(scale_factor=2)(x)
    return nn.functional.pad(x, [0, size[1] - x.shape[3], 0, size[0] - x.shape[2]], mode="reflect")


@pytest.mark.parametrize("size", [(16, 24), (19, 29), (31, 22)])
def test_nodes_join_their_level_and_the_next(size):
    torch.manual_seed(0)
    decoder = NestedDecoder(WIDTHS, lambda inputs, outputs: nn.Conv2d(inputs, outputs, 1))
    sizes = [(size[0] >> i, size[1] >> i) for i in range(4)]
    x1, x2, x3, x4 = (torch.rand(2, w, *s) for w, s in zip(WIDTHS, sizes, strict=True))

    def node(name, *inputs):
        *same, below = inputs
        return getattr(decoder, name)(torch.cat([*same, doubled(below, same[0].shape[2:])], 1))

    x1_1, x2_1, x3_1 = node("node1_1", x1, x2), node("node2_1", x2, x3), node("node3_1", x3, x4)
    x1_2, x2_2 = node("node1_2", x1, x1_1, x2_1), node("node2_2", x2, x2_1, x3_1)
    expected = node("node1_3", x1, x1_1, x1_2, x2_2)
    torch.testing.assert_close(decoder([x1, x2, x3, x4]), expected)
