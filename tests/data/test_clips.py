"""Video: frames in order, each decoded once, memory bounded, broken files named."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from imfuse.data import open_source
from imfuse.data.clips import ClipPairs
from imfuse.data.folders import find_pairs
from imfuse.errors import DatasetNotFound, PairMismatch, UnreadableImage, UsageError

COPY = Path(__file__).parent / "m3svd"
FRAMES = 12


@pytest.fixture
def decoded(monkeypatch):
    """Count what OpenCV decodes: frames by read and by grab, and look-ups."""
    counts = {"read": 0, "grab": 0, "set": 0, "open": 0}
    real = cv2.VideoCapture

    class Counting:
        def __init__(self, *arguments):
            counts["open"] += 1
            self._capture = real(*arguments)

        def __getattr__(self, name):
            if name in counts:
                counts[name] += 1
            return getattr(self._capture, name)

    monkeypatch.setattr(cv2, "VideoCapture", Counting)
    return counts


def straight(path):
    """Every frame of a clip, by the plainest use of OpenCV."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        done, pixels = capture.read()
        if not done:
            return frames
        frames.append(pixels[..., ::-1])


def test_frames_are_those_of_the_files():
    source = open_source(COPY)
    assert len(source) == 2 * FRAMES
    assert source.names[FRAMES + 3] == "1230_1202/00003"
    for clip, first in (("0111_1716", 0), ("1230_1202", FRAMES)):
        visible = straight(COPY / "visible" / f"{clip}.mp4")
        infrared = straight(COPY / "infrared" / f"{clip}.mp4")
        assert len(visible) == FRAMES
        for number in range(FRAMES):
            sample = source.load(first + number)
            np.testing.assert_array_equal(sample.vis, visible[number])
            gray = infrared[number].astype(float) @ [0.299, 0.587, 0.114]
            assert np.abs(sample.ir - gray).max() <= 0.51


def test_brightness_grows_from_frame_to_frame():
    means = [float(open_source(COPY).load(i).vis.mean()) for i in range(FRAMES)]
    assert np.diff(means).min() > 5


def test_in_order_each_frame_is_decoded_once(decoded):
    source = ClipPairs(find_pairs(COPY), max_bytes=0)
    decoded.update(read=0, grab=0, set=0, open=0)
    for index in range(len(source)):
        source.load(index)
    assert decoded == {"read": 2 * 2 * FRAMES, "grab": 0, "set": 0, "open": 4}


def test_a_stride_skips_without_looking_up(decoded):
    source = ClipPairs(find_pairs(COPY), stride=5)
    assert source.names[:3] == ("0111_1716/00000", "0111_1716/00005", "0111_1716/00010")
    decoded.update(read=0, grab=0, set=0, open=0)
    for index in range(3):
        source.load(index)
    assert decoded == {"read": 6, "grab": 2 * 8, "set": 0, "open": 2}


@pytest.mark.parametrize("seed", range(3))
def test_any_order_gives_the_same_frames(seed):
    ordered = [open_source(COPY).load(index) for index in range(2 * FRAMES)]
    source = ClipPairs(find_pairs(COPY), max_bytes=0)
    for index in np.random.default_rng(seed).permutation(2 * FRAMES):
        sample = source.load(int(index))
        np.testing.assert_array_equal(sample.vis, ordered[index].vis)
        np.testing.assert_array_equal(sample.ir, ordered[index].ir)


def test_frames_kept_are_not_decoded_again_and_stay_within_the_bound(decoded):
    size = 48 * 64 * 4
    source = ClipPairs(find_pairs(COPY), max_bytes=4 * size)
    for index in range(6):
        source.load(index)
    assert source._kept_bytes == 4 * size
    decoded.update(read=0)
    for index in (5, 4, 3, 2):
        source.load(index)
    assert decoded["read"] == 0
    source.load(0)
    assert decoded["read"] == 2
    assert source._kept_bytes == 4 * size


def test_a_forked_process_opens_its_own():
    source = open_source(COPY)
    expected = source.load(1).vis
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        same = np.array_equal(source.load(2).vis, straight(COPY / "visible/0111_1716.mp4")[2])
        os.write(writer, b"y" if same else b"n")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1) == b"y"
    np.testing.assert_array_equal(source.load(1).vis, expected)


def test_it_is_handed_to_another_process_by_its_files():
    source = ClipPairs(find_pairs(COPY), stride=5)
    rebuild, arguments = source.__reduce__()
    assert rebuild(*arguments).names == source.names


def test_clips_of_two_lengths_are_refused(tmp_path):
    shutil.copytree(COPY, tmp_path / "set")
    video = cv2.VideoWriter(
        str(tmp_path / "set/visible/0111_1716.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (64, 48)
    )
    for _ in range(5):
        video.write(np.zeros((48, 64, 3), np.uint8))
    video.release()
    with pytest.raises(PairMismatch, match="12 infrared and 5 visible frames"):
        open_source(tmp_path / "set")


def test_what_is_no_video_is_refused(tmp_path, capfd):
    shutil.copytree(COPY, tmp_path / "set")
    (tmp_path / "set/visible/0111_1716.mp4").write_bytes(b"no video at all" * 99)
    with pytest.raises(UnreadableImage, match=r"0111_1716\.mp4: no video"):
        open_source(tmp_path / "set")
    capfd.readouterr()


def test_a_clip_without_partner_is_told_and_none_at_all_refused(tmp_path):
    shutil.copytree(COPY, tmp_path / "set")
    (tmp_path / "set/visible/0111_1716.mp4").unlink()
    found = find_pairs(tmp_path / "set")
    assert [why for _, why in found.unmatched] == ["no visible picture"]
    (tmp_path / "set/infrared/1230_1202.mp4").unlink()
    with pytest.raises(DatasetNotFound, match="no names match"):
        find_pairs(tmp_path / "set")
    with pytest.raises(UsageError, match="stride"):
        open_source(COPY, stride=0)
