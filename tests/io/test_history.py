"""Histories in files: every format that can hold one gives it back, and nothing is lost by it."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import imfuse
from imfuse.io.history import history_in, with_history
from imfuse.types import ImagePair, Metadata, Picture

PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="a"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def fused(tmp_path, packet=None):
    rng = np.random.default_rng(0)
    ir, vis = (rng.integers(0, 255, (32, 40), dtype=np.uint8) for _ in range(2))
    folder = tmp_path / "secret folder"
    first = Picture(pixels=ir, name=str(folder / "ir.png"), notes=(f"{folder}/ir.png: is odd",))
    second = Picture(pixels=vis, name=str(folder / "vis.png"), metadata=Metadata(xmp=packet))
    return imfuse.Fuser("max").fuse(ImagePair(ir=first, vis=second))


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
@pytest.mark.parametrize("packet", [None, PACKET])
def test_a_file_tells_what_made_it(tmp_path, suffix, packet):
    result = fused(tmp_path, packet)
    out = tmp_path / f"fused.{suffix}"
    assert imfuse.write_image(out, result) == ()
    found = imfuse.read_history(out)
    assert found == json.loads(json.dumps(result.history))
    assert found["model"] == "max"
    assert found["warnings"] == ["ir.png: is odd"]
    assert b"secret" not in out.read_bytes()
    xmp = imfuse.read_image(out).metadata.xmp
    ET.fromstring(xmp)  # noqa: S314 - ours
    assert packet is None or b'dc:source="a"' in xmp


def test_formats_without_a_place_for_it_hold_none(tmp_path):
    imfuse.write_image(tmp_path / "fused.bmp", fused(tmp_path))
    assert imfuse.read_history(tmp_path / "fused.bmp") is None


def test_a_picture_that_is_fused_again_has_the_newer_history():
    first = with_history(PACKET, {"model": 'a<b>&"c" é'})
    assert history_in(first) == {"model": 'a<b>&"c" é'}
    second = with_history(first, {"model": "max"})
    assert history_in(second) == {"model": "max"}
    assert second.count(b"imfuse:History") == 2  # one element: its start and its end


def test_a_packet_too_large_for_jpeg_goes_before_the_history(tmp_path):
    large = PACKET.replace(b'"a"', b'"' + b"a" * 65_150 + b'"')
    result = fused(tmp_path, large)
    assert imfuse.write_image(tmp_path / "fused.jpg", result) == ()
    assert imfuse.read_image(tmp_path / "fused.jpg").metadata.xmp == large
    assert imfuse.read_history(tmp_path / "fused.jpg") is None


@pytest.mark.parametrize("packet", [PACKET.decode().encode("utf-16"), b"no XMP", PACKET[:-30]])
def test_what_is_not_xmp_in_utf_8_stays_as_it_is(packet):
    assert with_history(packet, {"model": "max"}) == packet


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[1]", "\udcff"])
def test_damaged_histories_are_none(text):
    packet = with_history(PACKET, {"model": "max"})
    start = packet.index(b"History>") + len(b"History>")
    end = packet.index(b"</imfuse")
    damaged = packet[:start] + text.encode(errors="surrogateescape") + packet[end:]
    assert history_in(damaged) is None


def test_the_model_is_named_without_its_folder(tmp_path):
    path = Path("src/imfuse/weights/imfuse-s.onnx").resolve()
    rng = np.random.default_rng(0)
    ir, vis = (Picture(pixels=rng.integers(0, 255, (32, 40), np.uint8)) for _ in range(2))
    result = imfuse.Fuser(imfuse.FuseOptions(model=path)).fuse(ImagePair(ir=ir, vis=vis))
    assert result.history["options"]["model"] == "imfuse-s.onnx"
    assert len(result.history["weights_sha256"]) == 64
