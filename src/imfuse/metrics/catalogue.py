"""All metrics by their symbol. To register a metric, add it to its module's `METRICS`."""

from collections.abc import Iterable

from imfuse.errors import UnknownName
from imfuse.metrics import (
    contrast,
    dependence,
    edges,
    features,
    fidelity,
    gradient,
    information,
    similarity,
    structure,
)
from imfuse.metrics.metric import Metric, MetricInfo

_MODULES = (
    information,
    gradient,
    dependence,
    similarity,
    structure,
    fidelity,
    edges,
    contrast,
    features,
)

METRICS: dict[str, Metric] = {
    metric.info.symbol: metric for module in _MODULES for metric in module.METRICS
}
"""Symbol to metric, in the order in which tables show them."""

PAPER_METRICS = ("EN", "SD", "SF", "AG", "MI", "SCD", "VIF", "Qabf", "SSIM")
"""The nine metrics in the tables of the five papers."""


def find_metric(symbol: str) -> Metric:
    """Return the metric with this symbol; case, `_` and `-` make no difference.

    Raises:
        UnknownName: There is none; the message suggests the closest ones.
    """
    wanted = symbol.replace("_", "-").casefold()
    for known, metric in METRICS.items():
        if known.casefold() == wanted:
            return metric
    raise UnknownName("metric", symbol, METRICS)


def infos_of(symbols: Iterable[str]) -> dict[str, MetricInfo]:
    """Return the descriptions of the metrics with these symbols."""
    return {symbol: METRICS[symbol].info for symbol in symbols}
