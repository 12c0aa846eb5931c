"""Surface properties per pixel, from which the pictures of both cameras are computed."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from imfuse.scenes.camera import Box, Camera, Points, enclosing
from imfuse.types import Float

ALBEDO, GLOW, NORMAL = slice(0, 3), slice(3, 6), slice(6, 9)
TEMPERATURE, EMISSIVITY, DEPTH, GLOSS, OPENNESS, HEATING, SUNLIT = range(9, 16)
CHANNELS = 16
FAR = 5000.0
"""Depth in metres assigned to the sky and the like."""

CAR, PERSON, BIKE, CURVE, CAR_STOP, GUARDRAIL, CONE, BUMP = range(1, 9)


class Grain(NamedTuple):
    """Irregularities of a surface over a box of the picture, with mean 0 and spread about 1.

    Attributes:
        box: Part of the picture that is covered.
        values: Variation in lightness and slope.
        heat: Variation in temperature, where it differs from that in lightness.
    """

    box: Box
    values: Float
    heat: Float | None = None


@dataclass(frozen=True, kw_only=True)
class Material:
    """Optical and thermal properties of a surface.

    Attributes:
        albedo: Reflected share of red, green and blue light, linear.
        warmth: Kelvin above the air.
        emissivity: Share of black-body radiation at 8 to 14 um; the rest mirrors the surroundings.
        gloss: Share of light mirrored at straight view.
        heating: Share of absorbed sunlight that warms the surface rather than the material below.
            (The canvas stores the share of all sunlight: heating times absorption.)
        glow: Emitted light, in units of a white surface in full daylight.
    """

    albedo: tuple[float, float, float]
    warmth: float = 0.0
    emissivity: float = 0.94
    gloss: float = 0.0
    heating: float = 0.5
    glow: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def fields(
        self, depth: float, *, normal: ArrayLike = (0, 0, -1), openness: float = 1.0
    ) -> NDArray[np.float32]:
        """Return the material as the canvas stores it, facing `normal` at a depth in metres."""
        row = np.empty(CHANNELS, np.float32)
        row[ALBEDO], row[GLOW], row[NORMAL] = self.albedo, self.glow, normal
        row[TEMPERATURE:] = (
            self.warmth,
            self.emissivity,
            depth,
            self.gloss,
            openness,
            self.heating * absorbed(sum(self.albedo) / 3),
            1.0,
        )
        return row


def absorbed(albedo: float) -> float:
    """Return the share of solar heat that a surface of a given mean visible albedo absorbs.

    Half of that heat is in the near infrared, where the albedos of paints differ little.
    """
    return 0.78 - 0.35 * albedo


class Canvas:
    """Surface properties per pixel, painted from far to near.

    Attributes:
        camera: Projection of points.
        fields: `(H, W, CHANNELS)`; pixels at edges hold a mixture of both sides.
        labels: MSRS class of the surface that fills most of each pixel.
        sunlit: Share of sunlight that reaches the object painted next, 0 to 1.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.fields: Float = np.zeros((camera.height, camera.width, CHANNELS), np.float32)
        self.sunlit = 1.0
        self.labels: NDArray[np.uint8] = np.zeros((camera.height, camera.width), np.uint8)

    def blend(
        self, box: Box, alpha: Float, fields: NDArray[np.float32], label: int | None = 0
    ) -> None:
        """Lay surface properties over a box with a coverage of 0 to 1 per pixel.

        A label of None keeps the labels behind.
        """
        x0, y0, x1, y1 = box
        target = self.fields[y0:y1, x0:x1]
        target += alpha[..., None] * (fields - target)
        if self.sunlit < 1:
            target[..., SUNLIT] -= alpha * np.float32(1 - self.sunlit)
        if label is not None:
            self.labels[y0:y1, x0:x1][alpha > 0.5] = label

    def polygon(self, points: Points, fields: NDArray[np.float32], label: int = 0) -> None:
        """Fill an outline in pixels with one material."""
        box = enclosing(points, self.camera.frame)
        if box is not None and len(points) >= 3:
            self.blend(box, coverage(points, box), fields, label)

    def face(self, corners: ArrayLike, material: Material, label: int = 0) -> None:
        """Fill a flat polygon of the world, shaded by its own normal."""
        p = np.asarray(corners, np.float64)
        normal = np.cross(p[1] - p[0], p[2] - p[0])
        normal /= np.linalg.norm(normal) + 1e-9
        centre = p.mean(0)
        toward = np.array([self.camera.x, self.camera.eye, 0.0]) - centre
        if normal @ toward < 0:
            normal = -normal
        depth = max(self.camera.depth(centre[0], centre[2]), 0.5)
        self.polygon(self.camera.outline(p), material.fields(depth, normal=normal), label)

    def capsule(
        self,
        ends: Points,
        radii: tuple[float, float],
        fields: NDArray[np.float32],
        label: int = 0,
        grain: Grain | None = None,
        *,
        standing: bool = False,
    ) -> None:
        """Draw a round bar between two pixel positions, shaded like a tapered cylinder.

        Coverage is the overlap of the bar with a pixel-wide window across it, which stays accurate
        for bars thinner than a pixel. An upright bar is cut off flat at its first end.
        """
        reach = max(radii) + 1
        box = enclosing(ends, self.camera.frame, reach)
        if box is None:
            return
        alpha, across, along = _bar(ends, radii, box)
        if standing:
            rows = np.arange(box[1], box[3], dtype=np.float32)[:, None]
            alpha *= np.clip(np.float32(ends[0, 1]) - rows, 0, 1)
        values = np.broadcast_to(fields, (*alpha.shape, CHANNELS)).copy()
        bulge = np.clip(across, -1, 1)
        tilt = np.clip(along, -1, 1)
        direction = ends[1] - ends[0]
        direction = direction / (np.hypot(*direction) + 1e-9)
        values[..., 6] = bulge * -direction[1] + tilt * direction[0]
        values[..., 7] = -(bulge * direction[0] + tilt * direction[1])
        values[..., 8] = -np.sqrt(np.maximum(1 - bulge**2 - tilt**2, 0.01))
        if grain is not None:
            _roughen(values, grain, box)
            if grain.heat is not None:
                # Clothes are loose at the sides, and rims radiate less towards the camera.
                values[..., TEMPERATURE] *= 1.03 - 0.2 * bulge**2
        self.blend(box, alpha, values, label)


def _bar(ends: Points, radii: tuple[float, float], box: Box) -> tuple[Float, Float, Float]:
    """Return coverage, position across (-1 to 1) and roundness of the ends for a bar."""
    x = np.arange(box[0], box[2], dtype=np.float32)[None] + np.float32(0.5 - ends[0, 0])
    y = np.arange(box[1], box[3], dtype=np.float32)[:, None] + np.float32(0.5 - ends[0, 1])
    direction = ends[1] - ends[0]
    length = float(np.hypot(*direction))
    dx, dy = (direction / length if length > 1e-6 else np.array([0.0, 1.0])).astype(np.float32)
    along = x * dx + y * dy
    across = y * dx - x * dy
    share = np.clip(along / np.float32(max(length, 1e-6)), 0, 1)
    radius = np.maximum(np.float32(radii[0]) + np.float32(radii[1] - radii[0]) * share, 1e-3)
    beyond = along - share * np.float32(length)
    distance = np.sqrt(across * across + beyond * beyond)
    alpha = np.clip(np.minimum(radius, distance + 0.5) - np.maximum(-radius, distance - 0.5), 0, 1)
    return alpha, across / radius, beyond / radius


def _roughen(values: Float, grain: Grain, box: Box) -> None:
    """Vary albedo, temperature and slope by irregularities over the box."""
    left, top = grain.box[0], grain.box[1]
    rough = grain.values[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
    values[..., ALBEDO] *= np.clip(1 + 0.22 * rough, 0.3, 1.8)[..., None]
    if grain.heat is None:
        values[..., TEMPERATURE] *= np.clip(1 + 0.08 * rough, 0.6, 1.4)
    else:
        heat = grain.heat[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
        values[..., TEMPERATURE] *= np.clip(1 + 0.16 * heat, 0.5, 1.5)
    values[..., 7] += 0.25 * rough


def coverage(points: Points, box: Box) -> Float:
    """Return the share of each pixel of a box that an outline covers, 0 to 1."""
    height, width = box[3] - box[1], box[2] - box[0]
    fine = 2 if height * width > 30000 else 4
    mask = np.zeros((height * fine, width * fine), np.uint8)
    # OpenCV's own anti-aliasing enlarges shapes by half a pixel. Its origin is the centre of the #
    # first pixel, and it takes 28.4 fixed-point numbers here.
    fixed = np.rint(((np.clip(points, -1e5, 1e5) - box[:2]) * fine - 0.5) * 16)
    cv2.fillPoly(mask, [fixed.astype(np.int32)], 255, cv2.LINE_8, 4)
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) * np.float32(1 / 255)
