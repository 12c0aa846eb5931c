"""Projection from world to picture: a pinhole camera over flat ground."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imfuse.types import Float

NEAR = 0.4
"""Distance of the near plane, where polygons are clipped, in metres."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are excluded."""

Points = NDArray[np.float64]
"""Rows of coordinates: `(N, 3)` in metres in the world or `(N, 2)` in pixels in the picture."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera that looks along the street.

    World axes in metres: x to the right, y up from the ground, z along the street. The picture's
    axes u, v count pixels from its upper left corner; the centre of the first pixel is (0.5, 0.5).

    Attributes:
        height: Rows of the picture.
        width: Columns of the picture.
        focal: Focal length in pixels.
        horizon: Row of the horizon in pixels.
        eye: Height of the camera above the ground in metres.
        x: Position across the street in metres.
        yaw: Rotation to the right in radians.
    """

    height: int
    width: int
    focal: float
    horizon: float
    eye: float
    x: float
    yaw: float

    @property
    def frame(self) -> Box:
        """The whole picture as a box."""
        return 0, 0, self.width, self.height

    def depth(self, x: float, z: float) -> float:
        """Return the distance of a point on the ground along the optical axis, in metres."""
        return float((x - self.x) * np.sin(self.yaw) + z * np.cos(self.yaw))

    def view(self, points: ArrayLike) -> Points:
        """Turn world points `(N, 3)` into camera axes: right, up from the ground, depth."""
        p = np.asarray(points, np.float64).reshape(-1, 3)
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        x = p[:, 0] - self.x
        return np.stack([x * c - p[:, 2] * s, p[:, 1], x * s + p[:, 2] * c], 1)

    def picture(self, view: Points) -> Points:
        """Project points in camera axes `(N, 3)` to pixels `(N, 2)`."""
        depth = np.maximum(view[:, 2], 1e-3)
        u = self.width / 2 + self.focal * view[:, 0] / depth
        v = self.horizon + self.focal * (self.eye - view[:, 1]) / depth
        return np.stack([u, v], 1)

    def project(self, points: ArrayLike) -> Points:
        """Project world points that lie in front of the camera to pixels."""
        return self.picture(self.view(points))

    def outline(self, polygon: ArrayLike) -> Points:
        """Project a polygon, clipped at the near plane; fewer than 3 rows if nothing is left."""
        return self.picture(_cut(self.view(polygon)))

    def scale(self, depth: float) -> float:
        """Pixels per metre at a depth."""
        return self.focal / max(depth, 1e-3)

    def rays(self, box: Box) -> tuple[Float, Float, Float]:
        """Directions (x, y, z) through the centres of a box's pixels, with depth 1."""
        u = (np.arange(box[0], box[2], dtype=np.float32) + 0.5 - self.width / 2) / self.focal
        v = (self.horizon - np.arange(box[1], box[3], dtype=np.float32) - 0.5) / self.focal
        c, s = np.float32(np.cos(self.yaw)), np.float32(np.sin(self.yaw))
        shape = (box[3] - box[1], box[2] - box[0])
        across = np.broadcast_to((u * c + s)[None], shape)
        along = np.broadcast_to((c - u * s)[None], shape)
        return across, np.broadcast_to(v[:, None], shape).astype(np.float32), along


def _cut(view: Points) -> Points:
    """Keep the part of a polygon beyond the near plane (Sutherland and Hodgman)."""
    ahead = view[:, 2] >= NEAR
    if ahead.all():
        return view
    kept: list[Points] = []
    for i in range(len(view)):
        a, b = view[i - 1], view[i]
        if ahead[i - 1] != ahead[i]:
            kept.append(a + (b - a) * ((NEAR - a[2]) / (b[2] - a[2])))
        if ahead[i]:
            kept.append(b)
    return np.array(kept).reshape(-1, 3)


def enclosing(points: Points, frame: Box, margin: float = 1.0) -> Box | None:
    """Return the box around pixel positions, clipped to a frame, or None if nothing is left."""
    if not len(points):
        return None
    low, high = points.min(0) - margin, points.max(0) + margin
    x0, y0 = max(frame[0], int(np.floor(low[0]))), max(frame[1], int(np.floor(low[1])))
    x1, y1 = min(frame[2], int(np.ceil(high[0]))), min(frame[3], int(np.ceil(high[1])))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
