"""Augmentation: crop, flip, rotate, resize, relight; geometry is the same within a sample."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from imfuse.data.boxes import Boxes
from imfuse.data.sample import IGNORED, Sample
from imfuse.errors import UsageError
from imfuse.types import Float, Pixels


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of samples. The default leaves them whole and unchanged.

    Attributes:
        crop: Height and width in pixels of the random crop; None: the whole picture. Smaller
            pictures are padded by reflection, with unknown labels and no boxes in the padding.
            Boxes that keep less than a quarter of their area are dropped.
        scale: Smallest and largest resize factor, drawn uniformly, applied before the crop.
        flip: Mirror left and right in half of the samples.
        flip_vertical: Mirror top and bottom in half of the samples.
        rotate: Rotate by 0, 90, 180 or 270 degrees; needs a square crop.
        jitter: Largest relative change of brightness, contrast and saturation of the visible
            picture; infrared is never changed.

    Raises:
        UsageError: A value is out of its range, or `rotate` is set without a square crop.
    """

    crop: tuple[int, int] | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    flip: bool = False
    flip_vertical: bool = False
    rotate: bool = False
    jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.crop is not None and min(self.crop) < 1:
            raise UsageError(f"crop {self.crop}", expected="height and width from 1 pixel")
        if not 0 < self.scale[0] <= self.scale[1] < np.inf:
            raise UsageError(f"scale {self.scale}", expected="least and greatest factor above 0")
        if self.rotate and (self.crop is None or self.crop[0] != self.crop[1]):
            raise UsageError(
                f"turns by 90 degrees with a crop of {self.crop}",
                expected="a square crop, so that all pictures of a batch have the same size",
                remedy="Use flip and flip_vertical for whole or oblong pictures.",
            )
        if not all(0 <= change <= 1 for change in self.jitter):
            raise UsageError(f"jitter {self.jitter}", expected="three shares from 0 to 1")

    def apply(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Return a random variant of a sample, drawn with `rng`; float32 if colours were changed.

        Every step draws its numbers whether or not it is switched on, so that switching one on or
        off leaves the others as they were.
        """
        size_at, top_at, left_at, flip_at, vertical_at = rng.random(5)
        turns, light = int(rng.integers(4)), rng.uniform(-1, 1, 3)
        factor = self.scale[0] + size_at * (self.scale[1] - self.scale[0])
        if factor != 1:
            sample = resize(sample, factor)
        if self.crop is not None:
            sample = _padded(sample, self.crop)
            spare = sample.size[0] - self.crop[0], sample.size[1] - self.crop[1]
            corner = int(top_at * (spare[0] + 1)), int(left_at * (spare[1] + 1))
            sample = crop(sample, corner, self.crop)
        if self.flip and flip_at < 0.5:
            sample = mirror(sample)
        if self.flip_vertical and vertical_at < 0.5:
            sample = _transposed(mirror(_transposed(sample)))
        for _ in range(turns if self.rotate else 0):
            sample = _transposed(mirror(sample))  # a quarter turn to the left
        if any(self.jitter):
            sample = sample.as_float()
            sample = replace(sample, vis=relight(sample.vis, *(1 + light * self.jitter)))
        return sample


def crop(sample: Sample, corner: tuple[int, int], size: tuple[int, int]) -> Sample:
    """Return the part of a sample with a given top left corner and size (rows first)."""
    (top, left), (height, width) = corner, size
    part = _each(sample, lambda pixels: pixels[top : top + height, left : left + width])
    return _with_boxes(part, lambda boxes: boxes.cropped(corner, part.size))


def mirror(sample: Sample) -> Sample:
    """Return a sample whose left and right are exchanged."""
    return _with_boxes(
        _each(sample, lambda pixels: pixels[:, ::-1]), lambda boxes: boxes.mirrored(sample.size[1])
    )


def _transposed(sample: Sample) -> Sample:
    """Return a sample whose rows are the columns of another."""
    swapped = _each(sample, lambda pixels: pixels.swapaxes(0, 1))
    return _with_boxes(swapped, Boxes.transposed)


def resize(sample: Sample, factor: float) -> Sample:
    """Resize a sample: pictures by area averaging or bilinearly, labels by nearest neighbour."""
    height, width = (max(1, round(side * factor)) for side in sample.size)
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR

    def resized(pixels: Pixels, way: int) -> Pixels:
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), pixels.dtype)

    across, down = width / sample.size[1], height / sample.size[0]
    return _with_boxes(
        replace(
            sample,
            ir=resized(sample.ir, way),
            vis=resized(sample.vis, way),
            labels=None
            if sample.labels is None
            else resized(sample.labels, cv2.INTER_NEAREST_EXACT),
        ),
        lambda boxes: boxes.scaled(across, down),
    )


def relight(vis: Float, brightness: float, contrast: float, saturation: float) -> Float:
    """Return a visible picture with changed brightness, contrast and saturation.

    Args:
        vis: `(H, W, 3)` in [0, 1].
        brightness: Factor of all values.
        contrast: Factor of the distance from the picture's mean luma.
        saturation: Factor of the distance from each pixel's luma.

    Returns:
        The picture, clamped to [0, 1].
    """
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    lit = np.clip(vis * np.float32(brightness), 0, 1)
    mean = np.float32((lit @ weights).mean())
    lit = np.clip(mean + (lit - mean) * np.float32(contrast), 0, 1)
    luma = (lit @ weights)[..., None]
    return np.asarray(np.clip(luma + (lit - luma) * np.float32(saturation), 0, 1), np.float32)


def _padded(sample: Sample, size: tuple[int, int]) -> Sample:
    """Return a sample of at least the given size, padded evenly by reflection."""
    rows, columns = (max(0, want - have) for want, have in zip(size, sample.size, strict=True))
    if not rows and not columns:
        return sample
    edges = (rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)

    def padded(pixels: Pixels, way: int) -> Pixels:
        return np.asarray(cv2.copyMakeBorder(pixels, *edges, way, value=IGNORED), pixels.dtype)

    labels = None if sample.labels is None else padded(sample.labels, cv2.BORDER_CONSTANT)
    reflect = cv2.BORDER_REFLECT_101
    whole = replace(
        sample, ir=padded(sample.ir, reflect), vis=padded(sample.vis, reflect), labels=labels
    )
    corner = -edges[0], -edges[2]
    return _with_boxes(whole, lambda boxes: boxes.cropped(corner, whole.size))


def _each(sample: Sample, change: Callable[[Pixels], Pixels]) -> Sample:
    """Return a sample with the same change applied to all its arrays."""
    return replace(
        sample,
        ir=change(sample.ir),
        vis=change(sample.vis),
        labels=None if sample.labels is None else change(sample.labels),
    )


def _with_boxes(sample: Sample, change: Callable[[Boxes], Boxes]) -> Sample:
    """Return a sample with its boxes changed, if it has any."""
    return sample if sample.boxes is None else replace(sample, boxes=change(sample.boxes))
