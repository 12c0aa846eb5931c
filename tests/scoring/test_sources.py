"""Results of `--ir-range` are scored against the infrared picture that the fusion saw."""

import json

import numpy as np
import pytest
import tifffile

import imfuse
from imfuse.bench.run import Bench, competitors_of
from imfuse.bench.speed import measure_speed
from imfuse.data.entries import NamedPair
from imfuse.errors import BadValues, UsageError
from imfuse.fuser import Fuser
from imfuse.options import FuseOptions, InfraredRange
from imfuse.scoring.channels import Looks
from imfuse.scoring.scorer import Scorer
from imfuse.scoring.sources import as_fused
from imfuse.types import ImagePair, Picture
from reference.pictures import pair

RAW = ("int16", "int32", "uint32")
METRICS = ("--metrics", "EN,MI,SSIM", "--json")


def scene(dtype, *, low=180, span=180, seed=0):
    """Return infrared values of a type from `low` to `low + span`, and a visible picture."""
    ir, vis = pair(48, 64, seed=seed)
    return (low + span * ir).astype(dtype), np.rint(255 * vis).astype(np.uint8)


@pytest.fixture
def folders(tmp_path):
    """Folders of three pairs whose infrared pictures are of the type that the test asks for."""

    def make(dtype, **values):
        made = [tmp_path / name for name in ("fused", "ir", "vis")]
        for folder in made[1:]:
            folder.mkdir()
        for index in range(3):
            ir, vis = scene(dtype, seed=index, **values)
            # Each picture has a range of its own, so that pooling them matters.
            tifffile.imwrite(made[1] / f"{index}.tif", (ir + 20 * index).astype(dtype))
            imfuse.write_image(made[2] / f"{index}.png", Picture(pixels=vis))
        return made

    return make


@pytest.mark.parametrize("ir_range", ["180:360", "360:180", "auto", "5%:90%"])
@pytest.mark.parametrize("dtype", [*RAW, "uint16", "float32"])
def test_infrared_is_what_the_fuser_saw(dtype, ir_range):
    ir, vis = scene(dtype)
    both = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis.astype(np.float32) / 255))
    # A fusion that leans towards infrared entirely gives the infrared picture that it saw.
    saw = Fuser("average", ir_range=ir_range, prefer_ir=1).fuse(both)
    seen = as_fused(both, FuseOptions(ir_range=ir_range)).ir
    np.testing.assert_allclose(seen.pixels, saw.pixels, atol=1e-6)
    assert seen.pixels.dtype == np.float32
    assert "became 0..1" in seen.notes[-1]


def test_the_range_is_applied_before_the_size_as_in_fusing():
    ir, vis = scene("int16")
    large = np.kron(vis, np.ones((2, 2), np.uint8)).astype(np.float32) / 255
    both = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=large))
    options = FuseOptions(ir_range=(220, 300), resize="ir", model="average", prefer_ir=1)
    np.testing.assert_allclose(
        as_fused(both, options).ir.pixels, Fuser(options).fuse(both).pixels, atol=1e-6
    )


@pytest.mark.parametrize("ir_range", [None, "0:1"])
def test_pixels_without_data_take_their_neighbours_value_and_are_counted(ir_range):
    ir, vis = scene("float32", low=0.2, span=0.6)
    holes = np.zeros(ir.shape, bool)
    holes[5, 7] = True
    broken = Picture(pixels=np.where(holes, np.float32(0), ir), nodata=holes)
    both = ImagePair(ir=broken, vis=Picture(pixels=vis))
    seen = as_fused(both, FuseOptions(ir_range=ir_range)).ir
    assert seen.pixels[5, 7] in (ir[5, 6], ir[5, 8], ir[4, 7], ir[6, 7])
    assert (seen.pixels == ir)[~holes].all()
    assert "1 of 3,072 pixels have no data" in seen.notes[0]


def test_pictures_of_8_bits_stay_as_they_are():
    ir, vis = scene("uint8", low=0, span=255)
    both = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    seen = as_fused(both, FuseOptions())
    assert seen.ir.pixels is ir
    assert seen.ir.notes == ()


@pytest.mark.parametrize("dtype", RAW)
def test_types_without_white_need_the_range_everywhere(run, folders, dtype):
    fused, ir, vis = folders(dtype)
    assert run("fuse", ir, vis, "-o", fused, "--ir-range", "180:400")[0] == 0
    one = [folder / name for folder, name in ((fused, "0.png"), (ir, "0.tif"), (vis, "0.png"))]
    for command in (("evaluate",), ("explain", "MI")):
        for paths in (one, (fused, ir, vis)):
            code, _, err = run(*command, *paths)
            assert code == 3
            assert f"{dtype} infrared values" in err
            assert "--ir-range" in err
            assert "bug" not in err
            assert run(*command, *paths, "--ir-range", "180:400")[0] == 0
    with pytest.raises(BadValues, match="ir_range='"):
        imfuse.evaluate(*map(str, one))
    with pytest.warns(imfuse.ImfuseWarning) as caught:
        scores = imfuse.evaluate(*map(str, one), ir_range=(180, 400), metrics=["MI"])
    assert "from 180 to 400 became" in str(caught[-1].message)
    assert scores["MI"] > 0.5


@pytest.mark.parametrize("dtype", RAW)
def test_fused_and_visible_pictures_without_white_are_refused_by_name(dtype):
    with pytest.raises(BadValues, match=rf"a\.tif: {dtype} values from 7 to 9.*Scale them first"):
        Looks(Picture(pixels=np.array([[7, 9]], dtype), name="a.tif"))


@pytest.mark.parametrize("dtype", ["float32", "uint16", "int16"])
def test_percentiles_are_of_the_whole_folder_as_in_fusing(run, folders, dtype):
    fused, ir, vis = folders(dtype)
    code, _, said = run("fuse", ir, vis, "-o", fused, "--ir-range", "auto")
    assert code == 0
    shared = said.split("0.5%:99.5%: ")[1].split("\n")[0]
    (fused / "2.png").unlink()  # the range is that of all pairs all the same
    _, out, err = run("evaluate", fused, ir, vis, "--ir-range", "auto", *METRICS)
    found = json.loads(out)
    assert f"values from {shared.replace(':', ' to ')} became 0..1" in err
    _, out, _ = run("evaluate", fused, ir, vis, "--ir-range", shared, *METRICS)
    assert found["mean"] == pytest.approx(json.loads(out)["mean"], abs=1e-4)
    with pytest.warns(imfuse.ImfuseWarning):
        python = imfuse.evaluate(fused, ir, vis, metrics=["MI"], ir_range="auto")
    assert python["MI"] == found["mean"]["MI"]
    _, out, _ = run("explain", "MI", fused, ir, vis, "--ir-range", "auto", "--json")
    (ours,) = (one for one in json.loads(out)["values"] if "reference" in one["protocols"])
    assert ours["value"] == pytest.approx(python["MI"])


def test_counts_that_hardly_use_16_bits_are_told_in_the_words_of_fuse(run, folders):
    fused, ir, vis = folders("uint16", low=3000, span=5800)
    one = (ir / "0.tif", vis / "0.png")
    _, _, said = run("fuse", *one, "-o", fused.with_suffix(".png"))
    (note,) = (line for line in said.splitlines() if "will hardly show" in line)
    words = note[note.index("infrared uses only") :]
    assert "(ir_range='" in words
    _, _, err = run("evaluate", fused.with_suffix(".png"), *one, *METRICS)
    assert words in err
    _, out, err = run(
        "evaluate", fused.with_suffix(".png"), *one, *METRICS, "--ir-range", "3000:8800"
    )
    assert "hardly show" not in err
    assert json.loads(out)["count"] == 1


def test_the_page_shows_infrared_within_its_range(run, folders, tmp_path):
    fused, ir, vis = folders("float32", low=20, span=14)
    assert run("fuse", ir, vis, "-o", fused, "--ir-range", "auto")[0] == 0
    report = tmp_path / "a.html"
    options = ("--ir-range", "auto", "--metrics", "EN", "--report", report)
    assert run("evaluate", fused, ir, vis, *options)[0] == 0
    assert report.read_text().count("data:image/jpeg") >= 6


def test_ranges_that_make_no_sense_are_refused(run, folders):
    paths = folders("uint16")
    paths[0].mkdir()
    for command in (("evaluate", *paths), ("explain", "MI", *paths)):
        code, _, err = run(*command, "--ir-range", "5")
        assert (code, "LOW:HIGH" in err) == (2, True)
    code, _, err = run("bench", "--data", paths[1].parent, "--ir-range", "5")
    assert (code, "LOW:HIGH" in err) == (2, True)
    with pytest.raises(UsageError, match="two different"):
        imfuse.evaluate(*map(str, paths), ir_range=(5, 5))


def test_explain_takes_what_fuse_resized(run, tmp_path):
    ir, vis = scene("uint8", low=0, span=255)
    paths = [tmp_path / f"{name}.png" for name in ("fused", "ir", "vis")]
    imfuse.write_image(paths[1], Picture(pixels=ir[::2, ::2].copy()))
    imfuse.write_image(paths[2], Picture(pixels=vis))
    assert run("fuse", *paths[1:], "-o", paths[0], "--resize", "ir")[0] == 0
    assert run("explain", "MI", *paths)[0] == 3
    assert run("explain", "MI", *paths, "--resize", "ir")[0] == 0


@pytest.mark.parametrize("dtype", ["int16", "float32", "uint16"])
def test_bench_fuses_and_scores_within_one_range(run, folders, dtype, tmp_path):
    _, ir, vis = folders(dtype)
    data = ("--data", ir.parent, "--models", "max", "--protocols", "reference")
    options = (*data, *METRICS, "--no-speed", "--no-audit")
    report = tmp_path / "page.html"
    code, out, _ = run("bench", *options, "--ir-range", "auto", "--report", report)
    assert code == 0
    (mine,) = (one for one in json.loads(out)["models"] if one["model"] == "max")
    assert "data:image/jpeg" in report.read_text()
    assert run("fuse", ir, vis, "-o", tmp_path / "max", "-m", "max", "--ir-range", "auto")[0] == 0
    _, out, _ = run("evaluate", tmp_path / "max", ir, vis, *METRICS, "--ir-range", "auto")
    assert mine["mean"] == pytest.approx(json.loads(out)["mean"])


def test_bench_refuses_measurements_without_a_range_and_times_them_with_one():
    ir, vis = scene("int16")
    both = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    pairs, judges = [NamedPair("a", lambda: both)], [Scorer.of(metrics=["EN"])]
    plain = Bench(competitors_of([]), pairs, judges)
    assert list(plain) == ["a"]
    assert isinstance(plain.failed[0][1], BadValues)
    ir_range = InfraredRange(180, 360)
    ranged = Bench(competitors_of([]), pairs, judges, ir_range=ir_range)
    assert list(ranged) == ["a"]
    assert not ranged.failed
    assert measure_speed("max", pairs, ir_range).size == "64x48"
