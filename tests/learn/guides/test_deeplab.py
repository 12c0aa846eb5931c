"""DeepLabv3+ as the program has it that SCGRFuse is judged with."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - after the skip

from imfuse.learn.guides.deeplab import DeepLabV3Plus  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def guide():
    torch.manual_seed(0)
    return DeepLabV3Plus()


def test_its_size_is_that_of_the_program():
    # As counted there for the 21 classes of PASCAL VOC.
    with torch.device("meta"):
        guide = DeepLabV3Plus(classes=21)
    assert sum(p.numel() for p in guide.parameters()) == 5_818_149


def test_the_encoder_stops_at_a_sixteenth(guide):
    x = guide.encoder.conv_stem(torch.rand(1, 3, 128, 96))
    sizes = []
    for block in guide.encoder.layer:
        x = block(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes[1] == (24, 32, 24)
    assert sizes[-1] == (320, 8, 6)
    dilated = [
        m.dilation
        for m in guide.encoder.modules()
        if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)
    ]
    # Whole at 1/16, then as wide as at 1/32 before.
    assert dilated[-4:] == [(1, 1), (2, 2), (2, 2), (2, 2)]


def test_what_is_dilated_side_by_side(guide):
    rates = [m.dilation[0] for branch in guide.branches for m in branch if isinstance(m, nn.Conv2d)]
    assert rates == [1, 6, 12, 18]
    assert guide.join[0].in_channels == 5 * 256
    assert guide.early[0].out_channels == 48
    assert [m.p for m in guide.decoder if isinstance(m, nn.Dropout)] == [0.5, 0.1]


def test_running_means_are_means_and_not_the_last_batch(guide):
    momenta = {m.momentum for m in guide.modules() if isinstance(m, nn.BatchNorm2d)}
    assert momenta == {0.1}


def test_the_whole_picture_is_seen_from_anywhere():
    torch.manual_seed(0)
    guide = DeepLabV3Plus().eval()
    # Only what sees the whole picture is left, so one corner tells of the other.
    nn.init.zeros_(guide.join[0].weight[:, : 4 * 256])
    pictures = torch.rand(1, 3, 256, 256, requires_grad=True)
    guide(pictures).main[0, 0, 0, 0].backward()
    assert pictures.grad[0, :, -16:, -16:].abs().max() > 0


def test_the_head_is_the_last_convolution(guide):
    names = [n for n, _ in guide.named_parameters() if n.startswith(guide.heads)]
    assert names == ["head.weight", "head.bias"]
