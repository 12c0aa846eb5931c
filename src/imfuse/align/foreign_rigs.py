"""Rigs that other programs calibrated: homographies, pairs of points, and Kalibr's camera chains.

A chain has the cameras' matrices, lenses, and rotation and translation between them; two flat
pictures then follow from each other by one matrix for what lies at one distance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import ValidationError

from imfuse.align.frame import shared
from imfuse.align.lens import Lens
from imfuse.align.rig import Rig, as_rows
from imfuse.align.rig_contents import content_of, named, numbers, unreadable
from imfuse.errors import UnreadableImage, UsageError
from imfuse.ops.warps import Matrix

Size = tuple[int, int]
"""Height and width in pixels."""
Sides = Literal["none", "ir", "vis", "both"]
_KALIBR: Mapping[str, Literal["pinhole", "fisheye"]] = {
    "radtan": "pinhole",
    "equidistant": "fisheye",
}
"""Distortion models by their names there."""
_MATRICES = ("matrix", "homography", "h")
_LEAST_SHARED = 0.01


@dataclass(frozen=True)
class _Found:
    """Description of two cameras in a file.

    Attributes:
        matrix: Maps infrared pixels to visible ones.
        sizes: Sizes of infrared and visible pictures, as far as it says.
        lenses: Lenses of both, likewise.
    """

    matrix: Matrix
    sizes: tuple[Size | None, Size | None] = (None, None)
    lenses: tuple[Lens | None, Lens | None] = (None, None)


def import_rig(
    file: Path,
    *,
    ir_size: Size | None = None,
    vis_size: Size | None = None,
    infrared: str = "cam0",
    distance: float | None = None,
    inverse: bool = False,
    undistort: Sides = "both",
) -> Rig:
    """Return the rig of a file that another program wrote.

    Args:
        file: A 3x3 matrix, pairs of points, or a Kalibr camera chain. Pixels have their origin at
            the centre of the upper left one, as in OpenCV.
        ir_size: Height and width of infrared pictures; None: as in the file.
        vis_size: Those of visible pictures.
        infrared: Name of the infrared camera in a chain.
        distance: Distance in the units of a chain's translation, usually metres, at which the
            pictures shall agree; None: far away.
        inverse: Whether the file maps visible pixels to infrared ones.
        undistort: Sides whose lens is corrected, where the file describes it.

    Raises:
        UnreadableImage: The file can't be read, or holds none of these.
        UsageError: A size is missing, or an argument makes no sense.
    """
    if distance is not None and not 0 < distance < np.inf:
        raise UsageError(f"distance {distance}", expected="a positive number")
    content = content_of(file)
    chain = isinstance(content, Mapping) and any(_is_camera(one) for one in content.values())
    if chain and inverse:
        raise UsageError(
            "--inverse (inverse=) for a camera chain",
            file=file,
            expected="--infrared (infrared=) with the name of the infrared camera",
        )
    if distance is not None and not chain:
        raise UsageError(
            "--distance (distance=) for a file without a baseline",
            file=file,
            expected="a camera chain of Kalibr with it",
        )
    found = _chain(content, infrared, distance, file) if chain else _flat(content, file)
    matrix = _inverted(found.matrix, file) if inverse else found.matrix
    sizes = [
        _size(file, given, known, name)
        for given, known, name in zip((ir_size, vis_size), found.sizes, ("ir", "vis"), strict=True)
    ]
    lenses = [
        lens if undistort in (side, "both") else None
        for lens, side in zip(found.lenses, ("ir", "vis"), strict=True)
    ]
    if abs(matrix[2, 2]) <= 1e-12 * np.abs(matrix).max():
        raise unreadable(file, "a matrix whose last number is 0")
    matrix = matrix / matrix[2, 2]
    rig = Rig(
        ir_size=sizes[0],
        vis_size=sizes[1],
        matrix=as_rows(matrix),
        ir_lens=lenses[0],
        vis_lens=lenses[1],
    )
    rig.check(file)
    if shared(rig.array, *sizes) < _LEAST_SHARED:
        raise UnreadableImage(
            "the matrix lays the infrared picture outside of the visible one",
            file=file,
            expected="a matrix from infrared pixels to visible ones",
            remedy="If it maps visible to infrared, give --inverse (inverse=True).",
        )
    return rig


def _flat(content: Any, file: Path) -> _Found:  # noqa: ANN401 - whatever the file holds
    """Return what a file without a camera chain says."""
    sizes, lenses = _cameras(content, file)
    known = [numbers(value, (3, 3)) for name, value in named(content) if name in _MATRICES]
    matrices = [one for one in known if one is not None]
    whole = numbers(content, (3, 3))
    matrices += [whole] if whole is not None else []
    if not matrices and isinstance(content, Mapping):
        every = [numbers(value, (3, 3)) for _, value in named(content)]
        matrices = [one for one in every if one is not None]
    if len(matrices) > 1 and any(not np.allclose(one, matrices[0]) for one in matrices[1:]):
        raise unreadable(file, f"{len(matrices)} matrices, of which any may be meant")
    matrix = matrices[0] if matrices else _from_points(content, file)
    return _Found(matrix, sizes, lenses)


def _cameras(
    content: Any,  # noqa: ANN401 - whatever the file holds
    file: Path,
) -> tuple[tuple[Size | None, Size | None], tuple[Lens | None, Lens | None]]:
    """Return sizes and lenses of `cameras: {ir: {size, fx, ...}, vis: ...}`, if there are any."""
    cameras = content.get("cameras") if isinstance(content, Mapping) else None
    parts = [cameras.get(side) if isinstance(cameras, Mapping) else None for side in ("ir", "vis")]
    sizes = [_side_size(one.get("size")) if isinstance(one, Mapping) else None for one in parts]
    try:
        lenses = [
            Lens.model_validate(one) if isinstance(one, Mapping) and "distortion" in one else None
            for one in parts
        ]
    except ValidationError as error:
        raise unreadable(file, f"a camera that can't be ({error.errors()[0]['msg']})") from error
    return (sizes[0], sizes[1]), (lenses[0], lenses[1])


def _from_points(content: Any, file: Path) -> Matrix:  # noqa: ANN401 - whatever the file holds
    """Return the matrix of four or more pairs of points."""
    by_name = dict(named(content))
    pairs = [numbers(by_name.get(f"points_{side}"), (None, 2)) for side in ("ir", "vis")]
    rows = numbers(content, (None, 4))
    ir, vis = pairs if rows is None else (rows[:, :2], rows[:, 2:])
    if ir is None or vis is None or len(ir) != len(vis) or len(ir) < 4:
        raise unreadable(file, "none of what describes a rig")
    found, _ = cv2.findHomography(ir, vis, 0)
    if found is None or not np.isfinite(found).all():
        raise unreadable(file, "points that lie on a line, or on one another")
    return np.asarray(found, np.float64)


def _chain(content: Mapping[str, Any], infrared: str, distance: float | None, file: Path) -> _Found:
    """Return what a camera chain of Kalibr says of its first two cameras."""
    names = [name for name, value in content.items() if _is_camera(value)]
    if infrared not in names:
        known = ", ".join(names)
        raise UsageError(
            f"no camera {infrared!r}", file=file, expected=f"--infrared (infrared=) one of {known}"
        )
    if len(names) != 2:
        raise unreadable(file, f"{len(names)} cameras", "a camera chain of two cameras")
    first, second = names
    pose = numbers(content[second].get("T_cn_cnm1"), (4, 4))
    if pose is None:
        raise unreadable(file, f"no T_cn_cnm1 in {second}, or not 4x4 numbers")
    lenses, sizes = {}, {}
    for name in names:
        lenses[name], sizes[name] = _camera(content[name], name, file)
    visible = second if infrared == first else first
    if infrared == second:
        pose = _inverted(pose, file)
    turn, shift = pose[:3, :3], pose[:3, 3]
    plane = np.array([0, 0, 0 if distance is None else 1 / distance])
    from_ir, to_vis = lenses[infrared].matrix, lenses[visible].matrix
    matrix = to_vis @ (turn + np.outer(shift, plane)) @ np.linalg.inv(from_ir)
    return _Found(matrix, (sizes[infrared], sizes[visible]), (lenses[infrared], lenses[visible]))


def _camera(camera: Mapping[str, Any], name: str, file: Path) -> tuple[Lens, Size]:
    if camera.get("camera_model", "pinhole") != "pinhole":
        found = f"{name} with the camera model {camera['camera_model']}"
        raise unreadable(file, found, "pinhole")
    model = _KALIBR.get(camera.get("distortion_model", "radtan"))
    if model is None:
        found = f"{name} with the distortion model {camera['distortion_model']}"
        raise unreadable(file, found, " or ".join(_KALIBR))
    values = numbers(camera.get("intrinsics"), (4,))
    bends = numbers(camera.get("distortion_coeffs", [0, 0, 0, 0]), (None,))
    size = _side_size(camera.get("resolution"))
    if values is None or bends is None or size is None:
        found = f"{name} without usable intrinsics, distortion_coeffs or resolution"
        raise unreadable(file, found, "those that Kalibr writes")
    fx, fy, cx, cy = map(float, values)
    try:
        lens = Lens(fx=fx, fy=fy, cx=cx, cy=cy, distortion=tuple(map(float, bends)), model=model)
    except ValidationError as error:
        raise unreadable(file, f"{name}: {error.errors()[0]['msg']}") from error
    return lens, size


def _is_camera(value: object) -> bool:
    return isinstance(value, Mapping) and "intrinsics" in value


def _side_size(value: Any) -> Size | None:  # noqa: ANN401 - whatever the file holds
    """Return height and width from `[width, height]`."""
    found = numbers(value, (2,))
    if found is None or (found < 1).any() or (found > 1e6).any():
        return None
    return int(found[1]), int(found[0])


def _size(file: Path, given: Size | None, known: Size | None, side: str) -> Size:
    size = given or known
    if size is None:
        raise UsageError(
            f"no size of the {'infrared' if side == 'ir' else 'visible'} pictures",
            file=file,
            expected=f"--{side}-size WIDTHxHEIGHT ({side}_size=(height, width))",
        )
    return size


def _inverted(matrix: Matrix, file: Path) -> Matrix:
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError as error:
        raise unreadable(file, "a matrix that can't be inverted") from error
