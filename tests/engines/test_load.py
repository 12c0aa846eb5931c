"""Engines of files are kept open, and a file that was replaced is opened anew."""

import hashlib
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import imfuse
from imfuse.engines.load import cached_engine
from imfuse.engines.onnx import SPEC_KEY
from imfuse.types import FusionSpec

DARK, BRIGHT = np.full((2, 5), 40, np.uint8), np.full((2, 5), 90, np.uint8)


def write(path, operator):
    """Write a network that is one operator, such as Max, of both pictures."""
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "h", "w"])
        for name in ("ir", "vis", "fused")
    ]
    nodes = [helper.make_node(operator, ["ir", "vis"], ["fused"])]
    graph = helper.make_graph(nodes, "g", ports[:2], ports[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    spec = FusionSpec(name="one", title="one", kind="network")
    helper.set_model_props(model, {SPEC_KEY: spec.model_dump_json()})
    onnx.save(model, path)


def level(model):
    return int(imfuse.fuse(DARK, BRIGHT, str(model))[0, 0])


def test_a_replaced_file_runs_as_the_new_one(tmp_path):
    path = tmp_path / "m.onnx"
    write(path, "Max")
    assert level(path) == 90
    before = path.stat()
    write(tmp_path / "new.onnx", "Min")
    assert (tmp_path / "new.onnx").stat().st_size == before.st_size
    os.utime(tmp_path / "new.onnx", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "new.onnx").replace(path)
    assert level(path) == 40


def test_a_name_means_the_file_of_the_folder_one_is_in(tmp_path, monkeypatch):
    for folder, operator, expected in (("a", "Max", 90), ("b", "Min", 40)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "m.onnx", operator)
        monkeypatch.chdir(tmp_path / folder)
        assert level("m.onnx") == expected


def test_a_replaced_file_of_the_same_size_and_time_runs_as_the_new_one(tmp_path):
    path = tmp_path / "m.onnx"
    write(path, "Max")
    first, before = path.stat(), path.read_bytes()
    assert level(path) == 90
    write(tmp_path / "other.onnx", "Min")
    path.write_bytes((tmp_path / "other.onnx").read_bytes())  # the same inode
    os.utime(path, ns=(first.st_atime_ns, first.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (len(before), first.st_mtime_ns)
    assert level(path) == 40


def test_replaced_weights_run_as_the_new_ones(tmp_path):
    torch = pytest.importorskip("torch")
    from imfuse.learn.checkpoints import save_weights
    from imfuse.learn.models.base import Origin
    from imfuse.learn.networks import create_network

    path, results = tmp_path / "w.safetensors", []
    for seed in (1, 2):
        torch.manual_seed(seed)
        save_weights(path, create_network("sdnet"), settings={}, origin=Origin(licence="MIT"))
        results.append(imfuse.fuse(DARK, BRIGHT, path))
        assert cached_engine(path).weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not np.array_equal(*results)


def test_a_file_is_opened_once_and_few_stay_open(tmp_path):
    paths = [tmp_path / f"{number}.onnx" for number in range(5)]
    for path in paths:
        write(path, "Max")
    first = cached_engine(paths[0])
    assert cached_engine(str(paths[0])) is first
    assert cached_engine(paths[0], threads=1) is not first
    for path in paths[1:]:
        cached_engine(path)
    assert cached_engine(paths[0]) is not first


def test_results_say_which_weights_made_them(tmp_path):
    write(tmp_path / "m.onnx", "Max")
    pair = [imfuse.Picture(pixels=one) for one in (DARK, BRIGHT)]
    fused = imfuse.fuse(*pair, tmp_path / "m.onnx")
    expected = hashlib.sha256((tmp_path / "m.onnx").read_bytes()).hexdigest()
    assert fused.history["weights_sha256"] == expected
    assert imfuse.fuse(*pair, "max").history["weights_sha256"] is None
