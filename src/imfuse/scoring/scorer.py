"""Compute the metrics of one fused picture under a protocol."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imfuse.errors import UnknownName, UsageError
from imfuse.machine import keep_freed_memory
from imfuse.metrics.catalogue import METRICS, find_metric, infos_of
from imfuse.metrics.evaluation import Evaluation, Undefined
from imfuse.metrics.metric import Convention
from imfuse.metrics.protocols import CHANNELS, Channel, Protocol, find_protocol
from imfuse.scoring.channels import trios
from imfuse.scoring.judge import Item, Row, check_sizes, picture_notes, summarise
from imfuse.types import Picture


@dataclass(frozen=True)
class Scorer:
    """Computes some metrics under one protocol on one channel. Threads may share a scorer.

    Attributes:
        protocol: The protocol, which defines the conventions.
        channel: Channel of colour pictures to compare.
        conventions: Convention by symbol, in the order of the tables.
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
            UnknownName: A name is unknown.
            UsageError: The protocol lacks a metric, or there is no metric to compute.
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

    @property
    def name(self) -> str:
        """Name of the protocol."""
        return self.protocol.name

    def score(self, fused: Picture, item: Item) -> Row:
        """Compute the metrics of one fused picture, averaged over the channels.

        Raises:
            PairMismatch: The three sizes differ.
            BadValues: Float values are outside [0, 1].
        """
        keep_freed_memory()  # or allocating a picture's maps takes as long as computing them
        check_sizes(fused, item.pair)
        look, ir, vis = map(item.look, (fused, item.pair.ir, item.pair.vis))
        compared = trios(look, ir, vis, self.channel, self.protocol.rounding)
        values = {
            symbol: float(np.mean([METRICS[symbol].of(trio, convention) for trio in compared]))
            for symbol, convention in self.conventions.items()
        }
        undefined = (
            Undefined(
                name=item.name, metric=symbol, reason=METRICS[symbol].why_undefined(fused.size)
            )
            for symbol, value in values.items()
            if np.isnan(value)
        )
        return Row(
            name=item.name,
            values=values,
            undefined=tuple(undefined),
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
        """Return the evaluation of the rows, sorted by name."""
        return summarise(
            label,
            rows,
            infos_of(self.conventions),
            protocol=self.protocol.name,
            channel=self.channel,
            about=self._about(),
            failed=failed,
            notes=notes,
        )

    def _about(self) -> dict[str, str]:
        """Return, in words, everything that the values depend on."""
        departures = [
            f"{symbol}: {', '.join(f'{k}={v}' for k, v in convention.items())}"
            for symbol, convention in self.conventions.items()
            if convention
        ]
        return {
            "protocol": f"{self.protocol.name}: {self.protocol.title}",
            "what to know of it": self.protocol.remark,
            "source of the conventions": self.protocol.source,
            "departures from our definitions": "; ".join(departures) or "none",
        }


def _check_metrics(protocol: Protocol, symbols: Sequence[str]) -> None:
    if not symbols:
        raise UsageError("no metric", expected="at least one symbol, such as EN")
    missing = [symbol for symbol in symbols if symbol not in protocol.conventions]
    if missing:
        raise UsageError(
            f"protocol {protocol.name} has no {', '.join(missing)}",
            expected=f"some of {' '.join(protocol.conventions)}",
            remedy="Leave them out, or use --protocol reference (protocol=), which has all.",
        )
