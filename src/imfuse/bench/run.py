"""Fuse every pair with every method and score the results by several protocols at once."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, Literal, TypeVar

from imfuse.bench.audit import TRICKS
from imfuse.data.entries import NamedPair
from imfuse.errors import ImfuseError, PairMismatch, UsageError
from imfuse.fuser import Fuser
from imfuse.io.images import read_image
from imfuse.io.naming import name_key, one_form
from imfuse.io.pairs import list_images
from imfuse.jobs import run_jobs
from imfuse.options import FuseOptions, InfraredRange
from imfuse.scoring.judge import Item, Judge, Row
from imfuse.scoring.sources import as_fused
from imfuse.types import ImagePair, Picture

BASELINES = ("average", "max", "laplacian")
"""Baselines that are always in the table: a method no better than these is not worth its cost."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Competitor:
    """A source of pictures to judge: a method that runs here, a folder of results, or a sensor.

    Attributes:
        label: Name in tables.
        model: Name of the method or model file; None for folders and sensors.
        fuser: The fuser; None for folders and sensors.
        files: Fused picture by name of the pair (see `name_key`), for a folder.
        sensor: The sensor whose pictures are judged as they are; None for the others.
    """

    label: str
    model: str | None = None
    fuser: Fuser | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    sensor: Literal["ir", "vis"] | None = None

    @classmethod
    def of_method(cls, name: str) -> "Competitor":
        """Return the competitor for a method's name or a model file.

        Raises:
            ImfuseError: There is no such method, or the file can't be used.
        """
        fuser = Fuser(name, threads=1)
        return cls(fuser.engine.spec.name, name, fuser)

    @classmethod
    def of_folder(cls, label: str, folder: Path) -> "Competitor":
        """Return the competitor for a folder of fused pictures named after their pairs.

        Raises:
            UnreadableImage: There is no such folder, or it holds no pictures.
            PairMismatch: Two pictures in it have the same name.
        """
        files: dict[str, Path] = {}
        for path in list_images(folder):
            other = files.setdefault(name_key(path), path)
            if other != path:
                raise PairMismatch(
                    f"{other.name} and {path.name} have the same name",
                    file=folder,
                    expected="one fused picture for each pair",
                    remedy="Move one of them elsewhere.",
                )
        return cls(label, files=files)

    def fused(self, name: str, pair: ImagePair, ir_range: InfraredRange | None = None) -> Picture:
        """Return the fused picture of a pair.

        Args:
            name: Name of the pair.
            pair: The sources as they were read.
            ir_range: Infrared values that become black and white; None: those of their type.

        Raises:
            PairMismatch: The folder has no picture for this pair.
            ImfuseError: The method or the file fails.
        """
        if self.fuser is not None:
            return self.fuser.fuse(pair, ir_range=ir_range)
        if self.sensor is not None:
            seen = as_fused(pair, FuseOptions(ir_range=ir_range))
            return seen.ir if self.sensor == "ir" else seen.vis
        file = self.files.get(one_form(name))
        if file is None:
            raise PairMismatch(f"{self.label} has no picture named {name}")
        return read_image(file)


@dataclass(frozen=True)
class _Outcome:
    """Result of one pair: rows by competitor, then by judge or trick; or an error."""

    name: str
    scores: Mapping[tuple[str, str], Row]
    error: ImfuseError | None = None


@dataclass(frozen=True)
class Bench(Generic[_T]):
    """A benchmark; iterate over it once, then get `evaluations` and `audits`.

    A pair on which any competitor fails is left out for all, so that all rows cover the same pairs;
    `failed` lists such pairs.

    Attributes:
        competitors: The competitors.
        pairs: The pairs to compare them on.
        judges: The judges of the pictures; the first one is the main judge.
        audit: Whether the main judge also judges the outputs with tricks applied.
        workers: Number of pairs to process at the same time.
        ir_range: Infrared values that become black and white, for fusing and for scoring;
            percentiles are of each picture. None: those of the pictures' type.
    """

    competitors: Sequence[Competitor]
    pairs: Sequence[NamedPair]
    judges: Sequence[Judge[_T]]
    audit: bool = True
    workers: int = 1
    ir_range: InfraredRange | None = None
    _outcomes: list[_Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse equal names."""
        labels = [competitor.label for competitor in self.competitors]
        twice = {label for label in labels if labels.count(label) > 1}
        if twice:
            raise UsageError(
                f"two competitors are named {', '.join(sorted(twice))}", expected="different names"
            )

    def __iter__(self) -> Generator[str, None, None]:
        """Run, and yield the name of each pair when it is done, in no fixed order."""
        for outcome in run_jobs(self.pairs, (_load, self._score), workers=self.workers):
            name = outcome.item.name
            self._outcomes.append(outcome.value or _Outcome(name, {}, outcome.error))
            yield name

    def _score(self, loaded: tuple[NamedPair, ImagePair]) -> _Outcome:
        named, pair = loaded
        name = named.name
        seen = as_fused(pair, FuseOptions(ir_range=self.ir_range))
        item = Item(name, seen, named.annotations)
        scores: dict[tuple[str, str], Row] = {}
        for competitor in self.competitors:
            fused = competitor.fused(name, pair, self.ir_range)
            for judge in self.judges:
                scores[competitor.label, judge.name] = judge.score(fused, item)
            for trick, alter in TRICKS.items() if self.audit else ():
                altered = replace(self.judges[0].score(alter(fused, name), item), undefined=())
                scores[competitor.label, trick] = replace(altered, notes=())
        return _Outcome(name, scores)

    @property
    def failed(self) -> list[tuple[str, ImfuseError]]:
        """Pairs that were left out, with the reason."""
        return sorted(
            ((one.name, one.error) for one in self._outcomes if one.error), key=lambda one: one[0]
        )

    def rows(self, label: str, judge: str) -> list[Row]:
        """Return the rows of one competitor by one judge, of all pairs that were judged.

        Args:
            label: Label of the competitor.
            judge: Name of the judge.

        Raises:
            ImfuseError: All pairs failed; this is the first error.
        """
        good = [one.scores[label, judge] for one in self._outcomes if not one.error]
        if not good and self.failed:
            raise self.failed[0][1]
        return good

    def evaluations(self, name: str | None = None) -> list[_T]:
        """Return one evaluation per competitor by the judge with a name; None: by the main judge.

        Raises:
            ImfuseError: All pairs failed; this is the first error.
        """
        named = {one.name: one for one in self.judges}
        judge = self.judges[0] if name is None else named[name]
        return [self._collect(c.label, judge, judge.name) for c in self.competitors]

    def audits(self) -> dict[str, list[_T]]:
        """Return, per trick, one evaluation per competitor with the trick applied."""
        if not self.audit:
            return {}
        return {
            trick: [self._collect(c.label, self.judges[0], trick) for c in self.competitors]
            for trick in TRICKS
        }

    def _collect(self, label: str, judge: Judge[_T], what: str) -> _T:
        good = self.rows(label, what)
        failed = [(name, str(error)) for name, error in self.failed]
        return judge.summarise(label, good, failed=failed)


def _load(pair: NamedPair) -> tuple[NamedPair, ImagePair]:
    return pair, pair.load()


def competitors_of(
    models: Sequence[str],
    folders: Sequence[tuple[str, Path]] = (),
    *,
    baselines: Sequence[str] = BASELINES,
) -> list[Competitor]:
    """Return the competitors for names, files and folders, the baselines first.

    Args:
        models: Names of methods or model files; those that are baselines are not repeated.
        folders: Label and path of folders with fused pictures.
        baselines: Methods that come first.

    Raises:
        ImfuseError: A method, a file or a folder can't be used.
    """
    names = list(dict.fromkeys([*baselines, *models]))
    found = [Competitor.of_method(name) for name in names]
    return [*found, *(Competitor.of_folder(label, folder) for label, folder in folders)]


def parse_folder(text: str) -> tuple[str, Path]:
    """Read `LABEL=DIR`, or `DIR`, whose name then is the label."""
    label, separator, folder = text.partition("=")
    with suppress(OSError):
        if not separator or Path(text).is_dir():
            return Path(text).resolve().name, Path(text)
    return label, Path(folder)
