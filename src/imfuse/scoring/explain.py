"""Values of a metric under every known convention, for the same pictures."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imfuse.errors import UsageError
from imfuse.metrics.catalogue import METRICS, find_metric
from imfuse.metrics.evaluation import Evaluation, Undefined
from imfuse.metrics.metric import PLAIN, Convention, Metric
from imfuse.metrics.planes import WHITE, Plane, Trio
from imfuse.metrics.protocols import CHANNELS, PROTOCOLS, Channel, Rounding
from imfuse.scoring.channels import Looks, trios
from imfuse.scoring.judge import Item, Row, check_sizes, picture_notes, summarise
from imfuse.scoring.references import References
from imfuse.types import Picture

_SAME = 1e-7
"""Relative difference below which two values count as equal: the rounding of float32 pictures."""

AS_THEY_ARE = "as they are"
_ALTERED: dict[str, Callable[[Trio], Trio]] = {
    AS_THEY_ARE: lambda trio: trio,
    "scaled to 0..1": lambda trio: Trio(*(p.on_unit_scale() for p in (trio.fused, *trio.sources))),
    "fused one stretched to 0..255": lambda trio: Trio(_stretched(trio.fused), *trio.sources),
}
"""Alterations that people apply to pictures before scoring: description and function."""

_ALONE: dict[str, tuple[Callable[[Trio], Trio], float]] = {
    f"{role}, {words}": (alter, share)
    for role, alter in (
        ("compared with infrared alone", lambda trio: Trio(trio.fused, trio.ir, trio.ir)),
        ("compared with visible alone", lambda trio: Trio(trio.fused, trio.vis, trio.vis)),
    )
    for words, share in (("once", 0.5), ("twice", 1.0))
}
"""Comparisons with only one source, which takes the place of both: metrics that add up the two
sources give twice the value of that source, and metrics that average them give its value."""

_WITH_REFERENCE = {
    f"compared with the reference, {words}": share
    for words, share in (("once", 0.5), ("twice", 1.0))
}
"""Comparisons with a reference picture in place of both sources, and the factor on their value."""


def _stretched(plane: Plane) -> Plane:
    """Stretch a picture to the whole range and truncate it, as many authors do on saving."""
    low, high = plane.values.min(), plane.values.max()
    if high == low:
        return plane
    return Plane(np.floor((plane.values - low) * (np.float32(WHITE) / (high - low))))


@dataclass(frozen=True)
class Way:
    """One way to compute a metric.

    Attributes:
        names: Protocols, or words, for this convention.
        convention: Departures from our definition.
        channel: Channel of colour pictures to compare.
        rounding: Rounding of `gray`.
        pictures: Alteration of the pictures before scoring.
    """

    names: tuple[str, ...]
    convention: Convention
    channel: Channel
    rounding: Rounding
    pictures: str

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols that compute the metric in exactly this way."""
        return tuple(
            name
            for name in self.names
            if name in PROTOCOLS
            and self.pictures == AS_THEY_ARE
            and PROTOCOLS[name].channel == self.channel
            and (self.channel != "gray" or PROTOCOLS[name].rounding == self.rounding)
        )

    @property
    def departures(self) -> tuple[str, ...]:
        """Departures from our own definition, in words."""
        words = [f"{name}={value}" for name, value in self.convention.items()]
        if self.channel != "y":
            words.append(f"channel {self.channel}")
        if self.pictures != AS_THEY_ARE:
            words.append(f"pictures {self.pictures}")
        return tuple(words)


@dataclass(frozen=True)
class Finding:
    """A value, and all ways that give it, the simplest first."""

    value: float
    ways: tuple[Way, ...]

    @property
    def by(self) -> str:
        """The protocols that give this value, or the simplest way that does."""
        exact = sorted(
            {name for way in self.ways for name in way.protocols}, key=list(PROTOCOLS).index
        )
        plain = self.ways[0]
        return ", ".join(exact) or f"{' / '.join(plain.names)} ({'; '.join(plain.departures)})"


class Explainer:
    """A judge that computes one metric in all ways.

    Args:
        symbol: Symbol of the metric.
        references: Pictures that fused ones should look like; None: compare with the sources only.
    """

    def __init__(self, symbol: str, references: References | None = None) -> None:
        self.metric, self._references = find_metric(symbol), references
        changes = (*_ALTERED, *_ALONE, *(_WITH_REFERENCE if references else ()))
        self.ways = _all_ways(self.metric, changes)

    @property
    def name(self) -> str:
        """Symbol of the metric."""
        return self.metric.info.symbol

    @property
    def namesakes(self) -> dict[str, str]:
        """Kits that use this symbol for another one of our metrics, with our symbol for it."""
        own = self.metric.info.symbol
        return {
            kit: symbol
            for symbol, metric in METRICS.items()
            for kit, name in metric.kit_names.items()
            if name == own
        }

    def score(self, fused: Picture, item: Item) -> Row:
        """Compute the metric of one fused picture in all ways; values are keyed by number."""
        check_sizes(fused, item.pair)
        look, ir, vis = map(item.look, (fused, item.pair.ir, item.pair.vis))
        reference = None
        if self._references is not None:
            file = item.files[0] if item.files else Path(item.name)
            reference = Looks(self._references.find(fused, file))
        altered: dict[tuple[object, ...], list[Trio]] = {}
        values: dict[str, float] = {}
        for number, way in enumerate(self.ways):
            sides = (ir, vis)
            if reference is not None and way.pictures in _WITH_REFERENCE:
                sides = (reference, reference)
            seen = trios(look, *sides, way.channel, way.rounding)
            # Gray pictures have the same plane objects for all channels.
            planes = (plane for trio in seen for plane in (trio.fused, *trio.sources))
            alter = altered.setdefault((*map(id, planes), way.pictures), [])
            if not alter:
                alter.extend(_alteration(way.pictures)(trio) for trio in seen)
            found = [self.metric.of(trio, way.convention) for trio in alter]
            values[str(number)] = _share(way.pictures) * float(np.mean(found))
        symbol = self.metric.info.symbol
        reason = Undefined(
            name=item.name, metric=symbol, reason=self.metric.why_undefined(fused.size)
        )
        return Row(
            name=item.name,
            values=values,
            undefined=(reason,) if all(np.isnan(value) for value in values.values()) else (),
            notes=picture_notes(fused, item.pair),
            files=item.files,
        )

    def summarise(
        self,
        label: str,
        rows: Sequence[Row],
        *,
        failed: Sequence[tuple[str, str]] = (),
        notes: Iterable[str] = (),
    ) -> Evaluation:
        """Return the values of all pictures, keyed by the number of the way."""
        return summarise(label, rows, {}, protocol="all", channel="all", failed=failed, notes=notes)

    def _looks_at_fused_alone(self, evaluation: Evaluation) -> bool:
        """Return True if the sources make no difference, as for entropy."""
        plain = next(n for n, way in enumerate(self.ways) if way.pictures == AS_THEY_ARE)
        twins = [
            number
            for number, way in enumerate(self.ways)
            if way.pictures in _ALONE
            and _share(way.pictures) == 1
            and replace(way, pictures=AS_THEY_ARE) == self.ways[plain]
        ]
        return all(evaluation[str(n)] == evaluation[str(plain)] for n in twins)

    def findings(self, evaluation: Evaluation) -> list[Finding]:
        """Return the different means in ascending order, each with the ways that give it."""
        found: list[tuple[float, list[Way]]] = []
        order = sorted(range(len(self.ways)), key=lambda n: evaluation[str(n)])
        of_fused_alone = self._looks_at_fused_alone(evaluation)
        for number in order:
            value = evaluation[str(number)]
            compared = self.ways[number].pictures not in _ALTERED
            if np.isnan(value) or (of_fused_alone and compared):
                continue
            if found and abs(value - found[-1][0]) <= _SAME * abs(value):
                found[-1][1].append(self.ways[number])
            else:
                found.append((value, [self.ways[number]]))
        return [
            Finding(value, tuple(sorted(ways, key=lambda way: len(way.departures))))
            for value, ways in found
        ]


def _alteration(pictures: str) -> Callable[[Trio], Trio]:
    if pictures in _ALONE:
        return _ALONE[pictures][0]
    return _ALTERED.get(pictures, _ALTERED[AS_THEY_ARE])


def _share(pictures: str) -> float:
    return _ALONE[pictures][1] if pictures in _ALONE else _WITH_REFERENCE.get(pictures, 1.0)


def _all_ways(metric: Metric, changes: Sequence[str]) -> list[Way]:
    named: list[tuple[list[str], Convention]] = []
    for name, convention in (
        ("reference", PLAIN),
        *metric.kits.items(),
        *metric.variants.items(),
    ):
        for names, known in named:
            if dict(known) == dict(convention):
                names.append(name)
                break
        else:
            named.append(([name], convention))
    ways = []
    for names, convention in named:
        roundings = dict.fromkeys(
            [PROTOCOLS[n].rounding for n in names if n in PROTOCOLS] or [PROTOCOLS["tang"].rounding]
        )
        for pictures in changes:
            for channel in CHANNELS:
                for rounding in roundings if channel == "gray" else list(roundings)[:1]:
                    ways.append(Way(tuple(names), convention, channel, rounding, pictures))  # noqa: PERF401 - four loops
    return ways


def matching(findings: Sequence[Finding], printed: str) -> tuple[list[Finding], Finding]:
    """Return the findings that round to a printed number, and the nearest finding.

    Args:
        findings: All findings.
        printed: A number as it was printed, with its number of digits.

    Raises:
        UsageError: The text is not a number.
    """
    if not re.fullmatch(r"[+-]?\d*\.?\d+(e[+-]?\d+)?", printed.strip(), re.IGNORECASE):
        raise UsageError(f"{printed!r} is no number", expected="a number such as 0.7507")
    value = float(printed)
    mantissa, _, exponent = printed.strip().lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    room = max(0.5 * 10.0**-decimals * (1 + 1e-6), 2 * _SAME * abs(value))
    near = sorted(findings, key=lambda finding: abs(finding.value - value))
    # The most plausible first: exact matches with a kit, then the fewest departures.
    fitting = sorted(
        (finding for finding in near if abs(finding.value - value) <= room),
        key=lambda f: (not any(w.protocols for w in f.ways), len(f.ways[0].departures)),
    )
    return fitting, near[0]
