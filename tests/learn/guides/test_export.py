"""Segmenters in ONNX files say the same as in PyTorch, or are not written."""

import json

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - after the skip

from imfuse.engines.onnx import SEGMENTER_KEY  # noqa: E402
from imfuse.errors import WeightsError  # noqa: E402
from imfuse.learn.guides.base import Logits, Segmenter  # noqa: E402
from imfuse.learn.guides.export import export_segmenter  # noqa: E402
from imfuse.learn.guides.table import GUIDES, create_guide  # noqa: E402
from imfuse.learn.recipes.labelling import find_classes  # noqa: E402
from imfuse.vision.segmenter import OnnxSegmenter, SegmenterSpec  # noqa: E402

torch.set_num_threads(1)


class Tiny(Segmenter):
    name = title = paper = "tiny"
    heads = ("last.",)

    def __init__(self, *, classes=3):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.last = nn.Conv2d(4, classes, 1)
        # Dark, middling, and bright pixels.
        nn.init.constant_(self.first.weight, 1 / 27)
        nn.init.zeros_(self.first.bias)
        with torch.no_grad():
            self.last.weight.copy_(torch.tensor([-0.5, 0.0, 0.5])[:, None, None, None])
            self.last.bias.copy_(torch.tensor([0.8, 0.1, -0.9]))

    def segment(self, pictures):
        logits = self.last(self.first(pictures).relu())
        return Logits(nn.functional.interpolate(logits, pictures.shape[2:], mode="bilinear"), None)


class Untrue(Tiny):
    def segment(self, pictures):
        main = super().segment(pictures).main
        return Logits(main + torch.compiler.is_exporting(), None)


SPEC = SegmenterSpec(name="tiny", classes=("a", "b", "c"), on="ir", minimum=33)


def test_the_file_says_the_same_and_what_it_is(tmp_path, rng):
    torch.manual_seed(0)
    guide = Tiny().eval()
    out = tmp_path / "model.onnx"
    assert export_segmenter(guide, out, SPEC) < 1e-5
    engine = OnnxSegmenter(out)
    assert engine.spec == SPEC
    picture = cv2.resize(rng.random((5, 7, 3), np.float32), (51, 37))
    found, expected = engine.label(picture), find_classes(guide, picture, torch.device("cpu"))
    assert found.shape == (37, 51)
    assert len(np.unique(expected)) > 1
    assert (found == expected).mean() > 0.999
    # Smaller than what it takes: mirrored, then cut.
    small = picture[:9, :12]
    expected = find_classes(guide, small, torch.device("cpu"))
    assert (engine.label(small) == expected).all()
    seen = []
    guide.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    assert (find_classes(guide, small, torch.device("cpu")) == expected).all()
    whole = np.pad(small, ((0, 24), (0, 21), (0, 0)), "symmetric")
    np.testing.assert_array_equal(seen[0][0].permute(1, 2, 0), whole)


def test_metadata_hold_the_names_of_the_classes(tmp_path):
    import onnx

    out = tmp_path / "model.onnx"
    export_segmenter(Tiny(), out, SPEC)
    model = onnx.load(out)
    said = {one.key: one.value for one in model.metadata_props}
    assert json.loads(said[SEGMENTER_KEY])["classes"] == ["a", "b", "c"]
    assert [one.name for one in model.graph.input] == ["pictures"]
    assert [one.name for one in model.graph.output] == ["logits"]
    sides = model.graph.input[0].type.tensor_type.shape.dim[2:]
    assert all(side.dim_param for side in sides)


def test_what_differs_is_not_written(tmp_path):
    with pytest.raises(WeightsError, match="differs by"):
        export_segmenter(Untrue(), tmp_path / "model.onnx", SPEC)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", GUIDES)
def test_all_segmenters_can_be_exported(name, tmp_path):
    if name in ("banet-imagenet", "two-encoders"):
        pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    spec = SegmenterSpec(name=name, classes=tuple("abcdefghi"), minimum=33)
    assert export_segmenter(create_guide(name), tmp_path / "model.onnx", spec) < 1e-4
