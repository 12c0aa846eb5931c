"""Solid bodies made of flat faces, drawn with a face index per fine pixel."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.camera import Box, Points, enclosing
from imfuse.scenes.canvas import Canvas, Material
from imfuse.scenes.raster import shrink
from imfuse.types import Float


class Face(NamedTuple):
    """A flat part of a body.

    Attributes:
        corners: `(N, 3)` in metres.
        material: Its material.
        layer: Parts of higher layers lie on top of those below.
        smooth: True if it forms a curved surface together with its neighbours.
    """

    corners: Points
    material: Material
    layer: int
    smooth: bool


def draw_faces(canvas: Canvas, faces: Sequence[Face], label: int) -> None:
    """Draw a body: faces that point away are skipped, near faces cover far ones."""
    camera = canvas.camera
    middle = np.concatenate([f.corners for f in faces]).mean(0)
    eye = np.array([camera.x, camera.eye, 0.0])
    seen: list[tuple[int, float, int, NDArray[np.float64]]] = []
    for i, face in enumerate(faces):
        centre = face.corners.mean(0)
        normal = _normal(face.corners)
        if normal @ (centre - middle) < 0:
            normal = -normal
        if normal @ (eye - centre) > 0:
            seen.append((face.layer, -float(np.hypot(*(centre - eye)[[0, 2]])), i, normal))
    seen.sort(key=lambda item: item[:3])
    outlines = [camera.outline(faces[i].corners) for _, _, i, _ in seen]
    box = enclosing(np.concatenate(outlines), camera.frame) if outlines else None
    if box is None:
        return
    table = np.zeros((len(seen) + 1, c.CHANNELS + 2), np.float32)
    for row, (_, _, i, normal) in enumerate(seen, 1):
        depth = max(camera.depth(faces[i].corners[:, 0].mean(), faces[i].corners[:, 2].mean()), 0.5)
        openness = 0.55 + 0.45 * float(np.clip(faces[i].corners[:, 1].mean(), 0, 1))
        table[row, : c.CHANNELS] = faces[i].material.fields(depth, normal=normal, openness=openness)
        table[row, c.CHANNELS :] = faces[i].smooth, 1
    fields, alpha = _fill(outlines, table, box)
    canvas.blend(box, alpha, fields, label)


def _normal(corners: Points) -> NDArray[np.float64]:
    """Return the unit normal by Newell's method, which tolerates corners that are not coplanar."""
    a, b = np.roll(corners, 1, 0), corners
    x = (a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]).sum()
    y = (a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]).sum()
    z = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()
    normal = np.array([x, y, z])
    unit: NDArray[np.float64] = normal / (np.sqrt(x * x + y * y + z * z) + 1e-12)
    return unit


def _fill(outlines: Sequence[Points], table: Float, box: Box) -> tuple[Float, Float]:
    """Draw face indices on a finer grid, look up their properties, and average them per pixel."""
    height, width = box[3] - box[1], box[2] - box[0]
    fine = 2 if height * width > 12000 else 4
    numbers = np.zeros((height * fine, width * fine), np.int32)
    for row, outline in enumerate(outlines, 1):
        if len(outline) < 3:
            continue
        fixed = np.rint(((np.clip(outline, -1e5, 1e5) - box[:2]) * fine - 0.5) * 16)
        cv2.fillPoly(numbers, [fixed.astype(np.int32)], row, cv2.LINE_8, 4)
    values = table[numbers]
    spread = int(max(3, 0.045 * height * fine)) | 1
    smooth = values[..., c.CHANNELS]
    window = (spread, spread)
    slope = np.asarray(cv2.blur(values[..., c.NORMAL] * smooth[..., None], window), np.float32)
    slope /= np.linalg.norm(slope, axis=-1, keepdims=True) + 1e-6
    values[..., c.NORMAL] += smooth[..., None] * (slope - values[..., c.NORMAL])
    # OpenCV averages areas of at most four channels at a time.
    parts = [
        shrink(np.ascontiguousarray(values[..., k : k + 4]), height, width)
        for k in range(0, values.shape[-1], 4)
    ]
    mean = np.concatenate([p if p.ndim == 3 else p[..., None] for p in parts], 2)
    alpha = mean[..., c.CHANNELS + 1]
    fields = mean[..., : c.CHANNELS] / np.maximum(alpha, 1e-3)[..., None]
    return fields, alpha
