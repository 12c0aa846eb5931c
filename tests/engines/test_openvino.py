"""The OpenVINO engine against ONNX Runtime, which has a reference of its own."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("openvino")

import imfuse
from imfuse.cli import main
from imfuse.engines.onnx import OnnxEngine
from imfuse.engines.openvino import (
    OpenVinoEngine,
    _core,
    _shared_core,
    possible_precision,
)
from imfuse.errors import UsageError, WeightsError


@pytest.fixture
def tiny(golden):
    return golden / "tiny.onnx"


def pair(rng, height=37, width=52):
    return tuple(rng.random((height, width)).astype(np.float32) for _ in range(2))


def test_it_computes_what_onnx_runtime_computes(tiny, rng):
    engine, other = OpenVinoEngine(tiny), OnnxEngine(tiny)
    assert engine.spec == other.spec
    for size in ((37, 52), (1, 1), (64, 3), (37, 52)):
        arrays = pair(rng, *size)
        fused = engine.fuse(*arrays)
        assert fused.dtype == np.float32
        np.testing.assert_allclose(fused, other.fuse(*arrays), atol=2e-6)


def test_bfloat16_stays_within_a_gray_level(tiny, rng):
    arrays = pair(rng)
    fused = OpenVinoEngine(tiny, threads=1, precision="bf16").fuse(*arrays)
    np.testing.assert_allclose(fused, OnnxEngine(tiny).fuse(*arrays), atol=1.5 / 255)


@pytest.mark.parametrize(
    ("wanted", "capabilities", "possible"),
    [
        ("bf16", ["FP32", "INT8"], "f32"),
        ("bf16", ["FP32", "BF16"], "bf16"),
        ("f32", ["FP32", "BF16"], "f32"),
    ],
)
def test_bfloat16_is_taken_where_the_processor_has_it(wanted, capabilities, possible):
    assert possible_precision(wanted, capabilities) == possible


def test_bfloat16_is_not_imitated(tiny):
    import openvino

    has = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    engine = OpenVinoEngine(tiny, threads=1, precision="bf16")
    found = engine._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    assert found == ("bf16" if has else "f32")


def test_threads_may_share_it(tiny, rng):
    engine = OpenVinoEngine(tiny, threads=1)
    pairs = [pair(rng, 20 + i, 30) for i in range(24)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda arrays: engine.fuse(*arrays), pairs))
    for arrays, fused in zip(pairs, together, strict=True):
        np.testing.assert_array_equal(fused, engine.fuse(*arrays))


RACE = """
import sys, threading
from pathlib import Path
import numpy as np
from imfuse.engines.openvino import OpenVinoEngine
sys.setswitchinterval(1e-6)
engine = OpenVinoEngine(Path(sys.argv[1]), threads=1)
together = threading.Barrier(2)
def fuse():
    together.wait()
    engine.fuse(np.zeros((32, 32), np.float32), np.zeros((32, 32), np.float32))
threads = [threading.Thread(target=fuse) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.slow
def test_the_first_pictures_of_two_threads_do_not_hang(tiny):
    """Without the first look under a lock one process in five hung; so here 99 times in 100."""
    for _ in range(20):
        subprocess.run([sys.executable, "-c", RACE, tiny], check=True, timeout=60)


def test_results_are_the_callers_own(tiny, rng):
    engine = OpenVinoEngine(tiny)
    first = engine.fuse(*pair(rng))
    kept = first.copy()
    engine.fuse(*pair(rng))
    np.testing.assert_array_equal(first, kept)


def test_without_openvino_the_error_says_what_to_install(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr("imfuse.engines.openvino._shared_core", _shared_core.__wrapped__)
    with pytest.raises(WeightsError, match=r"imfuse\[openvino\]"):
        OpenVinoEngine(tiny)


def test_no_model_and_no_runtime(tiny, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="not a readable ONNX file"):
        OpenVinoEngine(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match="onnxruntime, openvino, openvino-bf16"):
        imfuse.Fuser(tiny, runtime="tensorflow")


def test_on_the_command_line(tiny, tmp_path, rng):
    for name in ("ir", "vis"):
        (tmp_path / name).mkdir()
        picture = rng.integers(0, 256, (24, 30), dtype=np.uint8)
        imfuse.write_image(tmp_path / name / "1.png", imfuse.Picture(pixels=picture))
    results = []
    for runtime in ("onnxruntime", "openvino", "openvino-bf16"):
        out = tmp_path / runtime
        command = ["fuse", str(tmp_path / "ir"), str(tmp_path / "vis"), "-o", str(out)]
        with pytest.raises(SystemExit) as ended:
            main([*command, "-m", str(tiny), "--runtime", runtime])
        assert not ended.value.code
        results.append(imfuse.read_image(out / "1.png").pixels.astype(int))
        assert f'"runtime": "{runtime}"' in (out / "imfuse-run.json").read_text()
    assert np.abs(results[0] - results[1]).max() <= 1
    assert np.abs(results[0] - results[2]).max() <= 2


def test_engines_share_one_core(tiny):
    """Cores that end in another order than they began leave a stack for signals that is gone."""
    engines = [OpenVinoEngine(tiny) for _ in range(2)]
    assert len(engines) == 2
    assert _core(tiny) is _core(tiny)
