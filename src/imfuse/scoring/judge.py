"""Judges, which assess fused pictures for benchmarks and reports through one interface.

Quality metrics are one judge (`imfuse.scoring.scorer.Scorer`), detectors and segmenters are others
(`imfuse.scoring.detection`, `imfuse.scoring.segmentation`). A further one is a class with the
members of `Judge`, in one new file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from imfuse.data.sample import Annotations
from imfuse.errors import PairMismatch
from imfuse.metrics.evaluation import Evaluation, Undefined
from imfuse.metrics.metric import MetricInfo
from imfuse.scoring.channels import Looks
from imfuse.types import ImagePair, Picture

Summary_co = TypeVar("Summary_co", covariant=True)


@dataclass(eq=False)
class Item:
    """A pair that fused pictures are judged against, with its annotations.

    Attributes:
        name: Name of the pair.
        pair: The sources.
        annotate: Returns its labels and boxes; called when a judge asks for them.
        files: Fused, infrared and visible file; None for arrays.
    """

    name: str
    pair: ImagePair
    annotate: Callable[[], Annotations] = Annotations
    files: tuple[Path, Path, Path] | None = None
    _looks: dict[str, tuple[Picture, Looks]] = field(default_factory=dict, repr=False)

    @cached_property
    def annotations(self) -> Annotations:
        """Labels and boxes.

        Raises:
            ImfuseError: They can't be read.
        """
        return self.annotate()

    def look(self, picture: Picture) -> Looks:
        """Return a picture as metrics see it; the sources and the last picture are cached."""
        role = {id(self.pair.ir): "ir", id(self.pair.vis): "vis"}.get(id(picture), "fused")
        known = self._looks.get(role)
        if known is None or known[0] is not picture:
            known = self._looks[role] = picture, Looks(picture)
        return known[1]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Judgement of one fused picture.

    Attributes:
        name: Name of the pair.
        values: Value by symbol; NaN if undefined.
        undefined: Reason for each undefined value.
        notes: Remarks for the reader.
        files: Fused, infrared and visible file; None for arrays.
        detail: Further data for `Judge.summarise`, such as the boxes that a detector found.
    """

    name: str
    values: Mapping[str, float]
    undefined: tuple[Undefined, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[Path, Path, Path] | None = None
    detail: object = None


class Judge(Protocol[Summary_co]):
    """Something that judges fused pictures. Threads may share a judge.

    What it makes of all pictures of a method is its own: an `Evaluation`, or scores by class.
    """

    @property
    def name(self) -> str:
        """Name in tables, different from those of the other judges of a benchmark."""
        ...

    def score(self, fused: Picture, item: Item) -> Row:
        """Judge one fused picture.

        Raises:
            ImfuseError: The picture can't be judged, and is left out.
        """
        ...

    def summarise(
        self,
        label: str,
        rows: Sequence[Row],
        *,
        failed: Sequence[tuple[str, str]] = (),
        notes: Iterable[str] = (),
    ) -> Summary_co:
        """Combine the rows of one method.

        Args:
            label: Name of the method.
            rows: Its rows, in any order.
            failed: Names of pairs that could not be judged, with the reason.
            notes: Further remarks for the reader.
        """
        ...


def summarise(
    label: str,
    rows: Sequence[Row],
    infos: Mapping[str, MetricInfo],
    *,
    protocol: str,
    channel: str,
    about: Mapping[str, str] | None = None,
    failed: Sequence[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Evaluation:
    """Return the evaluation with the means of the rows, sorted by name.

    Args:
        label: Name of the method.
        rows: Its rows, in any order.
        infos: Description of each value of a row, by symbol.
        protocol: Name of the judge's conventions.
        channel: Channel of colour pictures that was compared.
        about: Everything that the values depend on, in words, by headings.
        failed: Names of pairs that could not be judged, with the reason.
        notes: Further remarks for the reader.
    """
    ordered = sorted(rows, key=lambda one: one.name)
    symbols = ordered[0].values if ordered else ()
    return Evaluation(
        label=label,
        protocol=protocol,
        channel=channel,
        names=tuple(one.name for one in ordered),
        columns={s: np.array([one.values[s] for one in ordered]) for s in symbols},
        infos=infos,
        about=about or {},
        undefined=tuple(reason for one in ordered for reason in one.undefined),
        failed=tuple(sorted(failed)),
        notes=tuple(dict.fromkeys([*notes, *(note for one in ordered for note in one.notes)])),
        files={one.name: one.files for one in ordered if one.files is not None},
    )


def check_sizes(fused: Picture, pair: ImagePair) -> None:
    """Refuse pictures of different sizes.

    Raises:
        PairMismatch: The sizes differ.
    """
    if not fused.size == pair.ir.size == pair.vis.size:
        sizes = ", ".join(
            f"{role} ({picture.name}) is {picture.extent}"
            for role, picture in (("infrared", pair.ir), ("visible", pair.vis))
        )
        raise PairMismatch(
            f"fused is {fused.extent}, {sizes}",
            file=fused.name,
            expected="three pictures of one size",
            remedy="If it was fused with --resize (resize=), `imfuse evaluate` takes it with the "
            "same option; everything else needs fused pictures of the size of their pairs.",
        )


def picture_notes(fused: Picture, pair: ImagePair) -> tuple[str, ...]:
    """Return notes on pictures, such as how other depths than 8 bits were scaled for metrics."""
    ranges = {"uint16": "0..65535 (16 bits)", "float32": "0..1 (float)"}
    roles = (("fused", fused), ("infrared", pair.ir), ("visible", pair.vis))
    depths = (
        f"{role}: scaled from {ranges[str(picture.pixels.dtype)]} to 0..255"
        for role, picture in roles
        if str(picture.pixels.dtype) in ranges
    )
    return (*depths, *(note for _, picture in roles for note in picture.notes))
