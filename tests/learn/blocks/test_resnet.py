"""Residual stages: sizes and names of published ResNets, and the formula of a block."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - needs torch

from imfuse.learn.blocks.resnet import BasicBlock, ResidualStage  # noqa: E402


def test_parameters_of_resnet_34():
    """21 797 672 in all, of which 9408 in the first convolution and 513 000 in the classifier."""
    stages = [
        ResidualStage(64, 64, 3),
        ResidualStage(64, 128, 4, stride=2),
        ResidualStage(128, 256, 6, stride=2),
        ResidualStage(256, 512, 3, stride=2),
    ]
    found = sum(p.numel() for stage in stages for p in stage.parameters())
    first_norm = 2 * 64
    assert found + first_norm == 21_797_672 - 9_408 - 513_000


def test_names_are_those_of_published_weights():
    names = set(ResidualStage(4, 8, 2, stride=2).state_dict())
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {f"{b}.bn{i}.{n}" for b in (0, 1) for i in (1, 2) for n in norm}
    expected |= {f"{b}.conv{i}.weight" for b in (0, 1) for i in (1, 2)}
    expected |= {"0.downsample.0.weight"} | {f"0.downsample.1.{n}" for n in norm}
    assert names == expected


@pytest.mark.parametrize(("inputs", "stride"), [(6, 1), (6, 2), (4, 1)])
def test_a_block_adds_two_convolutions_to_its_input(inputs, stride):
    torch.manual_seed(0)
    block = BasicBlock(inputs, 6, stride=stride).eval()
    x = torch.randn(2, inputs, 7, 9)
    main = block.bn2(block.conv2(block.bn1(block.conv1(x)).relu()))
    plain = inputs == 6 and stride == 1
    assert plain == isinstance(block.downsample, nn.Identity)
    torch.testing.assert_close(block(x), (main + block.downsample(x)).relu())
    assert block(x).shape == (2, 6, -(-7 // stride), -(-9 // stride))
