import numpy as np
import pytest
import torch

import imfuse
from imfuse.learn.engine import TorchEngine
from imfuse.learn.models.refinefuse import RefineFuse
from imfuse.learn.models.seafusion import SeAFusion
from imfuse.learn.networks import create_network
from imfuse.learn.recipes.fusing import FusedSource, fuse_sample
from imfuse.learn.recipes.scores import SYMBOLS, score
from imfuse.metrics.catalogue import find_metric
from imfuse.ops.color import luma

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", [SeAFusion, RefineFuse])
@pytest.mark.parametrize("size", [(1, 1), (24, 32), (37, 51)])
def test_whole_pictures_of_any_size_are_fused(noise, kind, size):
    torch.manual_seed(0)
    network = kind().eval()
    fused = fuse_sample(network, noise(1, size).read(0), CPU)
    assert fused.shape == (*size, 3)
    assert fused.min() >= 0
    assert fused.max() <= 1


def test_where_the_size_fits_nothing_is_padded(noise, tiny):
    from imfuse.learn.recipes.settings import Settings

    network = tiny(Settings(batch=1, crop=None)).fusion.eval()
    sample = noise(1).read(0)
    ir, y = (torch.from_numpy(p)[None, None] for p in (sample.ir, luma(sample.vis)))
    with torch.inference_mode():
        expected = network(ir, y)[0, 0].numpy()
    shift = expected - luma(sample.vis)
    found = fuse_sample(network, sample, CPU)
    np.testing.assert_allclose(found, np.clip(sample.vis + shift[..., None], 0, 1), atol=1e-5)


@pytest.mark.parametrize("name", ["refinefuse", "bffr"])
@pytest.mark.parametrize("size", [(24, 31), (37, 51), (1, 1)])
def test_whole_pictures_are_padded_as_those_that_are_fused(noise, name, size):
    torch.manual_seed(0)
    network = create_network(name).eval()
    sample = noise(1, size).read(0)
    expected = imfuse.fuse(sample.ir, sample.vis, model=TorchEngine(network))
    np.testing.assert_allclose(fuse_sample(network, sample, CPU), expected, atol=1e-5)


class Counting(torch.nn.Module):
    """Hands the infrared picture on, and counts how often."""

    visible = "luma"
    size = SeAFusion.size
    calls = 0

    def forward(self, ir, vis):
        self.calls += 1
        return ir


def test_fused_pictures_are_kept_as_files_and_made_once(noise, tmp_path):
    network, source = Counting(), noise(3)
    fused = FusedSource(source, network, tmp_path / "fused", CPU)
    again = FusedSource(source, network, tmp_path / "fused", CPU)
    assert network.calls == 3
    for i in range(3):
        expected = np.rint(fuse_sample(network, source.read(i), CPU) * 255)
        assert np.array_equal(again.load(i).vis, expected)
        assert np.array_equal(fused.load(i).labels, source.load(i).labels)
        assert fused.load(i).vis.dtype == fused.load(i).ir.dtype == np.uint8


def test_stretched_pictures_use_the_whole_range(noise, tmp_path):
    source = noise(2)
    told = []
    fused = FusedSource(source, Counting(), tmp_path, CPU, stretch=True, tell=told.append)
    assert told == ["fusing pair 1 of 2", "fusing pair 2 of 2"]
    for i in range(2):
        assert fused.load(i).vis.min() == 0
        assert fused.load(i).vis.max() == 255


def test_processes_that_do_not_lead_wait_and_write_nothing(noise, tmp_path):
    waited = []
    FusedSource(
        noise(1), Counting(), tmp_path / "no", CPU, lead=False, wait=lambda: waited.append(1)
    )
    assert waited == [1]
    assert not (tmp_path / "no").exists()


def test_scores_are_means_over_pairs(noise):
    source, told = noise(3), []
    found = score(Counting(), source, CPU, most=2, tell=told.append)
    assert told == ["scoring held-out pair 1 of 2", "scoring held-out pair 2 of 2"]
    assert tuple(found) == SYMBOLS
    rows = []
    for i in (0, 1):
        sample = source.read(i)
        fused = fuse_sample(Counting(), sample, CPU)
        looks = (luma(p) if p.ndim == 3 else p for p in (fused, sample.ir, sample.vis))
        rows.append(
            find_metric("SD")(*(np.rint(255 * p).clip(0, 255) for p in looks), data_range=255)
        )
    assert found["SD"] == pytest.approx(np.mean(rows), rel=0.01)
