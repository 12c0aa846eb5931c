"""Writes tiny made-up copies of every layout that imfuse knows; all pictures are rendered.

Run it from the root of the project: `python tests/data/make_layouts.py`. JPEG and video depend on
the versions of the libraries that write them, so the files are committed as they came out.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from imfuse.data.sample import quantised
from imfuse.scenes import SCENES, render

HERE = Path(__file__).parent
HEIGHT, WIDTH = 24, 32
_ACROSS = 4
_FRAMES = 12


class Tiles:
    """Parts of rendered scenes, another one each time."""

    def __init__(self):
        self.number = 0
        self.scenes = [
            render(kind, size=(HEIGHT * _ACROSS, WIDTH * _ACROSS), seed=2024) for kind in SCENES
        ]

    def next(self):
        """Return infrared, visible and labels of the next part."""
        scene = self.scenes[self.number % len(self.scenes)]
        row, column = divmod(self.number // len(self.scenes) % _ACROSS**2, _ACROSS)
        self.number += 1
        rows = slice(row * HEIGHT, (row + 1) * HEIGHT)
        columns = slice(column * WIDTH, (column + 1) * WIDTH)
        parts = quantised(scene.ir), quantised(scene.vis), scene.labels
        return tuple(part[rows, columns] for part in parts)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def pairs(tiles, root, names, ir, vis, labels="", ending=".png"):
    """Write pairs into folders for infrared, visible and label pictures."""
    for name in names:
        infrared, visible, classes = tiles.next()
        save(root / ir / f"{name}{ending}", infrared)
        save(root / vis / f"{name}{ending}", visible)
        if labels:
            save(root / labels / f"{name}.png", classes)


def lines(path, names):
    path.write_text("".join(f"{name}\n" for name in names))


def msrs(tiles):
    train, test = ("00001D", "00002D", "00003N"), ("00004N", "00055D")
    for split, names in (("train", train), ("test", test)):
        pairs(
            tiles,
            HERE / "msrs" / split,
            names,
            "ir",
            "vi",
            "Segmentation_labels",
        )
        folders = (f"{sensor}/{split}/MSRS" for sensor in ("Infrared", "Visible", "Label"))
        pairs(tiles, HERE / "msrs-seafusion", names, *folders)


def mfnet(tiles):
    splits = {
        "train": ("00001D", "00001D_flip", "00006N", "00006N_flip"),
        "val": ("00002D",),
        "test": ("00093D", "00004N"),
    }
    root = HERE / "mfnet"
    for split, names in splits.items():
        for name in names:
            if name.endswith("_flip"):
                continue
            infrared, visible, classes = tiles.next()
            save(root / "images" / f"{name}.png", np.dstack([visible, infrared]))
            save(root / "labels" / f"{name}.png", classes)
        lines(root / f"{split}.txt", names)
    # One mirrored copy is there, the other is only listed, as both occur.
    four = np.asarray(Image.open(root / "images" / "00001D.png"))
    save(root / "images" / "00001D_flip.png", four[:, ::-1])
    classes = np.asarray(Image.open(root / "labels" / "00001D.png"))
    save(root / "labels" / "00001D_flip.png", classes[:, ::-1])


def m3fd(tiles):
    pairs(tiles, HERE / "m3fd", ("00000", "00001"), "Ir", "Vis")
    (HERE / "m3fd" / "Annotation").mkdir(exist_ok=True)
    (HERE / "m3fd" / "Annotation" / "00000.xml").write_text("<annotation/>\n")
    pairs(tiles, HERE / "M3FD_Fusion", ("00010", "00011", "00012"), "Ir", "Vis")


def fmb(tiles):
    for split, names in (("train", ("00001", "00002", "00003")), ("test", ("00004",))):
        pairs(tiles, HERE / "fmb" / split, names, "Infrared", "Visible", "Label")


def llvip(tiles):
    for split, names in (("train", ("010001", "010002", "010003")), ("test", ("190001",))):
        folders = f"infrared/{split}", f"visible/{split}"
        pairs(tiles, HERE / "llvip", names, *folders, ending=".jpg")
        for name in names:
            infrared, visible, _ = tiles.next()
            both = np.hstack([visible, np.dstack([infrared] * 3)])
            save(HERE / "llvip-pairs" / split / f"{name}.jpg", both)


def roadscene(tiles):
    # FLIR_00211 and FLIR_00977 are among the fifty that papers test on.
    names = ("FLIR_00006", "FLIR_00018", "FLIR_00060", "FLIR_00211", "FLIR_00977")
    folders = "cropinfrared", "crop_LR_visible"
    pairs(tiles, HERE / "roadscene", names, *folders, ending=".jpg")
    pairs(tiles, HERE / "roadscene-lists", names, "ir", "vis", ending=".jpg")
    lines(HERE / "roadscene-lists" / "train171.txt", [f"{name}.jpg" for name in names[:4]])
    lines(HERE / "roadscene-lists" / "test50.txt", [f"{name}.jpg" for name in names[4:]])


def tno(tiles):
    for name in ("01", "02"):
        infrared, visible, _ = tiles.next()
        save(HERE / "TNO" / "ir" / f"{name}.png", infrared)
        save(HERE / "TNO" / "vi" / f"{name}.png", visible[..., 1])


def harvard(tiles):
    for split, names in (("train", ("16003", "16004")), ("test", ("11",))):
        for modality in ("ct", "pet", "spect"):
            root = HERE / "harvard" / f"mri-{modality}" / split
            for name in names:
                anatomy, functional, _ = tiles.next()
                save(root / "mri" / f"{name}.png", anatomy)
                colour = functional if modality != "ct" else functional[..., 0]
                save(root / modality / f"{name}.png", colour)
    pairs(tiles, HERE / "harvard-flat" / "MRI_PET", ("11", "12"), "MRI", "PET")


def m3svd():
    scene = render("street-day", size=(96, 128), seed=7)
    # Wide steps of brightness tell the frames apart even after lossy coding.
    for clip, start in (("0111_1716", 0), ("1230_1202", 30)):
        for sensor, pixels in (("infrared", scene.ir), ("visible", scene.vis)):
            path = HERE / "m3svd" / sensor / f"{clip}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            code = cv2.VideoWriter.fourcc(*"mp4v")
            video = cv2.VideoWriter(str(path), code, 30, (64, 48))
            for number in range(_FRAMES):
                part = quantised(pixels[:48, :64] * 0.3)
                frame = part if part.ndim == 3 else np.dstack([part] * 3)
                video.write(frame[..., ::-1] + np.uint8(start + 12 * number))
            video.release()


def plain(tiles):
    pairs(tiles, HERE / "plain", ("a", "b", "c"), "ir", "vis", "labels")
    for split, names in (("train", ("a", "b")), ("val", ("c",))):
        pairs(tiles, HERE / "plain-splits" / split, names, "thermal", "rgb")


if __name__ == "__main__":
    made = Tiles()
    for make in (msrs, mfnet, m3fd, fmb, llvip, roadscene, tno, harvard, plain):
        make(made)
    m3svd()
