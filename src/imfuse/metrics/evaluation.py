"""Results of an evaluation: one value per picture and metric, their means and intervals."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.metrics.metric import MetricInfo

CONFIDENCE = 0.95
"""Confidence level of the reported bootstrap intervals."""

_RESAMPLES = 2000
_SEED = 20260101


@dataclass(frozen=True, kw_only=True)
class Undefined:
    """An undefined value and the reason for it."""

    name: str
    metric: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation(Mapping[str, float]):
    """Scores of one method's fused pictures. As a mapping, it gives each metric's symbol its mean.

    Attributes:
        label: Name of the method, folder or file that was scored.
        protocol: Name of the set of conventions.
        channel: Channel of colour pictures that was compared: `y`, `gray`, or `rgb-mean`.
        names: Names of the pairs, sorted.
        columns: From metric symbol to one value per pair, in the order of `names`; NaN if
            undefined.
        undefined: Every NaN of `columns` with its reason.
        failed: Name of each pair that could not be scored, with the reason.
        notes: What a reader should know, such as the depth of the pictures.
        files: Name of a pair to its fused, infrared and visible file; empty for arrays.
        infos: Symbol to the description of a value: title, direction, range.
        about: All that the values depend on, in words, by headings.
    """

    label: str
    protocol: str
    channel: str
    names: tuple[str, ...]
    columns: Mapping[str, NDArray[np.float64]]
    undefined: tuple[Undefined, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    files: Mapping[str, tuple[Path, Path, Path]] = field(default_factory=dict)
    infos: Mapping[str, MetricInfo] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, symbol: str) -> float:
        """Return the mean of a metric over the pairs where it is defined; NaN where none is."""
        return self._over_defined(symbol, np.mean)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the symbols, in the order of the tables."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Return the number of metrics."""
        return len(self.columns)

    def __repr__(self) -> str:
        """Show the means."""
        means = ", ".join(f"{symbol}={value:.4f}" for symbol, value in self.items())
        return f"<Evaluation {self.label!r} {self.protocol} n={self.count}: {means}>"

    def _over_defined(
        self, symbol: str, statistic: Callable[[NDArray[np.float64]], np.floating[Any]]
    ) -> float:
        values = self.columns[symbol]
        defined = values[np.isfinite(values)]
        return float(statistic(defined)) if defined.size else math.nan

    @property
    def count(self) -> int:
        """Number of pairs that were scored."""
        return len(self.names)

    def std(self, symbol: str) -> float:
        """Return the population standard deviation over the pairs; NaN where no pair has a value.

        Like NumPy's default, it divides by the count, not by the count minus one.
        """
        return self._over_defined(symbol, np.std)

    def defined(self, symbol: str) -> int:
        """Return the number of pairs that have a value."""
        return int(np.isfinite(self.columns[symbol]).sum())

    def interval(self, symbol: str) -> tuple[float, float]:
        """Return the percentile bootstrap interval of the mean, `CONFIDENCE` wide.

        The pairs are resampled with replacement 2000 times. A fixed seed draws the same pairs for
        all metrics, and for all evaluations of equally many pairs. NaN with fewer than two values.
        """
        if self.defined(symbol) < 2:
            return math.nan, math.nan
        return self._intervals[symbol]

    @cached_property
    def _intervals(self) -> dict[str, tuple[float, float]]:
        table = np.stack([self.columns[symbol] for symbol in self.columns], axis=1)
        known = np.isfinite(table)
        table = np.where(known, table, 0.0)
        rng = np.random.default_rng(_SEED)
        means = np.full((_RESAMPLES, len(self.columns)), np.nan)
        for resample in means:
            times = np.bincount(rng.integers(self.count, size=self.count), minlength=self.count)
            weight = times @ known
            np.divide(times @ table, weight, out=resample, where=weight > 0)
        tail = 50 * (1 - CONFIDENCE)
        with np.errstate(invalid="ignore"):
            ends = np.array(
                [
                    np.percentile(column[np.isfinite(column)], [tail, 100 - tail])
                    if np.isfinite(column).any()
                    else (np.nan, np.nan)
                    for column in means.T
                ]
            )
        return {s: (float(e[0]), float(e[1])) for s, e in zip(self.columns, ends, strict=True)}

    @property
    def pairs_sha256(self) -> str:
        """SHA-256 of the sorted pair names, one per line; equal hashes make tables comparable."""
        return pairs_sha256(self.names)

    def remarks(self) -> list[str]:
        """Return remarks in words: values and pairs left out of the means, and the notes."""
        reasons: dict[tuple[str, str], list[str]] = {}
        for one in self.undefined:
            reasons.setdefault((one.metric, one.reason), []).append(one.name)
        return [
            *(
                f"{metric} is undefined for {len(names)} of {self.count} pictures "
                f"({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}): {reason}"
                for (metric, reason), names in reasons.items()
            ),
            *(f"{name} was not scored: {error}" for name, error in self.failed),
            *self.notes,
        ]

    def rows(self) -> list[dict[str, str | float | None]]:
        """Return one mapping per pair: its name, then each symbol's value, None where undefined."""
        return [
            {"name": name} | {symbol: _finite(values[i]) for symbol, values in self.columns.items()}
            for i, name in enumerate(self.names)
        ]

    def as_dict(self) -> dict[str, object]:
        """Return everything, ready for JSON."""
        return {
            "label": self.label,
            "protocol": self.protocol,
            "channel": self.channel,
            "count": self.count,
            "pairs_sha256": self.pairs_sha256,
            "mean": {symbol: _finite(value) for symbol, value in self.items()},
            "std": {symbol: _finite(self.std(symbol)) for symbol in self},
            "interval": {
                symbol: [_finite(end) for end in self.interval(symbol)] for symbol in self
            },
            "confidence": CONFIDENCE,
            "defined": {symbol: self.defined(symbol) for symbol in self},
            "undefined": [vars(one) for one in self.undefined],
            "failed": [{"name": name, "error": error} for name, error in self.failed],
            "notes": list(self.notes),
            "rows": self.rows(),
        }


def pairs_sha256(names: Sequence[str]) -> str:
    """Return the SHA-256 of the sorted names, one per line."""
    return hashlib.sha256("\n".join(sorted(names)).encode("utf-8", "surrogateescape")).hexdigest()


def _finite(value: float) -> float | None:
    """Replace NaN and infinity by None, since JSON has neither."""
    return float(value) if math.isfinite(value) else None
