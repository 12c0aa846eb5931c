"""Rig files: how two cameras that are fixed to each other see, found once from many pairs."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from imfuse import __version__
from imfuse.align.lens import Lens, Points
from imfuse.align.views import area, corners, transform
from imfuse.errors import NotRegistered, UnreadableImage
from imfuse.io.atomic import write_text
from imfuse.ops.warps import NOWHERE, Matrix, scaling
from imfuse.types import Float, ImagePair, Registration

_LARGEST = 16 << 20
"""Most bytes of a rig file."""
_SAME_SHAPE = 0.02
_LEAST_AREA = 0.02
_GRID = 9
"""Points across and down by which the best matrix of bent pictures is fitted."""

Side = Annotated[int, Field(ge=1, le=1_000_000)]
Row = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


def as_rows(matrix: Matrix) -> tuple[Row, Row, Row]:
    """Return a matrix as a rig file holds it."""
    first, second, third = ((float(a), float(b), float(c)) for a, b, c in matrix)
    return first, second, third


class RigPair(BaseModel):
    """One pair that the rig was calibrated with, or that was left out.

    Attributes:
        ir: Name of the infrared picture.
        vis: Name of the visible picture.
        residual: Mean distance of the corners between this pair alone and all together, in pixels
            of a visible picture whose longer side has 640; None: it was not found.
        reason: Why it was left out; empty: it was not.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    ir: str
    vis: str
    residual: FiniteFloat | None = None
    reason: str = ""


class Rig(BaseModel):
    """How infrared pixels map to visible ones, for pictures of given sizes.

    Attributes:
        format: `imfuse-rig`.
        version: Version of the format.
        imfuse: Version that wrote it.
        ir_size: Height and width of infrared pictures.
        vis_size: Those of visible pictures.
        matrix: Maps an infrared pixel `(x, y, 1)` to the visible one; see `Registration`. Where
            lenses are given, between the pictures that cameras without distortion would show.
        ir_lens: Lens of the infrared camera; None: it is not corrected.
        vis_lens: That of the visible one.
        precision: Estimated error of the corners in pixels at 640, from two halves of the pairs;
            None: too few pairs to tell.
        pairs: Pairs that it was calibrated with.
        left_out: Pairs that were not used.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    format: Literal["imfuse-rig"] = "imfuse-rig"
    version: Literal[1] = 1
    imfuse: str = __version__
    ir_size: tuple[Side, Side]
    vis_size: tuple[Side, Side]
    matrix: tuple[Row, Row, Row]
    ir_lens: Lens | None = None
    vis_lens: Lens | None = None
    precision: FiniteFloat | None = None
    pairs: tuple[RigPair, ...] = ()
    left_out: tuple[RigPair, ...] = ()

    @property
    def array(self) -> Matrix:
        """The matrix as an array."""
        return np.array(self.matrix)

    def write(self, file: Path) -> None:
        """Write the rig file.

        Raises:
            OutputError: It can't be written.
        """
        write_text(file, json.dumps(self.model_dump(), indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> "Rig":
        """Read a rig file.

        Raises:
            UnreadableImage: It is missing, too large, or no rig file.
        """
        expected = "a rig file, as imfuse rig calibrate writes it"
        try:
            if file.stat().st_size > _LARGEST:
                found = f"more than {_LARGEST >> 20} MB"
                raise UnreadableImage(found, file=file, expected=expected)
            rig = cls.model_validate_json(file.read_bytes())
        except OSError as error:
            found = f"the rig file can't be read ({error.strerror})"
            raise UnreadableImage(found, file=file, expected=expected) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            found = f"{first['msg']}" + (f" at {where}" if where else "")
            raise UnreadableImage(found, file=file, expected=expected) from error
        rig.check(file)
        return rig

    def check(self, file: Path) -> None:
        """Refuse a matrix that no two cameras have.

        Raises:
            UnreadableImage: It can't be inverted, or maps the infrared picture inside out.
        """
        at = corners(self.ir_size)
        depth = at @ self.array[2, :2] + self.array[2, 2]
        good = bool((depth > 0).all() or (depth < 0).all())
        with np.errstate(all="ignore"):
            shown = area(transform(self.array, at)) if good else 0.0
        if not (np.isfinite(shown) and shown > _LEAST_AREA):
            raise UnreadableImage(
                "the matrix maps the infrared picture inside out, or onto nothing",
                file=file,
                expected="a matrix from infrared pixels to visible ones",
            )

    def describe(self) -> list[str]:
        """Return what the rig file says, in lines for people."""
        (ir_height, ir_width), (vis_height, vis_width) = self.ir_size, self.vis_size
        places = transform(self.array, corners(self.ir_size))
        middle = places.mean(axis=0) - [(vis_width - 1) / 2, (vis_height - 1) / 2]
        across, down = places[1] - places[0], places[3] - places[0]
        turn = np.rad2deg(np.arctan2(across[1], across[0]))
        precision = "not known" if self.precision is None else f"{self.precision:.1f} px at 640"
        return [
            f"infrared {ir_width}x{ir_height}, visible {vis_width}x{vis_height}",
            f"infrared sees {100 * np.hypot(*across) / vis_width:.0f} % of the visible width and "
            f"{100 * np.hypot(*down) / vis_height:.0f} % of its height, turned by {turn:.1f} "
            "degrees",
            f"its middle is {middle[0]:+.1f} px across and {middle[1]:+.1f} px down from that of "
            "the visible picture",
            f"precision of the corners: {precision}, from {len(self.pairs)} pairs",
            *(
                f"the {name} lens is corrected, by up to {lens.strength(size):.1f} px"
                for name, lens, size in (
                    ("infrared", self.ir_lens, self.ir_size),
                    ("visible", self.vis_lens, self.vis_size),
                )
                if lens is not None
            ),
        ]

    def resized(self, ir: tuple[int, int], vis: tuple[int, int]) -> "Rig | None":
        """Return the rig for pictures of other sizes, resized as a whole; None: they weren't.

        Args:
            ir: Height and width of the infrared picture.
            vis: Those of the visible picture.
        """
        for (height, width), (new_height, new_width) in ((self.ir_size, ir), (self.vis_size, vis)):
            change = (new_height * width) / (height * new_width)
            if max(change, 1 / change) - 1 > _SAME_SHAPE:
                return None
        matrix = scaling(self.vis_size, vis) @ self.array @ scaling(ir, self.ir_size)
        changes: dict[str, object] = {
            "ir_size": ir,
            "vis_size": vis,
            "matrix": as_rows(matrix / matrix[2, 2]),
            "ir_lens": self.ir_lens and self.ir_lens.resized(self.ir_size, ir),
            "vis_lens": self.vis_lens and self.vis_lens.resized(self.vis_size, vis),
        }
        return self.model_copy(update=changes)

    def between(self, ir: tuple[int, int], vis: tuple[int, int]) -> Matrix | None:
        """Return the matrix for pictures of other sizes, resized as a whole; None: they weren't.

        Where a lens is corrected, no matrix is exact: this is the one that fits best.
        """
        rig = self.resized(ir, vis)
        return None if rig is None else rig.fitted()

    def fitted(self) -> Matrix:
        """Return the matrix that fits best between the pictures as the cameras deliver them."""
        if self.ir_lens is None and self.vis_lens is None:
            return self.array
        height, width = self.ir_size
        x, y = np.meshgrid(np.linspace(0, width - 1, _GRID), np.linspace(0, height - 1, _GRID))
        shown = np.stack([x.ravel(), y.ravel()], axis=1)
        found, _ = cv2.findHomography(shown, self._onto_visible(shown), 0)
        return np.asarray(found, np.float64)

    def field(self) -> Float:
        """Return for each visible pixel the `(x, y)` in the infrared picture that it shows.

        Returns:
            `(H, W, 2)`; far outside where it shows nothing of it.
        """
        height, width = self.vis_size
        x, y = np.meshgrid(np.arange(float(width)), np.arange(float(height)))
        shown = np.stack([x.ravel(), y.ravel()], axis=1)
        ideal = shown if self.vis_lens is None else self.vis_lens.straightened(shown)
        at = _back(self.array, ideal)
        if self.ir_lens is not None:
            inside = self.ir_lens.sees(at, self.ir_size)
            at = np.where(inside[:, None], at, NOWHERE)
            if inside.any():
                at[inside] = self.ir_lens.bent(at[inside])
        return at.reshape(height, width, 2).astype(np.float32)

    def _onto_visible(self, shown: Points) -> Points:
        ideal = shown if self.ir_lens is None else self.ir_lens.straightened(shown)
        places = transform(self.array, ideal)
        return places if self.vis_lens is None else self.vis_lens.bent(places)


def _back(matrix: Matrix, points: Points) -> Points:
    """Return where points of the result lie in the source; far outside, if behind the horizon."""
    back = np.linalg.inv(matrix)
    depth = points @ back[2, :2] + back[2, 2]
    ahead = depth > 1e-9 * abs(back[2, 2])
    found = (points @ back[:2, :2].T + back[:2, 2]) / np.where(ahead, depth, 1)[:, None]
    return np.where(ahead[:, None], found, NOWHERE)


@lru_cache(maxsize=2)
def _field(rig: Rig) -> Float:
    """Keep fields, as they take longer to compute than a pair to fuse."""
    field = rig.field()
    field.flags.writeable = False
    return field


@dataclass(frozen=True)
class RigAligner:
    """Lays pairs upon each other as a rig file says, without a look at what they show.

    Attributes:
        rig: The rig.
        file: Where it comes from, for messages.
    """

    rig: Rig
    file: Path

    def register(self, pair: ImagePair) -> Registration:
        """Return how infrared lies on visible.

        Raises:
            NotRegistered: The pictures have other proportions than those of the rig.
        """
        rig = self.rig.resized(pair.ir.size, pair.vis.size)
        if rig is None:
            (a, b), (c, d) = self.rig.ir_size, self.rig.vis_size
            raise NotRegistered(
                f"infrared is {pair.ir.extent}, visible ({pair.vis.name}) is {pair.vis.extent}",
                reason="rig_mismatch",
                file=pair.ir.name,
                expected=f"{b}x{a} and {d}x{c}, or these resized, as in {self.file.name}",
                remedy="Calibrate a rig file from such pairs: imfuse rig calibrate.",
            )
        straight = rig.ir_lens is None and rig.vis_lens is None
        field = None if straight else _field(rig)
        return Registration(matrix=rig.fitted(), field=field, estimator="rig")
