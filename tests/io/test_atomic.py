"""Files appear whole or not at all, and nothing else is left in the folder."""

import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from imfuse.errors import OutputError
from imfuse.io.images import read_image, remove_stale_temporaries, write_image
from imfuse.types import Picture

OLD, NEW = (Picture(pixels=np.full((4, 5), value, np.uint8)) for value in (1, 2))


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "out.png"
    write_image(path, OLD)
    return path


def assert_untouched(path):
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert read_image(path).pixels[0, 0] == 1


def test_an_existing_file_is_replaced(target):
    write_image(target, NEW)
    assert [entry.name for entry in target.parent.iterdir()] == ["out.png"]
    assert read_image(target).pixels[0, 0] == 2


@pytest.mark.parametrize("number", [28, 13, 5])  # disk full, permission, input/output error
def test_a_failing_rename_leaves_the_old_file(target, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OutputError, match=os.strerror(number)) as caught:
        write_image(target, NEW)
    assert caught.value.file == str(target)
    assert "disk space" in caught.value.remedy
    monkeypatch.undo()
    assert_untouched(target)


def test_a_full_disk_leaves_the_old_file(target, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))
        yield

    monkeypatch.setattr("imfuse.io.encode._encode", full)
    with pytest.raises(OutputError, match="No space left"):
        write_image(target, NEW)
    monkeypatch.undo()
    assert_untouched(target)


def test_an_interrupt_leaves_the_old_file(target, monkeypatch):
    def interrupt(*_):
        yield b"half of "
        raise KeyboardInterrupt

    monkeypatch.setattr("imfuse.io.encode._encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(target, NEW)
    monkeypatch.undo()
    assert_untouched(target)


def test_a_picture_that_does_not_fit_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.jpg"
    write_image(path, OLD)
    before = path.read_bytes()
    with pytest.raises(OutputError):
        write_image(path, Picture(pixels=np.zeros((4, 5), np.uint16)))
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_impossible_places(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    for path, found in (
        (tmp_path / "none" / "a.png", "does not exist"),
        (tmp_path / "file" / "a.png", "is not a folder"),
        (tmp_path / "folder.png", "is a folder"),
        (tmp_path / ("x" * 300 + ".png"), "can't be written"),
        ("a\0b.png", "can't be written"),
        ("/proc/a.png", "can't be written"),  # where even root may not write
    ):
        with pytest.raises(OutputError, match=found) as caught:
            write_image(path, OLD)
        assert caught.value.remedy
        assert caught.value.exit_code == 3
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.png"]


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_image(tmp_path / "a.png", OLD)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640


def test_long_names(tmp_path):
    path = tmp_path / ("ü" * 125 + ".png")  # 254 of the 255 bytes that a name may have
    write_image(path, OLD)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_what_a_killed_writer_left_is_found(target, tmp_path):
    stale = tmp_path / ".out.png.0123456789ab.imfuse-tmp"
    stale.write_bytes(b"half")
    (tmp_path / "imfuse-tmp").write_bytes(b"another's")
    assert remove_stale_temporaries(tmp_path) == [stale]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["imfuse-tmp", "out.png"]


def test_threads_write_the_same_name(tmp_path):
    pictures = [Picture(pixels=np.full((50, 60), value, np.uint8)) for value in range(8)]
    threads = [
        threading.Thread(target=write_image, args=(tmp_path / "a.png", picture))
        for picture in pictures
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pixels = read_image(tmp_path / "a.png").pixels
    assert (pixels == pixels[0, 0]).all()
    assert len(list(tmp_path.iterdir())) == 1


def test_only_what_killed_writers_left_is_removed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        running = tmp_path / f".out.png.{process.pid}-0a1b2c.imfuse-tmp"
        running.write_bytes(b"half")
        left = tmp_path / ".out.png.0a1b2c3d4e5f.imfuse-tmp"
        left.write_bytes(b"half")
        assert remove_stale_temporaries(tmp_path) == [left]
        process.communicate(b"\n")
    assert remove_stale_temporaries(tmp_path) == [running]
    assert list(tmp_path.iterdir()) == []
