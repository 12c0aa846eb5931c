"""Lenses that bend straight lines: OpenCV's model, which Kalibr and most calibrations share."""

from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from imfuse.ops.warps import Matrix, scaling

Points = NDArray[np.float64]
"""`(N, 2)` pixels `(x, y)`, origin at the centre of the upper left pixel."""
_ROUNDS, _CLOSE = 60, 1e-9
"""Iterations of the inverse, and the change in focal lengths at which they end."""
_EDGE = 32
"""Points along each side by which the part of the ideal picture is found that the lens shows."""

Focal = Annotated[float, Field(gt=0, lt=1e7, allow_inf_nan=False)]


class Lens(BaseModel):
    """Camera model of one camera, for pictures of one size.

    Attributes:
        fx: Focal length across, in pixels.
        fy: Focal length down, in pixels.
        cx: Principal point, in pixels.
        cy: Likewise.
        distortion: `pinhole`: k1, k2, p1, p2 and up to k3 to k6; `fisheye`: four numbers.
        model: `pinhole` (Kalibr: radtan), or `fisheye` (Kalibr: equidistant).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    fx: Focal
    fy: Focal
    cx: FiniteFloat
    cy: FiniteFloat
    distortion: Annotated[tuple[FiniteFloat, ...], Field(min_length=4, max_length=8)]
    model: Literal["pinhole", "fisheye"] = "pinhole"

    @property
    def matrix(self) -> Matrix:
        """The camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    def resized(self, old: tuple[int, int], new: tuple[int, int]) -> "Lens":
        """Return the lens for pictures that were resized as a whole.

        Args:
            old: Height and width.
            new: Height and width.
        """
        matrix = scaling(old, new) @ self.matrix
        changes = {
            "fx": float(matrix[0, 0]),
            "fy": float(matrix[1, 1]),
            "cx": float(matrix[0, 2]),
            "cy": float(matrix[1, 2]),
        }
        return self.model_copy(update=changes)

    def bent(self, ideal: Points) -> Points:
        """Return where the lens shows what a camera without distortion shows at given pixels."""
        rays = (ideal - [self.cx, self.cy]) / [self.fx, self.fy]
        if self.model == "fisheye":
            distorted = cv2.fisheye.distortPoints(rays[:, None], self.matrix, self._coefficients)
        else:
            space = np.c_[rays, np.ones(len(rays))]
            none = np.zeros(3)
            distorted, _ = cv2.projectPoints(space, none, none, self.matrix, self._coefficients)
        return np.asarray(distorted, np.float64).reshape(-1, 2)

    def straightened(self, shown: Points) -> Points:
        """Return where a camera without distortion shows what the lens shows at given pixels."""
        ends = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ROUNDS, _CLOSE)
        points, matrix = shown[:, None].astype(np.float64), self.matrix
        if self.model == "fisheye":
            found = cv2.fisheye.undistortPoints(
                points, matrix, self._coefficients, P=matrix, criteria=ends
            )
        else:
            found = cv2.undistortPoints(points, matrix, self._coefficients, P=matrix, criteria=ends)
        return np.asarray(found, np.float64).reshape(-1, 2)

    def sees(self, ideal: Points, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Return True for pixels of a camera without distortion that the lens can show.

        Far outside, the polynomial turns back and would show them a second time.

        Args:
            ideal: The pixels.
            size: Height and width of the picture.
        """
        edge = self.straightened(_border(size))
        low, high = edge.min(axis=0) - 1, edge.max(axis=0) + 1
        return np.asarray(((ideal >= low) & (ideal <= high)).all(axis=1))

    def strength(self, size: tuple[int, int]) -> float:
        """Return how far the lens moves the pixels of the border at most, in pixels."""
        border = _border(size)
        return float(np.hypot(*(self.straightened(border) - border).T).max())

    @property
    def _coefficients(self) -> NDArray[np.float64]:
        """The numbers as OpenCV takes them: four, five or eight."""
        count = len(self.distortion)
        wanted = 4 if self.model == "fisheye" else next(n for n in (4, 5, 8) if n >= count)
        return np.array([*self.distortion, *[0.0] * (wanted - count)])[:wanted]


def _border(size: tuple[int, int]) -> Points:
    height, width = size
    x, y = np.linspace(0, width - 1, _EDGE), np.linspace(0, height - 1, _EDGE)
    sides = [(x, 0 * x), (x, 0 * x + height - 1), (0 * y, y), (0 * y + width - 1, y)]
    return np.concatenate([np.stack(side, axis=1) for side in sides])
