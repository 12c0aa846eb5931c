"""Rigs of other programs, against points that OpenCV's camera model projects into both cameras."""

import json

import cv2
import numpy as np
import pytest

from imfuse.align.foreign_rigs import import_rig
from imfuse.align.lens import Lens
from imfuse.align.rig import Rig, RigAligner
from imfuse.errors import UnreadableImage, UsageError
from imfuse.fuser import Fuser
from imfuse.io.images import read_image, write_image
from imfuse.types import ImagePair, Picture

MATRIX = np.array([[1.54, -0.001, 13.0], [-0.009, 1.53, 16.0], [-1.4e-5, -9.7e-6, 1.0]])
SIZES = {"ir_size": (512, 640), "vis_size": (1024, 1224)}
IR, VIS = (500.0, 505.0, 318.0, 250.0), (900.0, 905.0, 600.0, 515.0)
BENT_IR, BENT_VIS = (-0.2, 0.06, 0.001, -0.002), (-0.15, 0.03, -0.001, 0.001)
TURN = cv2.Rodrigues(np.array([0.02, -0.03, 0.05]))[0]
SHIFT = np.array([0.08, -0.02, 0.01])


def text_of(matrix):
    return "\n".join(" ".join(f"{value:.17g}" for value in row) for row in matrix)


def projected(space, intrinsics, bends, model):
    fx, fy, cx, cy = intrinsics
    camera = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    bends = np.array(bends)
    if model == "equidistant":
        found, _ = cv2.fisheye.projectPoints(
            space[:, None], np.zeros(3), np.zeros(3), camera, bends
        )
    else:
        found, _ = cv2.projectPoints(space, np.zeros(3), np.zeros(3), camera, bends)
    return found.reshape(-1, 2)


def chain_of(file, *, swapped=False, model="radtan"):
    """Write a camera chain; the infrared camera is the first one unless they are swapped."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = TURN, SHIFT
    ir, vis = (IR, BENT_IR, [640, 512]), (VIS, BENT_VIS, [1224, 1024])
    first, second = (vis, ir) if swapped else (ir, vis)
    pose = np.linalg.inv(pose) if swapped else pose
    lines = []
    for name, (intrinsics, bends, size) in (("cam0", first), ("cam1", second)):
        lines += [
            f"{name}:",
            "  camera_model: pinhole",
            f"  distortion_model: {model}",
            f"  intrinsics: {list(intrinsics)}",
            f"  distortion_coeffs: {list(bends)}",
            f"  resolution: {size}",
            "  rostopic: /camera",
        ]
    lines += ["  T_cn_cnm1:", *(f"  - {list(map(float, row))}" for row in pose)]
    file.write_text("\n".join(lines) + "\n")
    return file


def written(kind, folder):
    """Write the matrix in one of the forms that people have."""
    corners = np.array([[0, 0], [640, 0], [0, 512], [640, 512.0]])
    places = cv2.perspectiveTransform(corners[:, None], MATRIX)[:, 0]
    points = {"points_ir": corners.tolist(), "points_vis": places.tolist()}
    rows = ",\n".join(map(str, MATRIX.tolist()))
    name, text = {
        "text": ("h.txt", f"# infrared to visible\n{text_of(MATRIX)}\n"),
        "csv in brackets": ("h.csv", f"[{rows}]\n"),
        "one line": ("h.txt", text_of([MATRIX.ravel()])),
        "json": ("h.json", json.dumps({"ir_to_vis": {"Homography": MATRIX.tolist()}})),
        "lines of points": ("p.txt", text_of(np.c_[corners, places])),
        "named points": ("p.json", json.dumps(points)),
        "npy": ("h.npy", ""),
        "opencv": ("h.yml", ""),
    }[kind]
    (folder / name).write_text(text)
    if kind == "npy":
        np.save(folder / name, MATRIX)
    if kind == "opencv":
        storage = cv2.FileStorage(str(folder / name), cv2.FILE_STORAGE_WRITE)
        storage.write("H", MATRIX)
        storage.release()
    return folder / name


@pytest.mark.parametrize(
    "kind",
    [
        *("text", "csv in brackets", "one line", "json", "npy", "opencv", "lines of points"),
        "named points",
    ],
)
def test_every_form_of_a_matrix_gives_the_same_rig(kind, tmp_path):
    rig = import_rig(written(kind, tmp_path), **SIZES)
    np.testing.assert_allclose(rig.array, MATRIX, rtol=1e-6, atol=1e-9)


def test_inverse_matrices_are_told_and_turned(tmp_path):
    (tmp_path / "h.txt").write_text(text_of(np.linalg.inv(MATRIX @ np.diag([0.2, 0.2, 1]))))
    rig = import_rig(tmp_path / "h.txt", **SIZES, inverse=True)
    np.testing.assert_allclose(rig.array, MATRIX @ np.diag([0.2, 0.2, 1]), rtol=1e-9)
    far = np.array([[1, 0, 5000], [0, 1, 0], [0, 0, 1.0]]) @ MATRIX
    (tmp_path / "far.txt").write_text(text_of(far))
    with pytest.raises(UnreadableImage, match=r"--inverse \(inverse=True\)"):
        import_rig(tmp_path / "far.txt", **SIZES)


@pytest.mark.parametrize("model", ["radtan", "equidistant"])
@pytest.mark.parametrize("swapped", [False, True])
def test_camera_chains_lead_from_visible_pixels_to_infrared_ones(model, swapped, tmp_path):
    """Points in a plane before the infrared camera, at the distance that was asked for."""
    file = chain_of(tmp_path / "camchain.yaml", swapped=swapped, model=model)
    rig = import_rig(file, infrared="cam1" if swapped else "cam0", distance=4.0)
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, 9), np.linspace(-1.2, 1.2, 7))
    space = np.stack([x.ravel(), y.ravel(), np.full(x.size, 4.0)], axis=1)
    ir = projected(space, IR, BENT_IR, model)
    vis = projected(space @ TURN.T + SHIFT, VIS, BENT_VIS, model)
    seen = (
        (ir > 1).all(1) & (ir < [638, 510]).all(1) & (vis > 1).all(1) & (vis < [1222, 1022]).all(1)
    )
    assert seen.sum() > 30
    field = rig.field()
    places = vis[seen].astype(np.float32)
    found = [
        cv2.remap(field[..., i].copy(), places[:, 0], places[:, 1], cv2.INTER_LINEAR).ravel()
        for i in (0, 1)
    ]
    assert np.abs(np.stack(found, axis=1) - ir[seen]).max() < 0.05
    near = import_rig(file, infrared="cam1" if swapped else "cam0", distance=1.0).field()
    assert np.abs(near - field)[512, 600].max() > 20  # parallax


def test_lenses_can_be_inverted_and_resized():
    fx, fy, cx, cy = IR
    for model in ("pinhole", "fisheye"):
        lens = Lens(fx=fx, fy=fy, cx=cx, cy=cy, distortion=BENT_IR, model=model)
        at = np.array([[0, 0], [639, 0], [639, 511], [0, 511], [318, 250], [100, 400.0]])
        np.testing.assert_allclose(lens.bent(lens.straightened(at)), at, atol=1e-3)
        half = lens.resized((512, 640), (256, 320))
        halved = half.straightened((at + 0.5) / 2 - 0.5)
        np.testing.assert_allclose((halved + 0.5) * 2 - 0.5, lens.straightened(at), atol=1e-3)
        assert lens.strength((512, 640)) > 5


def test_a_rig_with_lenses_fuses_pairs_of_any_scale(tmp_path):
    """What the visible camera shows bright lies on what infrared shows bright."""
    file = chain_of(tmp_path / "camchain.yaml")
    rig = import_rig(file, distance=4.0)
    rig.write(tmp_path / "rig.json")
    rig = Rig.read(tmp_path / "rig.json")
    space = np.array([[0.9, 0.7, 4.0], [-0.8, -0.6, 4.0], [0.9, -0.6, 4.0]])
    ir, vis = np.zeros((512, 640), np.uint8), np.zeros((1024, 1224), np.uint8)
    for at in projected(space, IR, BENT_IR, "radtan"):
        cv2.circle(ir, tuple(np.rint(at).astype(int).tolist()), 6, 255, -1)
    centres = projected(space @ TURN.T + SHIFT, VIS, BENT_VIS, "radtan")
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    aligner = RigAligner(rig, tmp_path / "rig.json")
    whole = Fuser("max", aligner=aligner).fuse(pair).pixels
    assert whole.shape == (1024, 1224)
    count, _, _, found = cv2.connectedComponentsWithStats((whole > 128).astype(np.uint8))
    assert count == 4
    for at in centres:
        assert np.hypot(*(found[1:] - at).T).min() < 1.5
    cut = Fuser("max", aligner=aligner, frame="overlap").fuse(pair).pixels
    assert cut.shape[0] < 1024
    assert (cut > 128).sum() == pytest.approx((whole > 128).sum(), rel=0.02)
    small = ImagePair(ir=pair.ir, vis=Picture(pixels=vis[::2, ::2].copy()))
    half = Fuser("max", aligner=aligner).fuse(small).pixels
    assert (half > 128).sum() == pytest.approx((whole > 128).sum() / 4, rel=0.1)
    with pytest.raises(UsageError, match=r"--frame ir \(frame='ir'\)"):
        Fuser("max", aligner=aligner, frame="ir").fuse(pair)


def test_what_is_no_rig_is_refused(tmp_path):
    file = tmp_path / "x.txt"
    for text, said in (
        ("", "none of what describes a rig"),
        ("one two", "text that is no numbers"),
        ("1 2 3\n4 5 6", "none of what describes a rig"),
        ("nan 0 0\n0 1 0\n0 0 1", "none of what describes a rig"),
        ("0 0 0\n0 0 0\n0 0 0", "last number is 0"),
        ("0 0 1 1\n1 1 2 2\n2 2 3 3\n3 3 4 4", "on a line|inside out|last number"),
        ("-1 0 600\n0 1 0\n0 0 1", "inside out"),
    ):
        file.write_text(text)
        with pytest.raises(UnreadableImage, match=said):
            import_rig(file, **SIZES)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableImage, match="neither text nor"):
        import_rig(file, **SIZES)
    with pytest.raises(UnreadableImage, match="can't be read"):
        import_rig(tmp_path / "none.txt", **SIZES)
    (tmp_path / "two.json").write_text(json.dumps({"a": MATRIX.tolist(), "b": np.eye(3).tolist()}))
    with pytest.raises(UnreadableImage, match="2 matrices"):
        import_rig(tmp_path / "two.json", **SIZES)
    file.write_text(text_of(MATRIX))
    with pytest.raises(UsageError, match="--vis-size"):
        import_rig(file, ir_size=(512, 640))
    with pytest.raises(UsageError, match="--distance"):
        import_rig(file, **SIZES, distance=3.0)


def test_chains_that_cannot_be_used_are_refused(tmp_path):
    chain = chain_of(tmp_path / "camchain.yaml")
    text = chain.read_text()
    with pytest.raises(UsageError, match="cam0, cam1"):
        import_rig(chain, infrared="cam7")
    with pytest.raises(UsageError, match="--inverse"):
        import_rig(chain, inverse=True)
    with pytest.raises(UsageError, match="distance -1"):
        import_rig(chain, distance=-1)
    for old, new, said in (
        ("radtan", "fov", "the distortion model fov"),
        ("pinhole", "omni", "the camera model omni"),
        ("[640, 512]", "[640]", "cam0 without usable"),
        ("T_cn_cnm1", "T_cam_imu", "no T_cn_cnm1 in cam1"),
        ("500.0", "-500.0", "cam0: "),
    ):
        chain.write_text(text.replace(old, new, 1))
        with pytest.raises(UnreadableImage, match=said):
            import_rig(chain)


def test_from_the_command_line(run, tmp_path):
    (tmp_path / "h.txt").write_text(text_of(MATRIX))
    asked = ("rig", "import", tmp_path / "h.txt", "-o", tmp_path / "rig.json")
    code, _, error = run(*asked)
    assert code != 0
    assert "--ir-size WIDTHxHEIGHT" in error
    code, _, error = run(*asked, "--ir-size", "640by512", "--vis-size", "1224x1024")
    assert code != 0
    assert "640x512" in error
    assert not (tmp_path / "rig.json").exists()
    code, out, error = run(*asked, "--ir-size", "640x512", "--vis-size", "1224x1024")
    assert code == 0, error
    assert "infrared 640x512, visible 1224x1024" in out + error
    for name, shape in (("ir", (512, 640)), ("vis", (1024, 1224))):
        write_image(tmp_path / f"{name}.png", Picture(pixels=np.full(shape, 90, np.uint8)))
    made = tmp_path / "out.png"
    files = (tmp_path / "ir.png", tmp_path / "vis.png", "-o", made)
    code, _, error = run("fuse", *files, "--align", tmp_path / "rig.json", "-m", "max")
    assert code == 0, error
    assert read_image(made).size == (1024, 1224)
    code, _, error = run("rig", "import", tmp_path / "h.txt", "-o", tmp_path / "rig.txt")
    assert code != 0
    assert ".json" in error
