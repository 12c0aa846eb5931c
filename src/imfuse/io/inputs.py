"""Pictures from Python objects: paths, bytes, PIL images, arrays, tensors."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from imfuse.errors import BadValues, UnsupportedImage, UsageError
from imfuse.io.formats.holes import fill_holes
from imfuse.io.images import picture_from_pil, read_image
from imfuse.io.thermal.read import read_infrared, without_thermal_data
from imfuse.radiometry import Reading
from imfuse.types import RAW_TYPES, SCALES, Mask, Picture, Pixels

if TYPE_CHECKING:
    import PIL.Image
    import torch

    ImageLike: TypeAlias = (
        str | os.PathLike[str] | bytes | PIL.Image.Image | np.ndarray[Any, Any] | torch.Tensor
    )

_FLOATS = {np.dtype(np.float16), np.dtype(np.float64)}


def is_tensor(value: object) -> bool:
    """Return True for a torch tensor, without importing torch if it is not imported yet."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_pil(value: object) -> bool:
    """Return True for a PIL image, without importing Pillow if it is not imported yet."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def is_path(value: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return True for a path."""
    return isinstance(value, str | os.PathLike)


def any_folder(ir: str | os.PathLike[str], vis: object) -> bool:
    """Return True for folders: one alone, or one of two paths."""
    if vis is None:
        return Path(ir).is_dir()
    return is_path(vis) and (Path(ir).is_dir() or Path(vis).is_dir())


def files_among(*pictures: Any) -> list[Path]:
    """Return the files that pictures come from, where known."""
    named = [one.name if isinstance(one, Picture) else one for one in pictures]
    named += [getattr(one, "filename", None) for one in pictures if is_pil(one)]
    return [Path(name) for name in named if is_path(name)]


def of_both(ir: Any) -> Path | bytes:  # noqa: ANN401 - any kind
    """Return the file that holds both pictures.

    Raises:
        UsageError: It is no file.
    """
    if is_path(ir):
        return Path(ir)
    if isinstance(ir, bytes | bytearray | memoryview):
        return bytes(ir)
    raise UsageError(
        f"a {type(ir).__name__} without a visible picture",
        expected="vis=, or the path or bytes of a thermal file that holds both",
    )


def as_picture(
    value: Any,  # noqa: ANN401 - any kind
    role: str,
    max_pixels: int,
    reading: Reading | None = None,
) -> Picture:
    """Convert a value to a picture.

    Args:
        value: A path, the bytes of a file, a PIL image, a NumPy array `(H, W)` or
            `(H, W, 1 | 3 | 4)`, a torch tensor `(H, W)` or `(C, H, W)`, or a `Picture`. Pixels
            without a value, such as NaN and those that a masked array masks, are marked in
            `Picture.nodata`.
        role: Name of the picture in messages, such as `infrared`.
        max_pixels: Pictures with more pixels by their header are refused.
        reading: How to read files and bytes as infrared pictures, temperatures included, and in
            which unit arrays are; None: all are pictures like any other.

    Raises:
        ImfuseError: The value is not a picture, or not of a supported kind; or pixels of a
            picture other than the infrared one are masked.
    """
    if isinstance(value, Picture):
        return value
    if isinstance(value, bytes | bytearray | memoryview | str | os.PathLike):
        name = None
        if isinstance(value, bytes | bytearray | memoryview):
            value, name = bytes(value), f"<{role} bytes>"
        if reading is not None:
            return read_infrared(value, reading=reading, max_pixels=max_pixels, name=name)
        return read_image(value, max_pixels=max_pixels, name=name)
    picture = _from_object(value, role)
    return picture if reading is None else without_thermal_data(picture, reading)


def _from_object(value: Any, role: str) -> Picture:  # noqa: ANN401 - any kind
    """Convert a PIL image, a tensor or an array."""
    if is_pil(value):
        return picture_from_pil(value, name=f"<{role} PIL image>")
    if is_tensor(value):
        value = value.detach().cpu()
        array = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array
        return _picture_from_array(array, f"<{role} tensor>")
    if isinstance(value, np.ndarray):
        name = f"<{role} array>"
        masked = _masked(value)
        if masked is not None and role != "infrared":
            raise BadValues(
                f"{int(masked.sum()):,} pixels of the {role} picture are masked",
                file=name,
                expected="a value everywhere",
                remedy="Fill them first, for instance with array.filled(0).",
            )
        return _picture_from_array(np.asarray(value), name, masked)
    raise UsageError(
        f"{role} is a {type(value).__name__}",
        expected="a path, bytes, a PIL image, a NumPy array, or a torch tensor",
    )


def _masked(array: Pixels) -> Mask | None:
    """Return `(H, W)`, True for pixels that a NumPy masked array masks in any channel."""
    if not isinstance(array, np.ma.MaskedArray) or not np.ma.is_masked(array):
        return None
    mask = np.ma.getmaskarray(array)
    return np.asarray(mask if mask.ndim == 2 else mask.any(axis=-1))


def _picture_from_array(array: Pixels, name: str, masked: Mask | None = None) -> Picture:
    channels = 1 if array.ndim == 2 else array.shape[-1]
    if array.ndim not in {2, 3} or channels not in {1, 3, 4} or not array.size:
        raise UnsupportedImage(
            f"shape {array.shape}",
            file=name,
            expected="(H, W), (H, W, 1), (H, W, 3) or (H, W, 4); tensors with channels first",
        )
    dtype = array.dtype.newbyteorder("=")
    if dtype in _FLOATS:
        dtype = np.dtype(np.float32)
    if dtype not in SCALES and (dtype not in RAW_TYPES or channels > 1):
        raise UnsupportedImage(
            f"dtype {array.dtype}" + (f" in {channels} channels" if dtype in RAW_TYPES else ""),
            file=name,
            expected="uint8, uint16, or floats in [0, 1]; infrared in one channel also int16, int32"
            " or uint32, with a range",
            remedy="Convert it, for instance with astype('int32') if the values fit.",
        )
    with np.errstate(over="ignore"):  # values beyond float32 become infinite: no value
        array = array.astype(dtype, copy=False)
    alpha = np.ascontiguousarray(array[..., 3]) if channels == 4 else None
    pixels = array if array.ndim == 2 else array[..., 0] if channels == 1 else array[..., :3]
    pixels, alpha, holes = fill_holes(np.ascontiguousarray(pixels), alpha, name, masked=masked)
    return Picture(pixels=pixels, alpha=alpha, nodata=holes, name=name)
