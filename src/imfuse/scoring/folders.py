"""Score folders: threads decode and score pictures, with one pair in memory per worker."""

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from imfuse.errors import ImfuseError, PairMismatch
from imfuse.infrared import as_one_of_many
from imfuse.io.images import read_image
from imfuse.io.pairs import TripleFiles, TripleMatching, match_triples
from imfuse.io.thermal.read import read_infrared
from imfuse.jobs import run_jobs
from imfuse.metrics.evaluation import Evaluation
from imfuse.options import FuseOptions
from imfuse.scoring.judge import Item, Judge, Row
from imfuse.scoring.sources import as_fused
from imfuse.types import ImagePair, Picture

_Decoded = tuple[Picture, Item]


@dataclass(frozen=True)
class FolderScoring:
    """Scoring of a folder of fused pictures; iterate over it once, then take the `result`.

    Attributes:
        judge: The judge of each picture.
        matching: The result of matching the three folders.
        label: Name of the evaluation.
        workers: Number of pictures to score at the same time.
        options: Options of the fusion; see `imfuse.scoring.sources.as_fused`. Percentiles of the
            whole folder must have become values; see `with_shared_range` there.
    """

    judge: Judge[Evaluation]
    matching: TripleMatching
    label: str
    workers: int = 1
    options: FuseOptions = field(default_factory=FuseOptions)
    _scored: list[Row] = field(default_factory=list)
    _failed: list[tuple[str, ImfuseError]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        judge: Judge[Evaluation],
        fused: Path,
        ir: Path,
        vis: Path,
        *,
        pair_regex: str | None = None,
        pairs: Path | None = None,
        label: str | None = None,
        workers: int = 1,
        options: FuseOptions | None = None,
    ) -> "FolderScoring":
        """Match three folders.

        Raises:
            ImfuseError: See `imfuse.io.pairs.match_triples`.
        """
        matching = match_triples(fused, ir, vis, pair_regex, pairs=pairs)
        name = label or fused.resolve().name
        return cls(judge, matching, name, workers, options or FuseOptions())

    @property
    def total(self) -> int:
        """Total number of pictures of the run."""
        return len(self.matching.triples)

    def __iter__(self) -> Generator[str, None, None]:
        """Score the pictures and yield the name of each one when it is done, in no fixed order."""
        stages = (self._decode, self._score)
        for outcome in run_jobs(self.matching.triples, stages, workers=self.workers):
            key = outcome.item.key
            if outcome.error is None:
                self._scored.append(outcome.value)
            else:
                self._failed.append((key, outcome.error))
            yield key

    def _decode(self, triple: TripleFiles) -> _Decoded:
        fused, vis = (read_image(path) for path in (triple.fused, triple.vis))
        ir = as_one_of_many(read_infrared(triple.ir, reading=self.options.reading))
        pair = as_fused(ImagePair(ir=ir, vis=vis), self.options)
        files = triple.fused, triple.ir, triple.vis
        return fused, Item(triple.key, pair, files=files)

    def _score(self, decoded: _Decoded) -> Row:
        return self.judge.score(*decoded)

    def result(self) -> Evaluation:
        """Return the evaluation of the pictures scored so far.

        Raises:
            ImfuseError: No picture could be scored; this is the first error.
        """
        if not self._scored:
            raise self._failed[0][1] if self._failed else _nothing(self.matching)
        failed = [(key, str(error)) for key, error in self._failed]
        return self.judge.summarise(
            self.label,
            self._scored,
            failed=[*failed, *self.matching.ambiguous],
            notes=_coverage(self.matching),
        )


def _nothing(matching: TripleMatching) -> PairMismatch:
    return PairMismatch(
        matching.ambiguous[0][1] if matching.ambiguous else "no picture was scored",
        expected="one fused, one infrared and one visible picture per key",
        remedy="Remove the surplus files, or distinguish them with --pair-regex (pair_regex=).",
    )


def _coverage(matching: TripleMatching) -> list[str]:
    """Return notes on files that took no part: means over different pairs are not comparable."""
    return [
        f"{len(names)} {what}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
        for what, names in (
            ("pairs have no fused picture", list(matching.not_fused)),
            ("fused pictures belong to no pair", [p.name for p in matching.fused_only]),
            ("sources have no partner", [p.name for p in matching.unpaired]),
        )
        if names
    ]
