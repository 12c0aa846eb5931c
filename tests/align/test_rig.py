"""Rig files: what they hold, how precise they are, whether they still fit."""

import json
import re

import numpy as np
import pytest

from imfuse.align.calibrate import calibrate, check
from imfuse.align.rig import Rig, RigAligner
from imfuse.errors import ImfuseError, NotRegistered, PairMismatch, UnreadableImage, UsageError
from imfuse.fuser import Fuser
from imfuse.ops.warps import scaling
from imfuse.types import ImagePair, Picture
from reference.two_cameras import SIZE, corner_error, cut, moved

TRUTH = moved(0.88, -1.5, (9.0, -6.0))


def rig_of(matrix, **more):
    return Rig(ir_size=SIZE, vis_size=SIZE, matrix=np.asarray(matrix).tolist(), **more)


def named(scenes, matrix=TRUTH):
    return [(f"{i}-ir.png", f"{i}.png", cut(one, matrix, SIZE)) for i, one in enumerate(scenes)]


@pytest.fixture(scope="module")
def calibrated(scenes):
    return calibrate(named(scenes))


def test_pairs_together_give_what_was_planted(calibrated):
    """Less than a pixel at 640: 6 pairs of 480 pixels."""
    assert corner_error(calibrated.array, TRUTH, SIZE) < 0.75
    assert calibrated.precision < 1.5
    assert {one.vis for one in calibrated.pairs} | {one.vis for one in calibrated.left_out} == {
        f"{index}.png" for index in range(6)
    }
    assert all(one.residual < 20 for one in calibrated.pairs)


def test_a_foreign_pair_and_another_size_are_left_out(scenes):
    """With the reason, and without harm to the others."""
    pairs = named(scenes[:3])
    foreign = ImagePair(
        ir=pairs[0][2].ir, vis=Picture(pixels=np.ascontiguousarray(scenes[5][1][:, ::-1]))
    )
    small = ImagePair(ir=Picture(pixels=pairs[0][2].ir.pixels[:300]), vis=pairs[0][2].vis)
    rig = calibrate([*pairs, ("f", "foreign.png", foreign), ("s", "small.png", small)])
    assert corner_error(rig.array, TRUTH, SIZE) < 2.5  # of three pairs
    reasons = {one.vis: one.reason for one in rig.left_out}
    assert reasons["small.png"] == "other sizes than the first pair"
    assert "foreign.png" in reasons


def test_nothing_comes_of_nothing(scenes):
    with pytest.raises(UsageError, match="no pairs"):
        calibrate([])
    black = ImagePair(
        ir=Picture(pixels=np.zeros(SIZE, np.uint8)), vis=Picture(pixels=np.zeros(SIZE, np.uint8))
    )
    with pytest.raises(NotRegistered, match="none of 2 pairs"):
        calibrate([("a", "b", black)] * 2)


def test_a_single_pair_has_to_be_sure(scenes):
    pair = cut(scenes[0], TRUTH, SIZE)
    rig = calibrate([("a", "b", pair)])
    assert corner_error(rig.array, TRUTH, SIZE) < 5
    assert rig.precision is None
    foreign = ImagePair(ir=pair.ir, vis=Picture(pixels=scenes[5][1][:, ::-1].copy()))
    with pytest.raises(NotRegistered, match="none of 1 pairs could be registered"):
        calibrate([("a", "b", foreign)])


def test_pairs_of_several_sizes_are_not_checked_together(scenes):
    pair = cut(scenes[0], TRUTH, SIZE)
    half = ImagePair(ir=Picture(pixels=pair.ir.pixels[::2, ::2].copy()), vis=pair.vis)
    with pytest.raises(PairMismatch, match="pairs of one size"):
        check(rig_of(TRUTH), [pair, half])


@pytest.mark.parametrize(
    ("bump", "status"),
    [
        (np.eye(3), "fits"),
        (moved(degrees=2), "moved"),
        (moved(1.03), "moved"),
        (moved(shift=(12, 0)), "moved"),
    ],
)
def test_a_bumped_camera_is_noticed(scenes, bump, status):
    rig = rig_of(TRUTH, precision=0.5)
    pairs = [pair for _, _, pair in named(scenes[:3], bump @ TRUTH)]
    found = check(rig, pairs)
    assert found.status == status
    expected = corner_error(bump @ TRUTH, TRUTH, SIZE) * 640 / SIZE[1]
    assert found.moved == pytest.approx(expected, abs=2.5)


def test_empty_pictures_do_not_show_whether_it_fits(scenes):
    blank = ImagePair(
        ir=cut(scenes[0], TRUTH, SIZE).ir,
        vis=Picture(pixels=np.random.default_rng(1).integers(0, 255, SIZE, dtype=np.uint8)),
    )
    assert check(rig_of(TRUTH), [blank]).status == "unsure"


def test_files_come_back(tmp_path, calibrated):
    file = tmp_path / "rig.json"
    calibrated.write(file)
    assert Rig.read(file) == calibrated
    newer = json.loads(file.read_text()) | {"lenses": [1, 2, 3]}
    file.write_text(json.dumps(newer))
    assert Rig.read(file) == calibrated


def rig_text(matrix="[[1,0,0],[0,1,0],[0,0,1]]", sizes='"ir_size": [9, 9], "vis_size": [9, 9]'):
    return f'{{{sizes}, "matrix": {matrix}}}'.encode()


DAMAGE = {
    "empty": b"",
    "no JSON": b"\x89PNG",
    "a list": b"[]",
    "other format": b'{"format": "other"}',
    "no matrix": b'{"ir_size": [4, 4], "vis_size": [4, 4]}',
    "infinite": rig_text("[[1e999,0,0],[0,1,0],[0,0,1]]"),
    "not a number": rig_text("[[NaN,0,0],[0,1,0],[0,0,1]]"),
    "onto nothing": rig_text("[[0,0,0],[0,0,0],[0,0,1]]"),
    "inside out": rig_text("[[-1,0,0],[0,1,0],[0,0,1]]"),
    "horizon": rig_text("[[1,0,0],[0,1,0],[-0.5,0,1]]"),
    "huge size": rig_text(sizes='"ir_size": [4, 999999999], "vis_size": [4, 4]'),
    "zero size": rig_text(sizes='"ir_size": [0, 4], "vis_size": [4, 4]'),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_files_are_refused_by_name(tmp_path, kind):
    file = tmp_path / "rig.json"
    file.write_bytes(DAMAGE[kind])
    with pytest.raises(UnreadableImage, match=r"rig.json"):
        Fuser("max", align=file)


def test_missing_files_are_refused_by_name(tmp_path):
    with pytest.raises(UnreadableImage, match="can't be read"):
        Fuser("max", align=str(tmp_path / "none.json"))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ImfuseError, match=r"folder.json"):
        Fuser("max", align=tmp_path / "folder.json")


def test_pictures_resized_as_a_whole_fit_others_do_not(tmp_path):
    aligner = RigAligner(rig_of(TRUTH), tmp_path / "rig.json")
    half = (SIZE[0] // 2, SIZE[1] // 2)

    def register(ir, vis):
        pictures = (Picture(pixels=np.zeros(size, np.uint8)) for size in (ir, vis))
        return aligner.register(ImagePair(**dict(zip(("ir", "vis"), pictures, strict=True))))

    np.testing.assert_allclose(register(SIZE, SIZE).matrix, TRUTH)
    found = register(half, SIZE)
    np.testing.assert_allclose(found.matrix, TRUTH @ scaling(half, SIZE))
    assert (found.estimator, found.confidence) == ("rig", 1.0)
    with pytest.raises(NotRegistered, match="480x360") as refusal:
        register((SIZE[0], SIZE[0]), SIZE)
    assert refusal.value.reason == "rig_mismatch"


def test_it_says_what_it_holds(calibrated):
    text = "\n".join(calibrated.describe())
    assert "infrared sees 88 % of the visible width" in text
    assert re.search(r"turned by -1\.[3-7] degrees", text)
