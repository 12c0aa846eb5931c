"""The page of an evaluation: selected pairs, their pictures, and every setting in words."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from imfuse import __version__
from imfuse.fuser import Fuser
from imfuse.io.images import encode_image, read_image
from imfuse.io.thermal.read import read_infrared
from imfuse.metrics.evaluation import CONFIDENCE, Evaluation
from imfuse.ops import color, geometry
from imfuse.options import FuseOptions, InfraredRange
from imfuse.provenance import overlay
from imfuse.report.scores import Case, evaluation_page
from imfuse.scoring.sources import as_fused
from imfuse.types import SCALES, ImagePair, Picture

_LARGEST_SIDE = 640


def evaluation_page_of(
    evaluations: Sequence[Evaluation], options: FuseOptions | None = None
) -> str:
    """Return the page for evaluations of files or folders.

    Args:
        evaluations: One per fused file or folder; the first one determines which pairs are shown.
        options: Options of the fusion, as the evaluations had them.
    """
    cases = []
    for name, caption in striking_pairs(evaluations[0]):
        shown = {one.label: one.files[name] for one in evaluations if name in one.files}
        _, ir, vis = next(iter(shown.values()))
        pictures = {label: read_image(files[0]) for label, files in shown.items()}
        known = options or FuseOptions()
        read = ImagePair(ir=read_infrared(ir, reading=known.reading), vis=read_image(vis))
        pair = as_fused(read, known)
        cases.append(case(name, caption, pair.ir, pair.vis, pictures))
    return evaluation_page(
        f"Scores of {', '.join(evaluation.label for evaluation in evaluations)}",
        evaluations,
        evaluations[0].infos,
        settings=settings(evaluations[0]),
        cases=cases,
    )


def settings(evaluation: Evaluation) -> dict[str, str]:
    """Return, in words, everything that the numbers of an evaluation depend on."""
    return {
        "software": f"imfuse {__version__}",
        **evaluation.about,
        "channel": evaluation.channel,
        "mean and std": "over the pairs where the metric is defined; population std",
        "interval": f"{CONFIDENCE:.0%} percentile bootstrap of the mean, 2000 resamples of pairs",
        "pairs": f"{evaluation.count}, SHA-256 of their sorted names {evaluation.pairs_sha256}",
    }


def striking_pairs(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return the best, the median and the worst pair, each with a caption.

    Pairs are ordered by their mean rank over the metrics, each in its own direction.
    """
    if evaluation.count == 1:
        return [(evaluation.names[0], "")]
    ranks = []
    for symbol, values in evaluation.columns.items():
        goodness = values if evaluation.infos[symbol].better == "higher" else -values
        order = np.argsort(np.argsort(np.where(np.isfinite(goodness), goodness, -np.inf)))
        ranks.append(order)
    mean_rank = np.mean(ranks, axis=0)
    best_first = [int(index) for index in np.argsort(mean_rank, kind="stable")[::-1]]
    places = {
        "best": best_first[0],
        "median": best_first[len(best_first) // 2],
        "worst": best_first[-1],
    }
    return [
        (evaluation.names[index], f"{word} of {evaluation.count} by mean rank over the metrics")
        for word, index in places.items()
        if word != "median" or evaluation.count > 2
    ]


def case(name: str, caption: str, ir: Picture, vis: Picture, fused: Mapping[str, Picture]) -> Case:
    """Return a pair for a page: its pictures at most 640 pixels wide or high."""
    return Case(
        name=name,
        caption=caption,
        ir=_thumbnail(ir),
        vis=_thumbnail(vis),
        fused={label: _thumbnail(picture) for label, picture in fused.items()},
    )


def origin(method: Fuser, pair: ImagePair, ir_range: InfraredRange | None) -> Picture:
    """Return a fused picture in the colours of its origin; see `imfuse.provenance.overlay`.

    Args:
        method: The method.
        pair: The sources.
        ir_range: Infrared values that become black and white.
    """
    told = Fuser(method.options, provenance=True).fuse(pair, ir_range=ir_range)
    if told.provenance is None:
        raise AssertionError("a fuser that is asked for the provenance gives it")
    gray = told.pixels.astype(np.float32) / np.float32(SCALES[told.pixels.dtype])
    gray = color.luma(gray) if gray.ndim == 3 else gray
    return Picture(pixels=overlay(gray, told.provenance))


def _thumbnail(picture: Picture) -> bytes:
    pixels = picture.pixels
    height, width = picture.size
    scale = min(1.0, _LARGEST_SIDE / max(height, width))
    if scale < 1:
        size = max(1, round(height * scale)), max(1, round(width * scale))
        pixels = geometry.resize(pixels, *size)
    if pixels.dtype != np.uint8:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / SCALES[pixels.dtype])
    return encode_image(Picture(pixels=pixels), "JPEG", quality=85)
