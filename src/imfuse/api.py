"""Python API: `imfuse.fuse` returns the same kind of picture as it is given."""

import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from numpy.typing import NDArray

from imfuse.engines.load import cached_engine, model_specs
from imfuse.errors import ImfuseWarning, PairMismatch, UsageError
from imfuse.files import (
    PairResult,
    check_keeping,
    check_output,
    fuse_files,
    kept_in,
    output_file,
    read_pair,
    read_sources,
)
from imfuse.folders import FolderJob, prepare
from imfuse.fuser import Fuser
from imfuse.io.images import write_image
from imfuse.io.inputs import any_folder, as_picture, files_among, is_path, is_tensor, of_both
from imfuse.kinds import like_visible
from imfuse.machine import available_cores
from imfuse.options import FuseOptions
from imfuse.types import Engine, FusedImage, FusionSpec, ImagePair, Picture

if TYPE_CHECKING:
    import PIL.Image
    import torch

    from imfuse.io.inputs import ImageLike

Array = TypeVar("Array", bound=NDArray[Any])
PathLike = str | os.PathLike[str]
Model = FuseOptions | str | Path | Engine | None


@overload
def fuse(
    ir: "ImageLike | Picture",
    vis: "ImageLike | Picture | None" = None,
    model: Model = None,
    *,
    out: PathLike,
    **options: Any,
) -> Path: ...
@overload
def fuse(
    ir: bytes, vis: None = None, model: Model = None, *, out: None = None, **options: Any
) -> bytes: ...
@overload
def fuse(
    ir: "ImageLike | Picture", vis: bytes, model: Model = None, *, out: None = None, **options: Any
) -> bytes: ...
@overload
def fuse(
    ir: "ImageLike | Picture", vis: Array, model: Model = None, *, out: None = None, **options: Any
) -> Array: ...
@overload
def fuse(
    ir: "ImageLike | Picture",
    vis: "PIL.Image.Image",
    model: Model = None,
    *,
    out: None = None,
    **options: Any,
) -> "PIL.Image.Image": ...
@overload
def fuse(
    ir: "ImageLike | Picture",
    vis: "torch.Tensor",
    model: Model = None,
    *,
    out: None = None,
    **options: Any,
) -> "torch.Tensor": ...
@overload
def fuse(
    ir: "ImageLike | Picture",
    vis: PathLike | Picture | None = None,
    model: Model = None,
    *,
    out: None = None,
    **options: Any,
) -> FusedImage: ...
def fuse(
    ir: "ImageLike | Picture",
    vis: "ImageLike | Picture | None" = None,
    model: Model = None,
    *,
    out: PathLike | None = None,
    **options: Any,
) -> Any:
    """Fuse an infrared and a visible picture of one scene into one picture.

    Args:
        ir: Infrared picture (medical: MRI or CT, gray): a path, the bytes of a file, a PIL
            image, a NumPy array `(H, W)`, `(H, W, 1 | 3 | 4)`, or a torch tensor `(H, W)`,
            `(C, H, W)` or `(B, C, H, W)`. Arrays and tensors hold uint8, uint16, or floats in
            [0, 1], colours in RGB order; with `ir_range`, other values too. Or a folder.
            Temperatures of thermal files are used; see `imfuse.read_infrared`.
        vis: Visible picture (medical: PET or SPECT, in colour), likewise. The result has its
            size, depth, colour, transparency and metadata. None: the one inside `ir`, which must
            be the path or the bytes of a thermal file, or a folder of such files.
        model: Name of a method, path of a model file, an engine, or a `FuseOptions` with all
            options; None: the default method.
        out: File to write, in the format of its extension; for folders, the folder to write to.
        options: Options by name, such as `resize="ir"` or `ir_range=(18, 36)`; see
            `imfuse.FuseOptions`.

    Returns:
        With `out`, the path that was written. Otherwise the same kind as `vis`: encoded bytes in
        the same format, a PIL image, an array or a tensor of the same dtype and layout; for a
        path or a `Picture`, a `FusedImage`, and nothing is written.

    Raises:
        ImfuseError: Its class names the reason, and its message says what to do. For folders: no
            pair could be fused.

    Warns:
        ImfuseWarning: Something is odd, such as an infrared picture in false colour, or some
            pairs of a folder could not be fused.

    Examples:
        >>> import imfuse, numpy as np
        >>> ir, vis = np.zeros((4, 6), np.uint8), np.full((4, 6, 3), 100, np.uint8)
        >>> imfuse.fuse(ir, vis, "max").shape
        (4, 6, 3)
    """
    of_folders = sorted(_OF_FOLDERS & set(options))
    if of_folders:
        found = f"the option {of_folders[0]!r}, which fuse does not take"
        raise UsageError(found, remedy="imfuse.fuse_folders(ir, vis, out, ...) takes it.")
    chosen = FuseOptions.of(model, **options)
    if is_path(ir) and any_folder(ir, vis):
        if out is None:
            raise UsageError("folders without out=", expected="out=FOLDER for the results")
        _warn_of_failures(fuse_folders(ir, vis, out, chosen))  # type: ignore[arg-type]
        return Path(out)
    fuser = Fuser(chosen, model=cached_engine(**chosen.loading()), settings=())
    _warn(getattr(fuser.engine, "notes", ()))
    if is_tensor(vis) and vis.ndim == 4:  # type: ignore[union-attr]
        if out is not None:
            raise UsageError("out= with a batch", expected="one picture per file")
        return _fuse_batch(fuser, ir, vis)
    if out is None:
        like = ir if vis is None else vis
        return like_visible(like, _fuse_one(fuser, ir, vis), chosen.quality)
    if is_path(ir) and (is_path(vis) or vis is None):
        second = None if vis is None else Path(vis)
        _, result = fuse_files(fuser, Path(ir), second, output_file(Path(out), second or Path(ir)))
        _warn(result.notes)
        return result.out
    check_output(Path(out), files_among(ir, vis))
    check_keeping(Path(out), chosen)
    fused = _fuse_one(fuser, ir, vis)
    _warn(write_image(out, fused, quality=chosen.quality, temperature=kept_in(fused, chosen)))
    return Path(out)


def fuse_folders(
    ir: PathLike,
    vis: PathLike | None,
    out: PathLike,
    model: Model = None,
    *,
    suffix: str | None = None,
    pair_regex: str | None = None,
    pairs: PathLike | None = None,
    workers: int | None = None,
    resume: bool = False,
    provenance: PathLike | None = None,
    **options: Any,
) -> list[PairResult]:
    """Fuse the pairs of two folders, matched by name, on all cores.

    Args:
        ir: Folder of infrared pictures.
        vis: Folder of visible pictures; None: each infrared file is a thermal one that holds both.
        out: Folder for the results; made if missing. A result is named after its visible picture.
        model: See `fuse`.
        suffix: File extension of the results; None: `.png`, or `.tif` for float pictures.
        pair_regex: Regular expression for the part of two names that must agree; None: all but
            the extension.
        pairs: CSV file that lists the pairs instead, in the columns `ir` and `vis`.
        workers: Number of pairs to fuse at a time; None: one per core.
        resume: Skip pairs that an earlier run with the same settings finished.
        provenance: Folder for maps of where pixels come from; None: none.
        options: Options by name; see `imfuse.FuseOptions`.

    Returns:
        One result per pair, in no fixed order; a failed one holds its error.

    Raises:
        ImfuseError: The folders don't match, or the output folder can't be used.
    """
    job = FolderJob(
        ir=Path(ir),
        vis=None if vis is None else Path(vis),
        out=Path(out),
        options=FuseOptions.of(model, **options, provenance=provenance is not None),
        suffix=suffix,
        pair_regex=pair_regex,
        pairs=None if pairs is None else Path(pairs),
        workers=workers or available_cores(),
        resume=resume,
        provenance=None if provenance is None else Path(provenance),
    )
    return list(prepare(job))


def load_model(model: str | Path | None = None, **options: Any) -> Engine:
    """Return the engine for a name or a model file.

    Args:
        model: Name of a method or network, or path of a model file; None: the default method.
        options: `threads` and `runtime`; see `imfuse.FuseOptions`.

    Raises:
        UnknownName: There is no such method.
        WeightsError: The file is missing, or is not a fusion model.
    """
    return Fuser(model, **options).engine


def list_models() -> list[FusionSpec]:
    """Return the specs of all methods and networks that `fuse` takes by name."""
    return model_specs()


_OF_FOLDERS = frozenset({"suffix", "pair_regex", "pairs", "workers", "resume"})
"""Parameters of `fuse_folders` that mean nothing for one pair."""


def _warn(notes: Iterable[str], *, above: int = 0) -> None:
    """Warn at the line of the caller, `above` functions further up than usual."""
    for note in notes:
        warnings.warn(note, ImfuseWarning, stacklevel=3 + above)


def _warn_of_failures(results: list[PairResult]) -> None:
    failed = [result.error for result in results if result.error is not None]
    if failed and len(failed) == len(results):
        raise failed[0]
    _warn((str(error) for error in failed), above=1)


def _fuse_one(fuser: Fuser, ir: Any, vis: Any) -> FusedImage:  # noqa: ANN401 - any kind
    registration = None
    if vis is None:
        pair, registration = read_sources(of_both(ir), None, fuser.options)
    elif is_path(ir) and is_path(vis):
        pair = read_pair(Path(ir), Path(vis), fuser.options)
    else:
        limit = fuser.options.max_pixels
        reading = fuser.options.reading
        pair = ImagePair(
            ir=as_picture(ir, "infrared", limit, reading), vis=as_picture(vis, "visible", limit)
        )
    fused = fuser.fuse(pair, registration=registration)
    _warn(fused.notes, above=1)
    return fused


def _fuse_batch(fuser: Fuser, ir: Any, vis: Any) -> Any:  # noqa: ANN401 - torch tensors
    if not (is_tensor(ir) and ir.ndim == 4 and len(ir) == len(vis)):
        raise PairMismatch(
            f"a visible batch {tuple(vis.shape)} with infrared {tuple(getattr(ir, 'shape', ()))}",
            expected="two batches (B, C, H, W) of the same length",
        )
    fused = [
        like_visible(visible, _fuse_one(fuser, infrared, visible), quality=95)
        for infrared, visible in zip(ir, vis, strict=True)
    ]
    return sys.modules["torch"].stack(fused)
