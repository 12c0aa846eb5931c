"""The page of an evaluation: which pairs to show, their pictures, and every setting in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from imfuse import __version__
from imfuse.io.images import encode_image, read_image
from imfuse.io.pairs import match_triples
from imfuse.metrics.catalogue import METRICS, infos_of
from imfuse.metrics.evaluation import CONFIDENCE, Evaluation
from imfuse.metrics.protocols import find_protocol
from imfuse.ops import geometry
from imfuse.report.scores import Case, evaluation_page
from imfuse.types import SCALES, Picture

_SHOWN = 3
"""How many of the worst, and of the best, pairs a page shows."""

_LARGEST_SIDE = 640


def evaluation_page_of(
    evaluations: Sequence[Evaluation],
    fused: Sequence[Path],
    sources: tuple[Path, Path],
    pair_regex: str | None = None,
    pairs: Path | None = None,
) -> str:
    """Return the page for evaluations of files or folders.

    Args:
        evaluations: One per fused file or folder; the first one decides which pairs are shown.
        fused: The fused files or folders, likewise.
        sources: Infrared and visible file or folder.
        pair_regex: How names were matched.
        pairs: CSV file that listed the pairs.
    """
    files = {
        evaluation.label: _files(path, sources, pair_regex, pairs)
        for evaluation, path in zip(evaluations, fused, strict=True)
    }
    cases = []
    for name, caption in striking_pairs(evaluations[0]):
        shown = {label: known[name] for label, known in files.items() if name in known}
        _, ir, vis = next(iter(shown.values()))
        pictures = {label: read_image(paths[0]) for label, paths in shown.items()}
        cases.append(case(name, caption, read_image(ir), read_image(vis), pictures))
    return evaluation_page(
        f"Scores of {', '.join(evaluation.label for evaluation in evaluations)}",
        evaluations,
        infos_of(evaluations[0]),
        settings=settings(evaluations[0]),
        cases=cases,
    )


def _files(
    fused: Path, sources: tuple[Path, Path], pair_regex: str | None, pairs: Path | None
) -> dict[str, tuple[Path, Path, Path]]:
    if not fused.is_dir():
        return {sources[1].stem: (fused, *sources)}
    matching = match_triples(fused, *sources, pair_regex, pairs=pairs)
    return {t.key: (t.fused, t.ir, t.vis) for t in matching.triples}


def settings(evaluation: Evaluation) -> dict[str, str]:
    """Return in words all that the numbers of an evaluation depend on."""
    protocol = find_protocol(evaluation.protocol)
    departures = [
        f"{symbol}: {', '.join(f'{k}={v}' for k, v in protocol.conventions[symbol].items())}"
        for symbol in evaluation
        if protocol.conventions[symbol]
    ]
    return {
        "software": f"imfuse {__version__}",
        "protocol": f"{protocol.name}: {protocol.title}",
        "what to know of it": protocol.remark,
        "source of the conventions": protocol.source,
        "departures from our definitions": "; ".join(departures) or "none",
        "channel": evaluation.channel,
        "mean and std": "over the pairs where the metric is defined; population std",
        "interval": f"{CONFIDENCE:.0%} percentile bootstrap of the mean, 2000 resamples of pairs",
        "pairs": f"{evaluation.count}, SHA-256 of their sorted names {evaluation.pairs_sha256}",
    }


def striking_pairs(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return the worst and the best pairs with a caption each, worst first.

    Pairs are ordered by their mean rank over the metrics, each in its own direction.
    """
    if evaluation.count == 1:
        return [(evaluation.names[0], "")]
    ranks = []
    for symbol, values in evaluation.columns.items():
        goodness = values if METRICS[symbol].info.better == "higher" else -values
        order = np.argsort(np.argsort(np.where(np.isfinite(goodness), goodness, -np.inf)))
        ranks.append(order)
    mean_rank = np.mean(ranks, axis=0)
    worst_first = [int(index) for index in np.argsort(mean_rank, kind="stable")]
    shown = min(_SHOWN, evaluation.count // 2)
    worst, best = worst_first[:shown], worst_first[::-1][:shown]
    return [
        (evaluation.names[index], f"{place} of {evaluation.count} by mean rank over the metrics")
        for indices, word in ((worst, "worst"), (best, "best"))
        for index, place in zip(indices, _places(word), strict=False)
    ]


def _places(word: str) -> list[str]:
    return [word, f"second {word}", f"third {word}"]


def case(name: str, caption: str, ir: Picture, vis: Picture, fused: Mapping[str, Picture]) -> Case:
    """Return a pair for a page: its pictures at most 640 pixels wide or high."""
    return Case(
        name=name,
        caption=caption,
        ir=_thumbnail(ir),
        vis=_thumbnail(vis),
        fused={label: _thumbnail(picture) for label, picture in fused.items()},
    )


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
