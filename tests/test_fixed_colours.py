"""The same temperature has the same look in every frame of a folder."""

import numpy as np
import pytest

import imfuse
from imfuse.io.images import read_image, write_image
from imfuse.scenes.render import render
from imfuse.types import Picture
from reference import thermal_files as made

FRAMES = 4


@pytest.fixture(scope="module")
def scene():
    """Temperatures of a rendered scene from 5 to 30 degrees, and its visible picture."""
    rendered = render(size=(96, 128), seed=3)
    heat = rendered.ir.astype(np.float64)
    celsius = 5 + 25 * (heat - heat.min()) / (heat.max() - heat.min())
    return celsius, np.rint(255 * rendered.vis).astype(np.uint8)


def frames(scene, folder):
    """Write frames into which something of 120 degrees enters from the left, and where it was."""
    celsius, visible = scene
    (folder / "ir").mkdir()
    (folder / "vis").mkdir()
    ever = np.zeros(celsius.shape, bool)
    for number in range(FRAMES):
        heat = celsius.copy()
        if number:
            heat[30:60, : 10 * number] = 120
            ever[30:60, : 10 * number] = True
        # Each camera of FLIR's shows a range of its own, which must not show here.
        low, high = made.counts_of(np.array([heat.min(), heat.max()]))
        shown = (round((low + high) / 2), round(high - low))
        (folder / "ir" / f"{number}.jpg").write_bytes(made.flir_file(heat, shown=shown))
        write_image(folder / "vis" / f"{number}.png", Picture(pixels=visible))
    return ever


def changes(folder, frames_of, away):
    """Return how much each later frame differs from the first one, away from what is hot."""
    first, *others = (frame.astype(int) for frame in frames_of(folder))
    return [np.abs(frame - first)[away] for frame in others]


def in_folder(model, ir_range):
    def fused(folder):
        results = imfuse.fuse_folders(
            *(folder / "ir", folder / "vis", folder / "out", model), ir_range=ir_range, workers=1
        )
        assert [one.error for one in results] == [None] * FRAMES
        assert len({tuple(one.history["ir_range"]) for one in results}) == 1
        return [read_image(folder / "out" / f"{i}.png").pixels for i in range(FRAMES)]

    return fused


@pytest.mark.parametrize("ir_range", ["5C:30C", "auto"])
@pytest.mark.parametrize("model", ["average", "max"])
def test_something_hot_changes_nothing_else(scene, tmp_path, ir_range, model):
    hot = frames(scene, tmp_path)
    for change in changes(tmp_path, in_folder(model, ir_range), ~hot):
        assert change.max() == 0


@pytest.mark.parametrize("ir_range", ["5C:30C", "auto"])
def test_our_network_adapts_to_a_scene_but_not_to_a_range_of_each_frame(scene, tmp_path, ir_range):
    frames(scene, tmp_path)
    away = np.zeros(scene[0].shape, bool)
    away[:, 80:] = True

    def alone(folder):
        for i in range(FRAMES):
            files = folder / "ir" / f"{i}.jpg", folder / "vis" / f"{i}.png"
            yield imfuse.fuse(*files, "imfuse-b", ir_range="0%:100%").pixels

    shared = changes(tmp_path, in_folder("imfuse-b", ir_range), away)
    own = changes(tmp_path, alone, away)
    for ours, theirs in zip(shared, own, strict=True):
        assert ours.mean() < 0.4 * theirs.mean()


def test_alone_each_frame_would_take_the_range_of_its_camera(scene, tmp_path):
    frames(scene, tmp_path)
    ranges = set()
    for number in range(2):
        with pytest.warns(imfuse.ImfuseWarning, match="the camera showed"):
            fused = imfuse.fuse(
                tmp_path / "ir" / f"{number}.jpg", tmp_path / "vis" / f"{number}.png", "average"
            )
        ranges.add(tuple(fused.history["ir_range"]))
    assert len(ranges) == 2


def test_a_folder_of_thermal_files_needs_a_range(scene, tmp_path):
    frames(scene, tmp_path)
    results = imfuse.fuse_folders(tmp_path / "ir", tmp_path / "vis", tmp_path / "out", "average")
    assert all("--ir-range" in str(one.error) for one in results)


def test_so_does_a_session(scene, tmp_path):
    frames(scene, tmp_path)
    pair = tmp_path / "ir" / "0.jpg", tmp_path / "vis" / "0.png"
    with pytest.raises(imfuse.BadValues, match="ir_range"):
        imfuse.Session("average").push(*pair)
    fused = imfuse.Session("average", ir_range="5C:30C").push(*pair)
    assert fused.history["ir_range"] == [5, 30]


def test_folders_keep_temperatures_in_tiffs(scene, tmp_path):
    frames(scene, tmp_path)
    results = imfuse.fuse_folders(
        *(tmp_path / "ir", tmp_path / "vis", tmp_path / "out", "average"),
        ir_range="5C:30C",
        keep_temperature=True,
    )
    assert {one.out.suffix for one in results} == {".tif"}
    kept = imfuse.read_temperature(tmp_path / "out" / "0.tif")
    np.testing.assert_allclose(kept, scene[0], atol=0.02)
    with pytest.raises(imfuse.OutputError, match="can't keep temperatures"):
        imfuse.fuse_folders(
            *(tmp_path / "ir", tmp_path / "vis", tmp_path / "other", "average"),
            suffix=".png",
            keep_temperature=True,
        )
