"""Segmenters by name: what all of them promise, and what is refused."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import PairMismatch, UnknownName, UsageError  # noqa: E402 - after the skip
from imfuse.learn.guides.table import GUIDES, create_guide, find_guide  # noqa: E402

torch.set_num_threads(1)
SLOW = {"segformer-b2"}
NAMES = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in GUIDES]


def created(name, **settings):
    if name in ("banet-imagenet", "two-encoders"):
        pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    return create_guide(name, **settings)


@pytest.mark.parametrize("name", NAMES)
def test_logits_have_the_size_of_the_pictures(name):
    guide = created(name, classes=4).eval()
    pictures = torch.rand(2, guide.channels, 45, 70)
    with torch.inference_mode():
        both = guide(pictures).main
        one = guide(pictures[1:]).main
    assert both.shape == (2, 4, 45, 70)
    torch.testing.assert_close(both[1:], one, atol=1e-5, rtol=1e-4)
    with pytest.raises(PairMismatch):
        guide(torch.zeros(1, 1, 64, 64))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_all_weights_and_the_pictures(name):
    guide = created(name).train()
    pictures = torch.rand(2, guide.channels, 64, 64, requires_grad=True)
    sum(logits.square().mean() for logits in guide(pictures) if logits is not None).backward()
    assert pictures.grad.abs().max() > 0
    missing = [n for n, p in guide.named_parameters() if p.grad is None]
    assert not missing
    heads = [n for n, _ in guide.named_parameters() if n.startswith(guide.heads)]
    assert 0 < len(heads) < len(list(guide.parameters())) / 2


def test_names_choose_sizes():
    counts = {
        name: sum(p.numel() for p in create_guide(name).parameters())
        for name in ("segformer-b0", "segformer-b2")
    }
    assert counts["segformer-b2"] > 7 * counts["segformer-b0"]


def test_wrong_names_and_settings_are_refused():
    with pytest.raises(UnknownName, match="banet"):
        create_guide("bannet")
    with pytest.raises(UnknownName, match="classes"):
        create_guide("banet", clases=3)
    with pytest.raises(UsageError, match="'resnet-18' or 'efficientnet-lite0'"):
        create_guide("banet", encoder="resnet-50")
    with pytest.raises(UsageError, match="classes='nine'"):
        create_guide("deeplabv3plus", classes="nine")
    assert find_guide("banet").name == "banet"


def test_the_table_loads_no_transformers():
    script = "import sys, imfuse.learn.guides.table, imfuse.learn.guides.banet; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"transformers", "efficientnet_lite_pytorch"} & set(done.stdout.split())
