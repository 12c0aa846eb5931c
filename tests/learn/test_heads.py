"""The segmentation head of PSFusion as a segmenter of pairs."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import UsageError, WeightsError  # noqa: E402
from imfuse.io.labels import read_labels  # noqa: E402
from imfuse.learn.checkpoints import save_weights  # noqa: E402
from imfuse.learn.heads import OwnHead, export_head, segmenter_file  # noqa: E402
from imfuse.learn.models.base import Origin  # noqa: E402
from imfuse.learn.models.psfusion import PSFusion  # noqa: E402
from imfuse.learn.models.seafusion import SeAFusion  # noqa: E402


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = PSFusion(classes=4)
    with torch.inference_mode():
        for parameter in network.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    return network.eval()


def test_it_gives_the_logits_that_training_sees(network):
    pairs = torch.rand(2, 4, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = OwnHead(network)(pairs).main
        expected = network.features(pairs[:, 3:], pairs[:, :3]).semantic
    assert found.shape == (2, 4, 64, 96)
    torch.testing.assert_close(found, expected)


def test_networks_without_such_a_head_are_refused(tmp_path):
    with torch.device("meta"):
        bare = PSFusion(semantic_heads=False)
    for network in (SeAFusion(), bare):
        with pytest.raises(UsageError, match="which has no segmentation head"):
            export_head(network, tmp_path / "h.onnx", Origin())
    with pytest.raises(UsageError, match="without its segmentation head"):
        bare.segment(torch.empty(1, 1, 32, 32, device="meta"), torch.empty(1, 3, 32, 32))


@pytest.mark.slow
def test_it_is_exported_and_labels_folders(network, run, tmp_path, rng):
    import cv2

    save_weights(tmp_path / "w.safetensors", network, settings={"classes": 4}, origin=Origin())
    out = tmp_path / "segmenter.onnx"
    code, said, err = run("export", tmp_path / "w.safetensors", "--segmenter", "-o", out, "--json")
    assert code == 0, err
    assert json.loads(said)["difference"] < 1e-3
    pixels = {}
    for kind, shape in (("ir", (45, 70)), ("vis", (45, 70, 3))):
        (tmp_path / kind).mkdir()
        pixels[kind] = rng.integers(0, 256, shape, np.uint8)
        cv2.imwrite(str(tmp_path / kind / "1.png"), pixels[kind])
    given = ("segment", "run", out, tmp_path / "vis", "-o", tmp_path / "labels")
    code, _, err = run(*given)
    assert code == 2
    assert "unfused pairs" in err
    assert "--ir DIR" in err
    code, _, err = run(*given, "--ir", tmp_path / "ir")
    assert code == 0, err
    whole = np.dstack([pixels["vis"][..., ::-1], pixels["ir"]]).astype(np.float32) / 255
    padded = np.pad(whole, ((0, 19), (0, 26), (0, 0)), "symmetric").transpose(2, 0, 1)
    with torch.inference_mode():
        logits = OwnHead(network)(torch.from_numpy(np.array(padded))[None]).main
    expected = logits[0, :, :45, :70].argmax(0).numpy()
    assert (read_labels(tmp_path / "labels" / "1.png") == expected).mean() > 0.999
    given = ("segment", "run", tmp_path / "w.safetensors", tmp_path / "vis")
    code, _, err = run(*given, "--ir", tmp_path / "ir", "-o", tmp_path / "direct")
    assert code == 0, err
    first, second = (read_labels(tmp_path / f / "1.png") for f in ("labels", "direct"))
    assert (first == second).all()


def test_a_run_is_named_by_its_folder(tmp_path):
    with pytest.raises(WeightsError, match="no segmenter in this folder"):
        segmenter_file(tmp_path, tmp_path)
    (tmp_path / "model.onnx").touch()
    assert segmenter_file(tmp_path, tmp_path).name == "model.onnx"
    (tmp_path / "segmenter.onnx").touch()  # of a fusion network, whose model.onnx fuses
    assert segmenter_file(tmp_path, tmp_path).name == "segmenter.onnx"


def test_weights_without_a_head_are_refused_by_the_command(run, tmp_path):
    save_weights(tmp_path / "w.safetensors", SeAFusion(), settings={}, origin=Origin())
    code, _, err = run("segment", "run", tmp_path / "w.safetensors", tmp_path, "-o", tmp_path / "o")
    assert code == 2
    assert "which has no segmentation head" in err
