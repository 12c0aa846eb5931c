"""`imfuse.fuse` for Python: whatever kind of picture comes in, the same kind goes out."""

import os
import sys
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from imfuse.engines.load import load_engine
from imfuse.errors import ImfuseWarning, PairMismatch, UsageError
from imfuse.fuser import Fuser
from imfuse.io.images import (
    MAX_PIXELS,
    encode_image,
    picture_to_pil,
    write_image,
)
from imfuse.io.inputs import as_picture, is_pil, is_tensor
from imfuse.io.pairs import check_distinct
from imfuse.types import Engine, FusedImage, ImagePair, Picture, Pixels

if TYPE_CHECKING:
    from imfuse.io.inputs import ImageLike


def fuse(
    ir: "ImageLike | Picture",
    vis: "ImageLike | Picture",
    model: str | Path | Engine | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    resize: Literal["ir", "vis"] | None = None,
    ir_range: tuple[float, float] | None = None,
    prefer_ir: float = 0.5,
    max_memory: int | None = None,
    max_pixels: int = MAX_PIXELS,
    quality: int = 95,
) -> Any:  # noqa: ANN401 - the kind of the result is the kind of `vis`
    """Fuse an infrared and a visible picture of one scene into one picture.

    Args:
        ir: Infrared picture (medical: MRI or CT, gray): a path, the bytes of a file, a PIL
            image, a NumPy array `(H, W)`, `(H, W, 1 | 3 | 4)`, or a torch tensor `(H, W)`,
            `(C, H, W)` or `(B, C, H, W)`. Arrays and tensors hold uint8, uint16, or floats in
            [0, 1], colours in RGB order.
        vis: Visible picture (medical: PET or SPECT, in colour), likewise. The result follows it
            in size, depth, colour, transparency and metadata.
        model: Name of a method, path of an `.onnx` file, or an engine; None: the default.
        out: File to write. Its ending names the format.
        resize: `ir` or `vis`: bring this one to the other's size where the two differ.
        ir_range: Infrared values, in the picture's own units, that become black and white.
        prefer_ir: Share of the infrared picture, 0 to 1; at 1/2 the method decides.
        max_memory: Bytes to use above the inputs; larger pictures are worked on in tiles. None:
            as `imfuse.Fuser` says.
        max_pixels: Pictures with more pixels by their header are refused.
        quality: Quality of JPEG results, 1 to 100.

    Returns:
        With `out`, the path that was written. Otherwise the kind that `vis` is: encoded bytes in
        the same format, a PIL image, an array or a tensor of the same dtype and layout; for a
        path or a `Picture`, a `FusedImage`, and nothing is written.

    Raises:
        ImfuseError: With a class that names the reason, and a message that says what to do.

    Warns:
        ImfuseWarning: About things such as an infrared picture in false colour.

    Example:
        >>> import imfuse, numpy as np
        >>> ir, vis = np.zeros((4, 6), np.uint8), np.full((4, 6, 3), 100, np.uint8)
        >>> imfuse.fuse(ir, vis, "max").shape
        (4, 6, 3)
    """
    if isinstance(ir, str | os.PathLike) and isinstance(vis, str | os.PathLike):
        check_distinct(Path(ir), Path(vis))
    engine = model if not isinstance(model, str | Path) and model is not None else _engine(model)
    fuser = Fuser(
        engine, resize=resize, ir_range=ir_range, prefer_ir=prefer_ir, max_memory=max_memory
    )
    if is_tensor(vis) and vis.ndim == 4:  # type: ignore[union-attr]
        if out is not None:
            raise UsageError("out= with a batch", expected="one picture per file")
        return _fuse_batch(fuser, ir, vis)
    fused = _fuse_one(fuser, ir, vis, max_pixels)
    if out is not None:
        for note in write_image(out, fused, quality=quality):
            warnings.warn(note, ImfuseWarning, stacklevel=2)
        return Path(out)
    return _like(vis, fused, quality)


def _fuse_one(fuser: Fuser, ir: Any, vis: Any, max_pixels: int) -> FusedImage:  # noqa: ANN401
    pair = ImagePair(
        ir=as_picture(ir, "infrared", max_pixels), vis=as_picture(vis, "visible", max_pixels)
    )
    fused = fuser.fuse(pair)
    for note in fused.notes:
        warnings.warn(note, ImfuseWarning, stacklevel=3)
    return fused


@lru_cache(maxsize=4)
def _engine(model: str | Path | None) -> Engine:
    """Keep the last few: opening a network takes longer than fusing a small picture."""
    return load_engine(model)


def _like(vis: Any, fused: FusedImage, quality: int) -> Any:  # noqa: ANN401
    """Turn a fused picture into the kind of thing that the visible one was."""
    if isinstance(vis, bytes | bytearray | memoryview):
        return encode_image(fused, fused.format or "PNG", quality=quality)
    if is_pil(vis):
        return picture_to_pil(fused)
    if is_tensor(vis):
        return _to_tensor(_array_like(vis.shape[0] if vis.ndim == 3 else 0, fused), vis)
    if isinstance(vis, np.ndarray):
        channels = vis.shape[2] if vis.ndim == 3 else 0
        return _array_like(channels, fused).astype(vis.dtype, copy=False)
    return fused


def _array_like(channels: int, fused: FusedImage) -> Pixels:
    """Return `(H, W)`, or `(H, W, C)` with as many channels as came in (0: no channel axis)."""
    if channels == 4 and fused.alpha is not None:
        return np.dstack([fused.pixels, fused.alpha])
    if channels == 1 and fused.pixels.ndim == 2:
        return fused.pixels[..., None]
    return fused.pixels


def _to_tensor(array: Pixels, like: Any) -> Any:  # noqa: ANN401 - torch is not imported here
    first = array.transpose(2, 0, 1) if array.ndim == 3 else array
    return sys.modules["torch"].from_numpy(np.ascontiguousarray(first)).to(like)


def _fuse_batch(fuser: Fuser, ir: Any, vis: Any) -> Any:  # noqa: ANN401 - torch tensors
    if not (is_tensor(ir) and ir.ndim == 4 and len(ir) == len(vis)):
        raise PairMismatch(
            f"a visible batch {tuple(vis.shape)} with infrared {tuple(getattr(ir, 'shape', ()))}",
            expected="two batches (B, C, H, W) of the same length",
        )
    fused = [
        _like(visible, _fuse_one(fuser, infrared, visible, MAX_PIXELS), quality=95)
        for infrared, visible in zip(ir, vis, strict=True)
    ]
    return sys.modules["torch"].stack(fused)
