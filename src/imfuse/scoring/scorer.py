"""Metrics of one fused picture under a protocol."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Interface

import numpy as np

from imfuse.errors import PairMismatch, UnknownName, UsageError
from imfuse.machine import keep_freed_memory
from imfuse.metrics.catalogue import METRICS, find_metric
from imfuse.metrics.evaluation import Evaluation, Undefined
from imfuse.metrics.metric import Convention
from imfuse.metrics.protocols import CHANNELS, Channel, Protocol, find_protocol
from imfuse.scoring.channels import Looks, trios
from imfuse.types import Picture


@dataclass(frozen=True)
class Scorer:
    """Computes some metrics by one protocol on one channel. Threads may share a scorer.

    Attributes:
        protocol: Whose conventions hold.
        channel: What of colour pictures is compared.
        conventions: Symbol to convention, in the order of the tables.
    """

    protocol: Protocol
    channel: Channel
    conventions: Mapping[str, Convention]

    @classmethod
    def of(
        cls,
        protocol: str = "reference",
        channel: str | None = None,
        metrics: Iterable[str] | None = None,
    ) -> "Scorer":
        """Return a scorer by names.

        Args:
            protocol: Name of a protocol.
            channel: `y`, `gray` or `rgb-mean`; None: the protocol's own.
            metrics: Symbols of the metrics; None: all that the protocol has.

        Raises:
            UnknownName: A name is not known.
            UsageError: The protocol does not have a metric, or there is none to compute.
        """
        found = find_protocol(protocol)
        if channel is not None and channel not in CHANNELS:
            raise UnknownName("channel", channel, CHANNELS)
        chosen = next((known for known in CHANNELS if known == channel), found.channel)
        conventions = found.conventions
        if metrics is not None:
            symbols = [find_metric(symbol).info.symbol for symbol in metrics]
            _check_metrics(found, symbols)
            conventions = {s: c for s, c in conventions.items() if s in symbols}
        return cls(found, chosen, conventions)

    def score(self, fused: Looks, ir: Looks, vis: Looks) -> dict[str, float]:
        """Return symbol to value, averaged over the channels; NaN where undefined."""
        keep_freed_memory()  # or the maps of a picture cost as much to get as to compute
        compared = trios(fused, ir, vis, self.channel, self.protocol.rounding)
        return {
            symbol: float(np.mean([METRICS[symbol].of(trio, convention) for trio in compared]))
            for symbol, convention in self.conventions.items()
        }

    def why_undefined(
        self, name: str, values: Mapping[str, float], size: tuple[int, int]
    ) -> list[Undefined]:
        """Return a reason for each value of a picture that is NaN."""
        return [
            Undefined(name=name, metric=symbol, reason=METRICS[symbol].why_undefined(size))
            for symbol, value in values.items()
            if np.isnan(value)
        ]

    def collect(
        self,
        label: str,
        scored: Sequence["Scored"],
        *,
        failed: Sequence[tuple[str, str]] = (),
        notes: Iterable[str] = (),
    ) -> Evaluation:
        """Return the evaluation that the scores of single pictures make, sorted by name."""
        return collect(
            label,
            scored,
            protocol=self.protocol.name,
            channel=self.channel,
            failed=failed,
            notes=notes,
        )

    def score_pictures(self, name: str, fused: Picture, ir: Picture, vis: Picture) -> "Scored":
        """Score one fused picture.

        Raises:
            PairMismatch: The three sizes differ.
            BadValues: Float values are outside [0, 1].
        """
        check_sizes(fused, ir, vis)
        values = self.score(Looks(fused), Looks(ir), Looks(vis))
        return Scored(
            name=name,
            values=values,
            undefined=tuple(self.why_undefined(name, values, fused.size)),
            notes=picture_notes(fused, ir, vis),
        )


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Scores of one fused picture."""

    name: str
    values: Mapping[str, float]
    undefined: tuple[Undefined, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[Path, Path, Path] | None = None
    """Fused, infrared and visible file; None for arrays."""


class PictureScorer(Interface):
    """Something that finds numbers for one fused picture, and puts those of many together."""

    def score_pictures(self, name: str, fused: Picture, ir: Picture, vis: Picture) -> Scored:
        """Score one fused picture."""
        ...

    def collect(
        self,
        label: str,
        scored: Sequence[Scored],
        *,
        failed: Sequence[tuple[str, str]] = (),
        notes: Iterable[str] = (),
    ) -> Evaluation:
        """Return the evaluation that the scores of single pictures make, sorted by name."""
        ...


def collect(
    label: str,
    scored: Sequence[Scored],
    *,
    protocol: str,
    channel: str,
    failed: Sequence[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Evaluation:
    """Return the evaluation that the scores of single pictures make, sorted by name."""
    ordered = sorted(scored, key=lambda one: one.name)
    symbols = ordered[0].values if ordered else ()
    return Evaluation(
        label=label,
        protocol=protocol,
        channel=channel,
        names=tuple(one.name for one in ordered),
        columns={s: np.array([one.values[s] for one in ordered]) for s in symbols},
        undefined=tuple(reason for one in ordered for reason in one.undefined),
        failed=tuple(sorted(failed)),
        notes=tuple(dict.fromkeys([*notes, *(note for one in ordered for note in one.notes)])),
        files={one.name: one.files for one in ordered if one.files is not None},
    )


def check_sizes(fused: Picture, ir: Picture, vis: Picture) -> None:
    """Refuse pictures of different sizes.

    Raises:
        PairMismatch: The sizes differ.
    """
    if not fused.size == ir.size == vis.size:
        sizes = ", ".join(
            f"{role} ({picture.name}) is {picture.size[1]}x{picture.size[0]}"
            for role, picture in (("infrared", ir), ("visible", vis))
        )
        raise PairMismatch(
            f"fused is {fused.size[1]}x{fused.size[0]}, {sizes}",
            file=fused.name,
            expected="three pictures of one size",
            remedy="Fuse without resizing, or bring the sources to the size that was fused.",
        )


def _check_metrics(protocol: Protocol, symbols: Sequence[str]) -> None:
    if not symbols:
        raise UsageError("no metric", expected="at least one symbol, such as EN")
    missing = [symbol for symbol in symbols if symbol not in protocol.conventions]
    if missing:
        raise UsageError(
            f"protocol {protocol.name} has no {', '.join(missing)}",
            expected=f"some of {' '.join(protocol.conventions)}",
            remedy="Leave them out, or take --protocol reference, which has all.",
        )


def picture_notes(fused: Picture, ir: Picture, vis: Picture) -> tuple[str, ...]:
    """Say how pictures that are not 8 bits deep came to the scale of the metrics, and more."""
    ranges = {"uint16": "0..65535 (16 bits)", "float32": "0..1 (float)"}
    depths = (
        f"{role}: scaled from {ranges[str(picture.pixels.dtype)]} to 0..255"
        for role, picture in (("fused", fused), ("infrared", ir), ("visible", vis))
        if str(picture.pixels.dtype) in ranges
    )
    return (*depths, *(note for picture in (fused, ir, vis) for note in picture.notes))
