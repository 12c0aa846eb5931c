"""`imfuse.evaluate` for Python, which takes pictures of any kind, or folders."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imfuse.errors import ImfuseWarning, PairMismatch
from imfuse.io.images import MAX_PIXELS
from imfuse.io.inputs import as_picture, is_tensor
from imfuse.metrics.evaluation import Evaluation
from imfuse.options import FuseOptions, InfraredRange
from imfuse.radiometry import Unit
from imfuse.scoring.folders import FolderScoring
from imfuse.scoring.judge import Item, Row
from imfuse.scoring.scorer import Scorer
from imfuse.scoring.sources import as_fused, with_shared_range
from imfuse.types import ImagePair, Picture

if TYPE_CHECKING:
    from imfuse.io.inputs import ImageLike


def evaluate(  # noqa: PLR0913 - all but four by name
    fused: "ImageLike | Picture",
    ir: "ImageLike | Picture",
    vis: "ImageLike | Picture",
    protocol: str = "reference",
    *,
    channel: Literal["y", "gray", "rgb-mean"] | None = None,
    metrics: Iterable[str] | None = None,
    pair_regex: str | None = None,
    pairs: str | os.PathLike[str] | None = None,
    resize: Literal["ir", "vis"] | None = None,
    stretch: bool = False,
    ir_range: InfraredRange | tuple[float, float] | str | None = None,
    ir_unit: Unit | None = None,
    workers: int = 1,
) -> Evaluation:
    """Score a fused picture, or a folder of them, against the sources.

    Args:
        fused: Fused picture: a path, the bytes of a file, a PIL image, an array or a tensor, as
            `imfuse.fuse` takes them; a tensor `(B, C, H, W)`; or the path of a folder.
        ir: Infrared source, of the same kind; a folder for a folder.
        vis: Visible source, likewise.
        protocol: `reference` (our definitions), or a published kit's conventions: `tang`,
            `cddfuse`, `smfnet`, `ivif-zoo`, `vifb`.
        channel: Channel of colour pictures to compare: `y`, `gray`, `rgb-mean`; None: the
            protocol's own.
        metrics: Symbols such as `EN` or `VIF`; None: all that the protocol has.
        pair_regex: Folders: regular expression for the common part of the names; see `imfuse
            evaluate --help`.
        pairs: Folders: CSV file with the columns `ir`, `vis` and `fused` that lists them instead.
        resize: The source to resize to the other's size, as `imfuse.fuse` does; None: all three
            must have the same size.
        stretch: Whether `resize` may change proportions by more than 2 %.
        ir_range: Infrared values that become black and white, as in `imfuse.FuseOptions`: give what
            the picture was fused with. Percentiles are of all infrared pictures of a folder. None:
            the full range of the pictures' type.
        ir_unit: Meaning of the numbers in infrared files, likewise.
        workers: Folders: number of pictures to score at the same time.

    Returns:
        A mapping from a metric's symbol to its value, or to the mean for several pictures, with
        `rows()`, `std()`, `interval()` and `as_dict()` for the rest. Undefined values are NaN.

    Raises:
        ImfuseError: With a class that names the reason, and a message that says what to do.

    Warns:
        ImfuseWarning: About undefined values, pictures that could not be scored, and anything
            else that matters for interpreting the numbers.

    Examples:
        >>> import imfuse, numpy as np
        >>> ir, vis = np.eye(64, dtype=np.uint8) * 255, np.tri(64, dtype=np.uint8) * 200
        >>> scores = imfuse.evaluate(np.maximum(ir, vis), ir, vis, metrics=["SD", "SSIM"])
        >>> round(scores["SD"], 1), 1 < scores["SSIM"] < 2
        (101.1, True)
    """
    scorer = Scorer.of(protocol, channel, metrics)
    options = FuseOptions(resize=resize, stretch=stretch, ir_range=ir_range, ir_unit=ir_unit)
    kinds: tuple[Any, ...] = (fused, ir, vis)
    if all(isinstance(one, str | os.PathLike) and Path(one).is_dir() for one in kinds):
        folders = [Path(one) for one in kinds]
        matched: dict[str, Any] = {
            "pair_regex": pair_regex,
            "pairs": None if pairs is None else Path(pairs),
            "workers": workers,
        }
        options = with_shared_range(options, *folders[1:], **matched)
        scoring = FolderScoring.of(scorer, *folders, options=options, **matched)
        for _ in scoring:
            pass
        evaluation = scoring.result()
    else:
        triples = zip(*kinds, strict=True) if _are_batches(kinds) else [kinds]
        scored = [
            _score_one(scorer, str(i), *triple, options=options) for i, triple in enumerate(triples)
        ]
        evaluation = scorer.summarise(scored[0].name if len(scored) == 1 else "batch", scored)
    for note in evaluation.remarks():
        warnings.warn(note, ImfuseWarning, stacklevel=2)
    return evaluation


def _are_batches(kinds: tuple[Any, ...]) -> bool:
    """Return True for three batches `(B, C, H, W)` of equal length."""
    batches = [is_tensor(one) and one.ndim == 4 for one in kinds]
    if any(batches) and not (all(batches) and len({len(one) for one in kinds}) == 1):
        shapes = ", ".join(str(tuple(getattr(one, "shape", ()))) for one in kinds)
        raise PairMismatch(shapes, expected="three batches (B, C, H, W) of one length")
    return all(batches)


def _score_one(
    scorer: Scorer,
    number: str,
    fused: Any,  # noqa: ANN401 - any kind of picture
    ir: Any,  # noqa: ANN401
    vis: Any,  # noqa: ANN401
    *,
    options: FuseOptions,
) -> Row:
    roles = (("fused", fused), ("visible", vis))
    first, visible = (as_picture(value, role, MAX_PIXELS) for role, value in roles)
    infrared = as_picture(ir, "infrared", MAX_PIXELS, options.reading)
    pair = as_fused(ImagePair(ir=infrared, vis=visible), options)
    name = Path(vis).stem if isinstance(vis, str | os.PathLike) else number
    paths = tuple(Path(one) for one in (fused, ir, vis) if isinstance(one, str | os.PathLike))
    return scorer.score(first, Item(name, pair, files=paths if len(paths) == 3 else None))
