"""Folder runs: what one bad pair, an interruption, or a kill leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import imfuse
from imfuse.errors import (
    BadValues,
    ImfuseError,
    OutputError,
    PairMismatch,
    UnreadableImage,
    UsageError,
)
from imfuse.folders import FolderJob, prepare
from imfuse.io.images import read_image, write_image
from imfuse.options import FuseOptions
from imfuse.runs import RESULTS_FILE, RUN_FILE
from imfuse.types import Picture


def make_pairs(root, count, size=(12, 16), vis_suffix=".png"):
    rng = np.random.default_rng(0)
    for folder in ("ir", "vis"):
        (root / folder).mkdir()
    for index in range(count):
        ir = rng.integers(0, 256, size).astype(np.uint8)
        vis = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
        write_image(root / "ir" / f"{index:03d}.bmp", Picture(pixels=ir))
        write_image(root / "vis" / f"{index:03d}{vis_suffix}", Picture(pixels=vis))


def job(root, *, suffix=None, pair_regex=None, workers=1, resume=False, **options):
    return FolderJob(
        ir=root / "ir",
        vis=root / "vis",
        out=root / "out",
        options=FuseOptions(**options),
        suffix=suffix,
        pair_regex=pair_regex,
        workers=workers,
        resume=resume,
    )


def outputs(root):
    return sorted(
        p.name for p in (root / "out").iterdir() if p.name not in {RUN_FILE, RESULTS_FILE}
    )


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_pair_becomes_one_file_equal_to_fusing_it_alone(tmp_path, workers):
    make_pairs(tmp_path, 7)
    results = list(prepare(job(tmp_path, model="laplacian", workers=workers)))
    assert len(results) == 7
    assert outputs(tmp_path) == [f"{i:03d}.png" for i in range(7)]
    for result in results:
        assert result.error is None
        alone = imfuse.fuse(result.ir, result.vis, "laplacian").pixels
        assert np.array_equal(read_image(result.out).pixels, alone)


def test_results_are_named_after_the_visible_and_take_the_asked_format(tmp_path):
    make_pairs(tmp_path, 2, vis_suffix=".webp")
    list(prepare(job(tmp_path, suffix=".tif")))
    assert outputs(tmp_path) == ["000.tif", "001.tif"]


def test_float_pictures_become_tiff(tmp_path):
    make_pairs(tmp_path, 1)
    pixels = np.linspace(0, 1, 12 * 16, dtype=np.float32).reshape(12, 16)
    (tmp_path / "vis" / "000.png").unlink()
    write_image(tmp_path / "vis" / "000.tif", Picture(pixels=pixels))
    list(prepare(job(tmp_path)))
    assert outputs(tmp_path) == ["000.tif"]
    assert read_image(tmp_path / "out" / "000.tif").pixels.dtype == np.float32


def test_one_bad_pair_does_not_stop_the_rest(tmp_path):
    make_pairs(tmp_path, 6)
    whole = (tmp_path / "vis" / "002.png").read_bytes()
    (tmp_path / "vis" / "002.png").write_bytes(whole[: len(whole) // 2])
    write_image(tmp_path / "ir" / "004.bmp", Picture(pixels=np.zeros((3, 3), np.uint8)))
    results = {r.vis.stem: r for r in prepare(job(tmp_path, workers=2))}
    assert outputs(tmp_path) == ["000.png", "001.png", "003.png", "005.png"]
    assert isinstance(results["002"].error, UnreadableImage)
    assert isinstance(results["004"].error, PairMismatch)


def test_a_fault_of_ours_is_reported_per_pair_too(tmp_path, monkeypatch):
    make_pairs(tmp_path, 3)
    run = prepare(job(tmp_path))

    def broken(pair, **_):
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(run.fuser, "fuse", broken)
    errors = [result.error for result in run]
    assert len(errors) == 3
    assert all(type(e) is ImfuseError and "ZeroDivisionError: by design" in str(e) for e in errors)


def test_ambiguous_names_are_listed_as_failed(tmp_path):
    make_pairs(tmp_path, 2)
    write_image(tmp_path / "ir" / "001.png", Picture(pixels=np.zeros((12, 16), np.uint8)))
    results = list(prepare(job(tmp_path)))
    assert outputs(tmp_path) == ["000.png"]
    (failed,) = [r for r in results if r.error]
    assert "001.bmp" in str(failed.error)
    assert "001.png" in str(failed.error)


def test_resume_skips_what_is_done_and_redoes_what_is_stale(tmp_path):
    make_pairs(tmp_path, 4)
    list(prepare(job(tmp_path)))
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in outputs(tmp_path)}
    (tmp_path / "out" / "001.png").unlink()
    stale = tmp_path / "ir" / "002.bmp"
    later = time.time() + 5
    os.utime(stale, (later, later))
    run = prepare(job(tmp_path, resume=True))
    assert [p.key for p in run.skipped] == ["000", "003"]
    assert sorted(r.vis.stem for r in run) == ["001", "002"]
    for name in ("000.png", "003.png"):
        assert (tmp_path / "out" / name).stat().st_mtime_ns == before[name]


def test_resume_with_other_settings_is_refused(tmp_path):
    make_pairs(tmp_path, 2)
    list(prepare(job(tmp_path, model="average")))
    with pytest.raises(OutputError, match="model=average.*expected model=max.*same settings"):
        prepare(job(tmp_path, model="max", resume=True))
    (tmp_path / "out" / RUN_FILE).write_text("{")
    with pytest.raises(OutputError, match="unreadable run file"):
        prepare(job(tmp_path, model="average", resume=True))


@pytest.mark.parametrize("name", [RUN_FILE, RESULTS_FILE])
def test_resume_does_not_wait_for_a_pipe(tmp_path, name):
    make_pairs(tmp_path, 1)
    list(prepare(job(tmp_path, model="average")))
    (tmp_path / "out" / name).unlink()
    os.mkfifo(tmp_path / "out" / name)
    with pytest.raises(OutputError, match=f"{name}: not a regular file"):
        prepare(job(tmp_path, model="average", resume=True))


def test_results_of_an_earlier_run_with_other_settings_are_not_taken_for_done(tmp_path):
    make_pairs(tmp_path, 3)
    list(prepare(job(tmp_path, model="average")))
    broken_off = iter(prepare(job(tmp_path, model="max")))
    first = next(broken_off)
    broken_off.close()
    run = prepare(job(tmp_path, model="max", resume=True))
    assert first.vis.stem in {p.key for p in run.skipped}
    list(run)
    for name in ("000", "001", "002"):
        expected = imfuse.fuse(tmp_path / f"ir/{name}.bmp", tmp_path / f"vis/{name}.png", "max")
        assert np.array_equal(read_image(tmp_path / f"out/{name}.png").pixels, expected.pixels)


def test_resume_with_another_file_of_the_same_model_name_is_refused(tmp_path, golden):
    make_pairs(tmp_path, 1)
    content = (golden / "tiny.onnx").read_bytes()
    network = tmp_path / "m.onnx"
    network.write_bytes(content)
    list(prepare(job(tmp_path, model=network)))
    assert prepare(job(tmp_path, model=network, resume=True)).pending == ()
    network.write_bytes(content + b"\x1a\x00")  # an empty graph name: another file, still valid
    with pytest.raises(OutputError, match="model_sha256"):
        prepare(job(tmp_path, model=network, resume=True))


def test_without_resume_everything_is_made_again(tmp_path):
    make_pairs(tmp_path, 3)
    list(prepare(job(tmp_path, model="average")))
    run = prepare(job(tmp_path, model="max"))
    assert len(list(run)) == 3
    assert json.loads((tmp_path / "out" / RUN_FILE).read_text())["settings"]["model"] == "max"


def test_output_folder_that_is_an_input_folder(tmp_path):
    make_pairs(tmp_path, 1)
    (tmp_path / "link").symlink_to(tmp_path / "vis")
    for out in ("ir", "vis", "link"):
        with pytest.raises(OutputError, match="is an input folder"):
            prepare(FolderJob(ir=tmp_path / "ir", vis=tmp_path / "vis", out=tmp_path / out))
    assert sorted(p.name for p in (tmp_path / "vis").iterdir()) == ["000.png"]


def test_output_folder_that_cannot_be_made(tmp_path):
    make_pairs(tmp_path, 1)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't make the output folder"):
        prepare(FolderJob(ir=tmp_path / "ir", vis=tmp_path / "vis", out=tmp_path / "file" / "out"))


@pytest.mark.parametrize("bad", [{"workers": 0}, {"suffix": ".gif"}, {"pair_regex": "("}])
def test_bad_options(tmp_path, bad):
    make_pairs(tmp_path, 1)
    with pytest.raises(UsageError):
        prepare(job(tmp_path, **bad))
    assert not (tmp_path / "out").exists()


def test_depths_that_the_format_cannot_hold_fail_by_name(tmp_path):
    make_pairs(tmp_path, 1)
    write_image(tmp_path / "vis" / "000.png", Picture(pixels=np.zeros((12, 16), np.uint16)))
    (result,) = prepare(job(tmp_path, suffix=".jpg"))
    assert isinstance(result.error, OutputError)
    assert outputs(tmp_path) == []


def test_memory_stays_bounded_over_many_pairs(tmp_path):
    """No more than a few pairs per worker may be under way, however slow the reader of results."""
    import tracemalloc

    make_pairs(tmp_path, 60, size=(200, 300))
    run = prepare(job(tmp_path, model="average", workers=1))
    tracemalloc.start()
    for _ in run:
        time.sleep(0.005)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    one_pair = 200 * 300 * (1 + 3 + 3)
    assert peak < 30 * one_pair


def start_command(root, *more):
    command = [sys.executable, "-m", "imfuse", "fuse", "ir", "vis", "-o", "out", "--workers", "2"]
    # Shells start what they put into the background with interrupts ignored, and so would we.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [*command, *more], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for_outputs(root, process, count):
    out = root / "out"
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if out.exists() and len(list(out.glob("*.png"))) >= count:
            return
        time.sleep(0.002)
    pytest.fail(f"the run ended or hung before {count} results: {process.communicate()}")


def test_interrupt_leaves_whole_files_only_and_resume_finishes(tmp_path):
    make_pairs(tmp_path, 60, size=(240, 320))
    process = start_command(tmp_path, "-m", "mst-sr", "--json")
    wait_for_outputs(tmp_path, process, 3)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "--resume" in stderr
    report = json.loads(stdout)
    assert report["interrupted"]
    assert sorted(Path(r["out"]).name for r in report["outputs"]) == outputs(tmp_path)
    for name in outputs(tmp_path):
        read_image(tmp_path / "out" / name)
    again = start_command(tmp_path, "-m", "mst-sr", "--json", "--resume")
    stdout, stderr = again.communicate(timeout=120)
    assert again.returncode == 0, stderr
    assert len(outputs(tmp_path)) == 60
    resumed = json.loads(stdout)
    assert len(resumed["outputs"]) + len(resumed["skipped"]) == 60
    assert len(resumed["skipped"]) == len(report["outputs"])


@pytest.mark.parametrize("results_before", [0, 2, 9])
def test_kill_loses_and_doubles_nothing(tmp_path, results_before):
    make_pairs(tmp_path, 40, size=(240, 320))
    process = start_command(tmp_path)
    wait_for_outputs(tmp_path, process, results_before)
    process.kill()
    process.communicate()
    finished = {n: (tmp_path / "out" / n).read_bytes() for n in outputs(tmp_path) if n[0] != "."}
    times = {n: (tmp_path / "out" / n).stat().st_mtime_ns for n in finished}
    again = start_command(tmp_path, "--resume")
    _, stderr = again.communicate(timeout=120)
    assert again.returncode == 0, stderr
    assert outputs(tmp_path) == [f"{i:03d}.png" for i in range(40)]
    for name, content in finished.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    redone = [n for n in finished if (tmp_path / "out" / n).stat().st_mtime_ns != times[n]]
    assert len(redone) <= 4 * 2  # those in progress, whose line in the record was not written yet
    for name in outputs(tmp_path):
        fused = read_image(tmp_path / "out" / name).pixels
        ir, vis = tmp_path / "ir" / f"{name[:3]}.bmp", tmp_path / "vis" / name
        assert np.array_equal(fused, imfuse.fuse(ir, vis).pixels)


def test_a_source_that_a_link_makes_the_output_is_not_replaced(tmp_path):
    make_pairs(tmp_path, 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "vis" / "001.png").rename(tmp_path / "out" / "001.png")
    (tmp_path / "vis" / "001.png").symlink_to(tmp_path / "out" / "001.png")
    os.link(tmp_path / "ir" / "002.bmp", tmp_path / "out" / "002.png")
    before = {n: (tmp_path / "out" / n).read_bytes() for n in ("001.png", "002.png")}
    results = {r.vis.stem: r.error for r in prepare(job(tmp_path))}
    assert results["000"] is None
    for name in ("001", "002"):
        assert isinstance(results[name], OutputError)
        assert "one of the inputs" in str(results[name])
        assert (tmp_path / "out" / f"{name}.png").read_bytes() == before[f"{name}.png"]


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    make_pairs(tmp_path, 4)
    first = iter(prepare(job(tmp_path)))
    next(first)
    temporary = tmp_path / "out" / ".000.png.1a2b3c.imfuse-tmp"
    temporary.write_bytes(b"of the first run")
    for resume in (False, True):
        with pytest.raises(OutputError, match="in use by another imfuse run"):
            prepare(job(tmp_path, resume=resume))
    assert temporary.exists()
    assert len(list(first)) == 3
    assert prepare(job(tmp_path, resume=True)).pending == ()
    assert not temporary.exists()


@pytest.mark.parametrize("change", ["empty", "cut", "foreign", "gone", "source"])
def test_resume_redoes_what_is_not_as_it_was(tmp_path, change):
    make_pairs(tmp_path, 3)
    list(prepare(job(tmp_path)))
    out = tmp_path / "out" / "001.png"
    whole = out.read_bytes()
    match change:
        case "empty":
            out.write_bytes(b"")
        case "cut":
            out.write_bytes(whole[:-20])
        case "foreign":
            out.write_bytes((tmp_path / "out" / "002.png").read_bytes())
        case "gone":
            out.unlink()
        case _:  # an older file in its place, as a copy that keeps times leaves it
            write_image(tmp_path / "ir" / "001.bmp", Picture(pixels=np.zeros((12, 16), np.uint8)))
            os.utime(tmp_path / "ir" / "001.bmp", (1e9, 1e9))
    run = prepare(job(tmp_path, resume=True))
    assert [pair.key for pair in run.pending] == ["001"]
    assert [result.error for result in run] == [None]
    assert (out.read_bytes() == whole) == (change != "source")


def test_resume_with_other_sources_or_another_pattern_is_refused(tmp_path):
    make_pairs(tmp_path, 3)
    list(prepare(job(tmp_path, pair_regex=r"(\d+)")))
    with pytest.raises(OutputError, match="pair_regex"):
        prepare(job(tmp_path, pair_regex=r"\d(\d+)", resume=True))
    (tmp_path / "vis").rename(tmp_path / "other")
    other = FolderJob(
        ir=tmp_path / "ir",
        vis=tmp_path / "other",
        out=tmp_path / "out",
        pair_regex=r"(\d+)",
        resume=True,
    )
    with pytest.raises(OutputError, match="the results there were made with vis="):
        prepare(other)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'{"settings": 3}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"imfuse": 1}',
        b" " * 2**21,
    ],
)
def test_a_tampered_run_file_is_a_named_error(tmp_path, content):
    make_pairs(tmp_path, 1)
    list(prepare(job(tmp_path)))
    (tmp_path / "out" / RUN_FILE).write_bytes(content)
    with pytest.raises(OutputError, match="unreadable run file") as caught:
        prepare(job(tmp_path, resume=True))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"null\n",
        b"[" * 100_000,
        b'{"ir": 1}\n',
        b"\xff\n",
        b'{"ir":"a","vis":"b","out":"../x"}\n',
    ],
)
def test_lines_of_results_that_make_no_sense_count_for_nothing(tmp_path, line):
    make_pairs(tmp_path, 2)
    list(prepare(job(tmp_path)))
    file = tmp_path / "out" / RESULTS_FILE
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0] + line)
    run = prepare(job(tmp_path, resume=True))
    assert len(run.skipped) == len(run.pending) == 1
    assert [result.error for result in run] == [None]


def test_names_of_255_bytes_can_be_resumed(tmp_path):
    make_pairs(tmp_path, 1)
    for folder, ending in (("ir", ".bmp"), ("vis", ".png")):
        (tmp_path / folder / f"000{ending}").rename(tmp_path / folder / ("n" * 251 + ending))
    for resume in (False, True):
        (result,) = prepare(job(tmp_path, suffix=".webp", resume=resume))
        assert isinstance(result.error, OutputError)
    assert len(list(prepare(job(tmp_path, suffix=".bmp")))) == 1


def make_counts(root, frames):
    """Write pairs: infrared frames as TIFF (floats, 16 bits) or PNG, and black visible ones."""
    for folder in ("ir", "vis"):
        (root / folder).mkdir()
    for index, frame in enumerate(frames):
        suffix = ".png" if frame.dtype == np.uint8 else ".tif"
        write_image(root / "ir" / f"{index:03d}{suffix}", Picture(pixels=frame))
        vis = np.arange(frame.size).reshape(frame.shape).astype(np.uint8)
        write_image(root / "vis" / f"{index:03d}.png", Picture(pixels=vis))


def test_percentiles_of_pictures_of_different_types_are_refused(tmp_path):
    rng = np.random.default_rng(1)
    degrees = rng.uniform(20, 34, (4, 60, 80)).astype(np.float32)
    make_counts(tmp_path, [*degrees, rng.integers(120, 207, (60, 80)).astype(np.uint8)])
    with pytest.raises(BadValues, match=r"float32 values .*000.tif, uint8 values .*004.png"):
        list(prepare(job(tmp_path, model="max", ir_range="auto", workers=2)))
    assert outputs(tmp_path) == []


def test_frames_that_do_not_fit_into_the_range_of_their_folder_are_told(tmp_path):
    rng = np.random.default_rng(1)
    degrees = rng.uniform(20, 34, (4, 60, 80)).astype(np.float32)
    make_counts(tmp_path, [*degrees, degrees[0] + 273])
    results = list(prepare(job(tmp_path, model="max", ir_range="auto")))
    told = [r.ir.stem for r in results if any("hardly show" in note for note in r.notes)]
    assert sorted(told) == ["000", "001", "002", "003", "004"]


def test_percentiles_of_a_constant_folder_name_the_folder(tmp_path):
    make_counts(tmp_path, [np.full((60, 80), 7, np.uint16)] * 2)
    with pytest.raises(BadValues, match="/ir: the infrared values don't vary"):
        list(prepare(job(tmp_path, model="max", ir_range="auto")))


def test_percentiles_are_of_the_whole_folder(tmp_path):
    make_pairs(tmp_path, 4)
    rng = np.random.default_rng(1)
    counts = rng.integers(3000, 9000, (4, 100, 120)).astype(np.uint16)
    counts[0] //= 2
    for index, frame in enumerate(counts):
        (tmp_path / "ir" / f"{index:03d}.bmp").unlink()
        write_image(tmp_path / "ir" / f"{index:03d}.tif", Picture(pixels=frame))
        vis = np.zeros((100, 120), np.uint8)
        write_image(tmp_path / "vis" / f"{index:03d}.png", Picture(pixels=vis))
    run = prepare(job(tmp_path, model="max", ir_range="auto", workers=2))
    assert run.needs_range
    results = {result.vis.stem: result for result in run}
    assert [result.error for result in results.values()] == [None] * 4
    low, high = run.record.ir_range.low, run.record.ir_range.high
    assert 1500 < low < 2500
    assert 8000 < high < 9000
    for index, frame in enumerate(counts):
        expected = np.clip((frame - low) / (high - low), 0, 1) * 255
        fused = read_image(results[f"{index:03d}"].out).pixels
        assert np.abs(fused - expected).max() <= 0.51
    (tmp_path / "out" / "002.png").unlink()
    again = prepare(job(tmp_path, model="max", ir_range="auto", resume=True))
    assert not again.needs_range
    assert [result.history["ir_range"] for result in again] == [[low, high]]
