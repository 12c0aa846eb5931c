"""Ancestors against what the original networks gave with the authors' weights."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.checkpoints import load_foreign  # noqa: E402 - needs torch
from imfuse.learn.networks import create_network  # noqa: E402

FILES = {
    "seafusion": (["SeAFusion.pth"], "seafusion", 166_883),
    "densefuse": (["DenseFuse-gray.pth"], "densefuse_average", 74_193),
    "ifcnn": (["IFCNN-MAX.pth"], "ifcnn", 83_587),
    "didfuse": (["DIDFuse-Encoder.pkl", "DIDFuse-Decoder.pkl"], "didfuse_sum", 260_935),
}


@pytest.mark.parametrize("name", FILES)
def test_parameters(name):
    assert create_network(name).parameters_count == FILES[name][2]


@pytest.mark.parametrize("crop", ["msrs_00537D", "road_06832"])
@pytest.mark.parametrize("name", FILES)
def test_published_weights_give_the_originals_output(data, name, crop):
    files, key, _ = FILES[name]
    network = load_foreign(*(data / "checkpoints" / file for file in files)).network
    golden = np.load(data / "checkpoints" / "golden" / f"{crop}.npz")
    ir, vis = (torch.from_numpy(golden[k])[None, None] for k in ("ir", "vis_luma"))
    with torch.inference_mode():
        if name == "ifcnn":
            found = network.fuse_rgb(*(x.expand(-1, 3, -1, -1) for x in (ir, vis)))[0]
            luma = network(ir, vis)[0, 0].numpy()
            np.testing.assert_allclose(luma, found.mean(0).numpy(), atol=1e-6)
        else:
            found = network(ir, vis)[0, 0]
    expected = golden[key].astype(np.float32)  # stored in half precision, which is 2.5e-4
    np.testing.assert_allclose(found.numpy(), expected, atol=3e-4)


@pytest.mark.parametrize(
    ("name", "fusion"),
    [("densefuse", "addition"), ("ifcnn", "mean"), ("ifcnn", "sum"), ("didfuse", "mean")],
)
def test_other_ways_to_merge_features(name, fusion):
    """Two equal pictures: the mean of equal features is the features, their sum is twice them."""
    torch.manual_seed(0)
    plain, other = create_network(name).eval(), create_network(name, fusion=fusion).eval()
    other.load_state_dict(plain.state_dict())
    ir, vis = torch.rand(2, 1, 1, 12, 14)
    with torch.inference_mode():
        assert not torch.allclose(plain(ir, vis), other(ir, vis), atol=1e-4)
        same = torch.allclose(plain(ir, ir), other(ir, ir), atol=1e-6)
    assert same == ((name, fusion) == ("ifcnn", "mean"))


def test_the_sobel_kernels_can_be_fixed():
    fixed = create_network("seafusion", trainable_operators=False)
    free = create_network("seafusion")
    assert free.parameters_count - fixed.parameters_count == 2 * 2 * 9 * (16 + 32)
    assert set(fixed.state_dict()) == set(free.state_dict())
