"""Results of a benchmark, as data for JSON and as sections of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imfuse.bench.audit import TRICKS
from imfuse.bench.run import BASELINES, Bench
from imfuse.bench.speed import Speed
from imfuse.cards import network_cards
from imfuse.errors import UnknownName
from imfuse.metrics.evaluation import Evaluation
from imfuse.metrics.published import QuotedRow
from imfuse.metrics.ranking import Comparison, Ranking, compare, kendall_tau, rank
from imfuse.report.scores import Section


@dataclass(frozen=True)
class Summary:
    """A finished benchmark.

    Attributes:
        main: One evaluation per competitor by the main protocol.
        by_protocol: Evaluations by protocol.
        rankings: Ranking by protocol.
        audits: Evaluations of the altered outputs by trick.
        pair: The two methods that are compared, and the result of the test.
        speeds: Cost by method; folders of pictures have none.
        parameters: Number of trainable parameters by method.
        quoted: Published rows to show beside ours.
    """

    main: Sequence[Evaluation]
    by_protocol: Mapping[str, Sequence[Evaluation]]
    rankings: Mapping[str, Ranking]
    audits: Mapping[str, Sequence[Evaluation]]
    pair: tuple[str, str]
    comparisons: Sequence[Comparison]
    speeds: Mapping[str, Speed]
    parameters: Mapping[str, int]
    quoted: Sequence[QuotedRow]

    @classmethod
    def of(
        cls,
        bench: Bench[Evaluation],
        *,
        speeds: Mapping[str, Speed],
        quoted: Sequence[QuotedRow] = (),
        compared: tuple[str, str] | None = None,
    ) -> "Summary":
        """Summarise a finished benchmark.

        Args:
            bench: The benchmark.
            speeds: Cost by method.
            quoted: Published rows.
            compared: Labels of two methods for the paired test; None: the best two.

        Raises:
            UnknownName: A label does not belong to any competitor.
            ImfuseError: All pairs failed.
        """
        by_protocol = {one.name: bench.evaluations(one.name) for one in bench.judges}
        main = next(iter(by_protocol.values()))
        rankings = {name: rank(each, each[0].infos) for name, each in by_protocol.items()}
        labels = {evaluation.label: evaluation for evaluation in main}
        best = next(iter(rankings.values())).labels
        pair = compared or (best[0], best[1])
        for label in pair:
            if label not in labels:
                raise UnknownName("method", label, labels)
        return cls(
            main=main,
            by_protocol=by_protocol,
            rankings=rankings,
            audits=bench.audits(),
            pair=pair,
            comparisons=compare(labels[pair[0]], labels[pair[1]], main[0].infos),
            speeds=speeds,
            parameters={
                c.label: c.fuser.engine.spec.parameters for c in bench.competitors if c.fuser
            },
            quoted=quoted,
        )

    def as_dict(self) -> dict[str, object]:
        """Return all results, ready for JSON."""
        main = self.main[0]
        return {
            "protocol": main.protocol,
            "channel": main.channel,
            "count": main.count,
            "pairs_sha256": main.pairs_sha256,
            "models": [self._model(evaluation) for evaluation in self.main],
            "rankings": {
                name: {
                    "order": list(ranking.labels),
                    "mean_rank": dict(ranking.mean_rank),
                    "first": dict(ranking.first),
                    "kept": dict(ranking.kept),
                    "tau_to_main": kendall_tau(self._first.labels, ranking.labels),
                }
                for name, ranking in self.rankings.items()
            },
            "comparison": {
                "first": self.pair[0],
                "second": self.pair[1],
                "metrics": {one.symbol: vars(one) for one in self.comparisons},
            },
            "bought": [vars(one) for one in self.bought()],
            "failed": [{"name": name, "error": error} for name, error in main.failed],
            "quoted": [
                {
                    "method": row.method,
                    "source": row.source,
                    "dataset": row.dataset,
                    "convention": row.convention,
                    "values": dict(row.values),
                    "notes": list(row.notes),
                }
                for row in self.quoted
            ],
        }

    def _macs(self, label: str) -> int | None:
        """Return the cost of a known network of this size at 256x256; None for all others."""
        card = network_cards().get(label)
        known = card is not None and card.spec.parameters == self.parameters.get(label)
        return round(card.gmacs_256 * 1e9) if card is not None and known else None

    @property
    def _first(self) -> Ranking:
        return next(iter(self.rankings.values()))

    def _model(self, evaluation: Evaluation) -> dict[str, object]:
        whole = evaluation.as_dict()
        label = evaluation.label
        speed = self.speeds.get(label)
        return {
            "model": label,
            "baseline": label in BASELINES,
            "parameters": self.parameters.get(label),
            "macs_256": self._macs(label),
            "latency_ms_median": None if speed is None else round(speed.latency_ms, 3),
            "peak_mb": None if speed is None else speed.peak_mb,
            "size": None if speed is None else speed.size,
            "mean": whole["mean"],
            "std": whole["std"],
            "interval": whole["interval"],
            "defined": whole["defined"],
            "protocols": {
                name: self._means(each, label) for name, each in self.by_protocol.items()
            },
            "audit": {trick: self._means(each, label) for trick, each in self.audits.items()},
            "rows": whole["rows"],
        }

    @staticmethod
    def _means(evaluations: Sequence[Evaluation], label: str) -> object:
        return next(e for e in evaluations if e.label == label).as_dict()["mean"]

    def bought(self) -> list["Bought"]:
        """Return the leads that a trick would give to the runner-up, metric by metric.

        If the second-best method overtakes the best one once its output is stretched, sharpened or
        noisy, the metric is no proof of a better picture.
        """
        found = []
        for symbol in self.main[0]:
            sign = 1.0 if self.main[0].infos[symbol].better == "higher" else -1.0
            ordered = sorted(
                (e for e in self.main if np.isfinite(e[symbol])), key=lambda e: -sign * e[symbol]
            )
            if len(ordered) < 2:
                continue
            best, second = ordered[0], ordered[1]
            for trick, each in self.audits.items():
                after = next(e for e in each if e.label == second.label)[symbol]
                if sign * (after - best[symbol]) > 0:
                    found.append(
                        Bought(symbol, trick, best.label, best[symbol], second.label, after)
                    )
        return found

    def sections(self) -> list[Section]:
        """Return the tables of the page that come after the scores."""
        return [
            self._rank_section(),
            *([self._speed_section()] if self.speeds else []),
            self._test_section(),
            *([self._audit_section()] if self.audits else []),
        ]

    def _rank_section(self) -> Section:
        names = list(self.rankings)
        rows = [
            [
                label,
                *(f"{ranking.mean_rank[label]:.2f}" for ranking in self.rankings.values()),
                f"{100 * self._first.first[label]:.0f} %",
                f"{100 * self._first.kept[label]:.0f} %",
            ]
            for label in self._first.labels
        ]
        agreement = ", ".join(
            f"{name} {kendall_tau(self._first.labels, ranking.labels):.2f}"
            for name, ranking in list(self.rankings.items())[1:]
        )
        return Section(
            title="Ranks",
            lead="Mean rank over the metrics, by each protocol's numbers; 1 is best everywhere. "
            f"First and kept: share of resamplings of the pairs in which, by {names[0]}, a method "
            "comes first, or keeps the place it has here."
            + (f" Agreement with {names[0]} (Kendall's tau): {agreement}." if agreement else ""),
            header=["method", *names, "first", "kept"],
            rows=rows,
        )

    def _speed_section(self) -> Section:
        rows = [
            [
                label,
                f"{self.parameters.get(label, 0):,}",
                f"{speed.latency_ms:.1f} ms",
                "-" if speed.peak_mb is None else f"{speed.peak_mb:.0f} MB",
                speed.size,
            ]
            for label, speed in self.speeds.items()
        ]
        return Section(
            title="Cost",
            lead="One pair, from arrays to an array, on all cores of this machine: median time, "
            "and peak memory of a new process above what it had before it loaded the method.",
            header=["method", "parameters", "time", "memory", "size"],
            rows=rows,
        )

    def _test_section(self) -> Section:
        rows = [
            [
                one.symbol,
                f"{one.difference:+.4g}",
                one.better,
                f"{100 * one.wins:.0f} %",
                f"{one.p_value:.4f}" + (" *" if one.significant else ""),
            ]
            for one in self.comparisons
        ]
        return Section(
            title=f"{self.pair[0]} against {self.pair[1]}",
            lead="Paired sign-flip test, pair by pair. A star: significant at 0.05 after Holm's "
            "correction for the number of metrics.",
            header=["metric", "mean difference", "better", "wins on", "p"],
            rows=rows,
        )

    def _audit_section(self) -> Section:
        bought = {(one.symbol, one.trick) for one in self.bought()}
        rows = []
        for evaluation in self.main:
            for trick, each in self.audits.items():
                altered = next(e for e in each if e.label == evaluation.label)
                changes = [
                    _change(evaluation.infos[symbol].better, value, altered[symbol])
                    for symbol, value in evaluation.items()
                ]
                rows.append([f"{evaluation.label}, {trick}", *changes])
        marked = "; ".join(
            f"{one.symbol}: {one.second}, {one.trick}, would pass {one.best} "
            f"({one.after:.4g} against {one.lead:.4g})"
            for one in self.bought()
        )
        return Section(
            title="Audit",
            lead="The same outputs, min-max stretched, sharpened, or with noise of 5 gray levels "
            "added: none shows more of the scene. + marks a change that the metric counts as an "
            f"improvement. Leads that such a trick gives to the runner-up: {marked or 'none'}.",
            header=["method", *(f"{s}{' !' if _any(bought, s) else ''}" for s in self.main[0])],
            rows=rows,
        )


@dataclass(frozen=True)
class Bought:
    """A lead in one metric that a trick gives to the runner-up."""

    symbol: str
    trick: str
    best: str
    lead: float
    second: str
    after: float


def _any(bought: set[tuple[str, str]], symbol: str) -> bool:
    return any((symbol, trick) in bought for trick in TRICKS)


def _change(better: str, before: float, after: float) -> str:
    """Return an altered value, with + if the metric counts the change as an improvement."""
    if not np.isfinite(before) or not np.isfinite(after):
        return "-"
    gain = after - before if better == "higher" else before - after
    return f"{after:.4g} {'+' if gain > 0 else '-' if gain < 0 else ''}".strip()
