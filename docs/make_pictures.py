"""Render and fuse the picture at the top of README.md: `python docs/make_pictures.py`."""

from pathlib import Path

import cv2
import numpy as np

from imfuse.fuser import Fuser
from imfuse.scenes import render
from imfuse.types import ImagePair, Picture

SCENES = (("street-night", 20), ("smoke", 3), ("foliage", 2))
GAP = 6


def main() -> None:
    """Write `docs/images/example.jpg`: a row a scene; visible, infrared, fused."""
    fuser = Fuser()
    rows = []
    for kind, seed in SCENES:
        scene = render(kind, size=(360, 480), seed=seed)
        ir, vis = (np.rint(values * 255).astype(np.uint8) for values in (scene.ir, scene.vis))
        fused = fuser.fuse(ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))).pixels
        gap = np.full((360, GAP, 3), 255, np.uint8)
        rows += [np.hstack([vis, gap, np.dstack([ir] * 3), gap, fused])]
        rows += [np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)]
    picture = cv2.cvtColor(np.vstack(rows[:-1]), cv2.COLOR_RGB2BGR)
    folder = Path(__file__).parent / "images"
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "example.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
