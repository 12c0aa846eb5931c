"""Lists of the metrics and of the protocols, for Python."""

from imfuse.metrics.catalogue import METRICS
from imfuse.metrics.metric import MetricInfo
from imfuse.metrics.protocols import PROTOCOLS, Protocol


def list_metrics() -> list[MetricInfo]:
    """Return symbol, title, range and direction of every metric."""
    return [metric.info for metric in METRICS.values()]


def list_protocols() -> list[Protocol]:
    """Return the protocols: the conventions of published evaluation kits, and ours."""
    return list(PROTOCOLS.values())
