"""Scores for hard pairs: whether a picture shows what one sensor hides, and what harm it keeps."""

import cv2
import numpy as np

from imfuse.types import Float, Mask

_RING = (3, 11)
"""Distance in pixels from a target at which its surroundings begin and end, at 640x480."""
_LEAST_CONTRAST = 0.06
"""Targets of a lower contrast in the sensor that shows them are not measured."""
_REACH = 7
"""Pixels around a strong edge in which halos are looked for."""
_STRONG = 0.35
"""Range of the brighter source in a neighbourhood with a strong edge."""
_GOOD = (0.15, 0.85)
"""Luma of visible pixels that are well exposed."""
_STILL = 2 / 255
"""Change between frames below which a source stands still."""


def contrast(picture: Float, target: Mask) -> float:
    """Return how much brighter a target is than its surroundings, in [-1, 1].

    Args:
        picture: `(H, W)` in [0, 1].
        target: Mask of the target.
    """
    near, far = (_grown(target, reach) for reach in _RING)
    ring = far & ~near
    if not ring.any() or not target.any():
        return float("nan")
    return float(picture[target].mean() - picture[ring].mean())


def kept_contrast(fused: Float, seen: Float, target: Mask) -> float:
    """Return the share of a target's contrast that a fused picture has, from -1 to 1.5.

    Negative where what is bright has become dark. NaN where the target has no contrast.

    Args:
        fused: `(H, W)` in [0, 1].
        seen: Picture of the sensor that shows the target.
        target: Its mask.
    """
    there = contrast(seen, target)
    if not abs(there) >= _LEAST_CONTRAST:
        return float("nan")
    return float(np.clip(contrast(fused, target) / there, -1, 1.5))


def kept_edges(fused: Float, seen: Float, target: Mask) -> float:
    """Return the share of the gradient in and around a target that a fused picture has, 0 to 1.

    Gradients count as far as they point the same way, and no more than they are in the source.

    Args:
        fused: `(H, W)` in [0, 1].
        seen: Picture of the sensor that shows the target.
        target: Its mask.
    """
    where = _grown(target, _RING[0])
    of_fused, of_seen = (_gradient(one)[:, where] for one in (fused, seen))
    size = np.hypot(*of_seen)
    along = (of_fused * of_seen).sum(0) / np.maximum(size, 1e-6)
    return float(np.clip(along, 0, size).sum() / max(float(size.sum()), 1e-6))


def kept_noise(noisy: Float, quiet: Float, noise: Float) -> float:
    """Return the share of a source's noise that a method passes on.

    Args:
        noisy: Picture fused from the noisy source.
        quiet: Picture fused from the same source without the noise.
        noise: The noise.
    """
    return float((noisy - quiet).std() / max(float(noise.std()), 1e-6))


def kept_harm(fused: Float, clean: Float, harm: Float) -> float:
    """Return the share of a harm, such as glare, that a method passes on.

    Args:
        fused: Picture fused from the harmed source.
        clean: Picture fused from the same source without the harm.
        harm: How far the harmed source differs.
    """
    weight = np.abs(harm)
    return float(
        (weight * (fused - clean) * np.sign(harm)).sum() / max(np.square(harm).sum(), 1e-6)
    )


def halo(fused: Float, ir: Float, vis: Float) -> float:
    """Return how far a picture leaves the range of both sources beside strong edges, in percent.

    Args:
        fused: `(H, W)` in [0, 1].
        ir: Infrared source.
        vis: Luma of the visible source.
    """
    window = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    low = cv2.erode(np.minimum(ir, vis), window)
    high = cv2.dilate(np.maximum(ir, vis), window)
    brighter = np.maximum(ir, vis)
    strong = cv2.dilate(brighter, window) - cv2.erode(brighter, window) > _STRONG
    beyond = np.maximum(fused - high, 0) + np.maximum(low - fused, 0)
    return 100 * float(beyond[strong].mean()) if strong.any() else 0.0


def colour_error(fused: Float, vis: Float, good: Mask) -> float:
    """Return the mean colour difference from the visible picture where that is good (CIE 1976).

    Args:
        fused: `(H, W, 3)` RGB in [0, 1].
        vis: The visible picture, likewise.
        good: Where it is good; see `well_seen`.
    """
    if not good.any():
        return float("nan")
    one, other = (cv2.cvtColor(x, cv2.COLOR_RGB2LAB) for x in (fused, vis))
    return float(np.linalg.norm(one - other, axis=2)[good].mean())


def well_seen(vis: Float, targets: Mask) -> Mask:
    """Return where a visible picture is good: well exposed, and no target of infrared.

    Args:
        vis: Luma of the visible picture.
        targets: Mask of all targets.
    """
    around = cv2.blur(vis, (15, 15))
    return (around > _GOOD[0]) & (around < _GOOD[1]) & ~_grown(targets, _RING[0])


def flicker(fused: tuple[Float, Float], ir: tuple[Float, Float], vis: tuple[Float, Float]) -> float:
    """Return the mean change between two frames where both sources stand still, in gray levels.

    Args:
        fused: Two fused frames, `(H, W)` in [0, 1].
        ir: Infrared sources.
        vis: Luma of the visible sources.
    """
    still = (np.abs(ir[1] - ir[0]) < _STILL) & (np.abs(vis[1] - vis[0]) < _STILL)
    if not still.any():
        return float("nan")
    return 255 * float(np.abs(fused[1] - fused[0])[still].mean())


def _grown(mask: Mask, reach: int) -> Mask:
    reach = max(1, round(reach * min(mask.shape) / 480))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def _gradient(picture: Float) -> Float:
    return np.stack([cv2.Sobel(picture, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1))])
