"""Charts as SVG text: cumulative curves as papers draw them, and box plots."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imfuse.metrics.metric import MetricInfo

# A chart is about as wide as a phone, so that its 12 px letters are never shrunk below 11 px.
_WIDTH = 328
_LEFT, _RIGHT = 48, 318
_TOP, _BOTTOM = 8, 196

_COLOURS = 8
"""The style sheet has as many, those of Okabe and Ito, which the colour-blind can tell apart."""

_DASHES = ("", "7 3", "2 2.5", "9 3 2 3", "4 2")

# Drawn from a point, by moves relative to it.
_MARKERS = (
    "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
    "m-3-3h6v6h-6z",
    "m0-4l4 7h-8z",
    "m0-4l4 4-4 4-4-4z",
    "m0 4l4-7h-8z",
    "m-4 0h8m-4-4v8",
    "m-3-3l6 6m0-6l-6 6",
)
_MARKERS_A_CURVE = 4

_MOST_POINTS = 400
"""Longer curves are drawn by as many of their points; the chart has fewer pixels."""

_BOX_HEIGHT = 34
_LONGEST_LABEL = 44


@dataclass(frozen=True)
class _Axis:
    """A range of values along a line of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Return places of round values and how they are written."""
        rough = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * min((1, 2, 2.5, 5, 10), key=lambda times: abs(times * power - rough))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        # Three digits of the step show it; zeros that no tick needs are left out.
        places = max(0, 2 - math.floor(math.log10(step)))
        texts = [f"{index * step:.{places}f}" for index in range(first, last + 1)]
        spare = min(len(text) - len(text.rstrip("0")) for text in texts) if places else 0
        texts = [text[: len(text) - spare].rstrip(".") for text in texts]
        return [(self(i * step), text) for i, text in enumerate(texts, start=first)]


def cumulative(curves: Mapping[str, ArrayLike], info: MetricInfo) -> str:
    """Return a chart of sorted values: at (x, y), x % of the pairs have values of at most y.

    Args:
        curves: Label of a method to its values, one a pair; NaN are left out.
        info: The metric.
    """
    known = {label: np.sort(_defined(values)) for label, values in curves.items()}
    x = _Axis(0, 100, _LEFT, _RIGHT)
    y = _value_axis(list(known.values()), start=_BOTTOM, end=_TOP)
    parts = [
        _grid_line(f"M{_LEFT} {place:.1f}H{_RIGHT}") + _text(_LEFT - 6, place + 4, text, "end")
        for place, text in y.ticks()
    ]
    parts += [
        _grid_line(f"M{place:.1f} {_BOTTOM}v4") + _text(place, _BOTTOM + 17, text, "middle")
        for place, text in x.ticks()
    ]
    parts.append(_text((_LEFT + _RIGHT) / 2, _BOTTOM + 34, "share of pairs, %", "middle"))
    for index, (label, values) in enumerate(known.items()):
        if values.size:
            parts.append(_curve(index, len(known), label, values, x, y))
    says = f"{info.symbol}: values in increasing order over the share of pairs. "
    return _svg(_BOTTOM + 42, says, curves, known, parts)


def _curve(
    index: int, count: int, label: str, values: NDArray[np.float64], x: _Axis, y: _Axis
) -> str:
    chosen = np.unique(np.linspace(0, values.size - 1, min(values.size, _MOST_POINTS)).astype(int))
    points = [
        f"{x(100 * (i + 1) / values.size):.1f} {y(float(values[i])):.1f}" for i in chosen.tolist()
    ]
    # Curves have their markers at unlike places, lest they hide one another.
    shares = [(k + (index + 0.5) / count) / _MARKERS_A_CURVE for k in range(_MARKERS_A_CURVE)]
    places = dict.fromkeys(int(share * len(points)) for share in shares)
    marker = _MARKERS[index % len(_MARKERS)]
    marks = "".join(f"M{points[place]}{marker}" for place in places)
    return (
        f'<g class="s{index % _COLOURS}"><title>{html.escape(label)}</title>'
        f'<path class="curve" {_dash(index)}d="M{"L".join(points)}"/>'
        f'<path class="marker" d="{marks}"/></g>'
    )


def boxes(values: Mapping[str, ArrayLike], info: MetricInfo) -> str:
    """Return box plots: median, quartiles, whiskers to 1.5 times their distance, outliers, mean.

    Args:
        values: Label of a method to its values, one a pair; NaN are left out.
        info: The metric.
    """
    known = {label: _defined(found) for label, found in values.items()}
    bottom = _TOP + _BOX_HEIGHT * len(known)
    x = _value_axis(list(known.values()), start=12, end=_RIGHT)
    parts = [
        _grid_line(f"M{place:.1f} {_TOP}V{bottom + 4}") + _text(place, bottom + 17, text, "middle")
        for place, text in x.ticks()
    ]
    for index, (label, found) in enumerate(known.items()):
        top = _TOP + _BOX_HEIGHT * index
        parts.append(_text(8, top + 12, _shortened(label), "start", "label"))
        if found.size:
            parts.append(_box(index, label, found, x, top + 24))
    medians = "; ".join(f"{label}: {np.median(v):.4g}" for label, v in known.items() if v.size)
    return _svg(
        bottom + 24, f"{info.symbol}: box plots. Medians: {medians}. ", values, known, parts
    )


def _box(index: int, label: str, values: NDArray[np.float64], x: _Axis, middle: float) -> str:
    q1, median, q3 = (float(q) for q in np.percentile(values, (25, 50, 75)))
    reach = 1.5 * (q3 - q1)
    inside = values[(values >= q1 - reach) & (values <= q3 + reach)]
    outside = values[(values < q1 - reach) | (values > q3 + reach)]
    low, high, mean = x(float(inside.min())), x(float(inside.max())), x(float(values.mean()))
    left, centre, right = x(q1), x(median), x(q3)
    top = middle - 6
    dots = "".join(f"M{x(value):.1f} {middle}h0" for value in outside.tolist())
    whiskers = (
        f"M{low:.1f} {middle}H{left:.1f}M{right:.1f} {middle}H{high:.1f}"
        f"M{low:.1f} {middle - 3}v6M{high:.1f} {middle - 3}v6"
    )
    return (
        f'<g class="s{index % _COLOURS}"><title>{html.escape(label)}: median {median:.4g}, '
        f"mean {values.mean():.4g}, quartiles {q1:.4g} and {q3:.4g}</title>"
        f'<path class="whisker" d="{whiskers}"/>'
        f'<rect class="box" x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="12"/>'
        f'<path class="median" d="M{centre:.1f} {top}v12"/>'
        + (f'<path class="dots" d="{dots}"/>' if dots else "")
        + f'<path class="mean" d="M{mean:.1f} {middle}{_MARKERS[3]}"/></g>'
    )


def scatter(points: Mapping[str, tuple[float, float]], info: MetricInfo, upwards: str) -> str:
    """Return a chart with one marker a method.

    Args:
        points: Label of a method to its value of the metric and the other value; methods in which
            either is NaN are left out.
        info: The metric, across.
        upwards: Name of the other value.
    """
    known = {label: point for label, point in points.items() if np.isfinite(point).all()}
    across, up = (np.array([point[axis] for point in known.values()]) for axis in (0, 1))
    x = _value_axis([across], start=_LEFT, end=_RIGHT)
    y = _value_axis([up], start=_BOTTOM, end=_TOP)
    parts = [
        _grid_line(f"M{_LEFT} {place:.1f}H{_RIGHT}") + _text(_LEFT - 6, place + 4, text, "end")
        for place, text in y.ticks()
    ]
    parts += [
        _grid_line(f"M{place:.1f} {_BOTTOM}v4") + _text(place, _BOTTOM + 17, text, "middle")
        for place, text in x.ticks()
    ]
    parts.append(_text((_LEFT + _RIGHT) / 2, _BOTTOM + 34, info.symbol, "middle"))
    for index, label in enumerate(points):
        if label in known:
            place, value = known[label]
            parts.append(
                f'<g class="s{index % _COLOURS}"><title>{html.escape(label)}: {info.symbol} '
                f"{place:.4g}, {html.escape(upwards)} {value:.4g}</title>"
                f'<path class="marker" d="M{x(place):.1f} {y(value):.1f}'
                f'{_MARKERS[index % len(_MARKERS)]}"/></g>'
            )
    says = f"{upwards} over {info.symbol}, one point a method. "
    says += "; ".join(f"{label}: {a:.4g}, {b:.4g}" for label, (a, b) in known.items())
    return _svg(_BOTTOM + 42, says, {}, {}, parts)


def swatch(index: int) -> str:
    """Return how the curve with this number looks, for the legend of all charts."""
    marker = _MARKERS[index % len(_MARKERS)]
    return (
        '<svg class="swatch" viewBox="0 0 36 12" aria-hidden="true">'
        f'<g class="s{index % _COLOURS}"><path class="curve" {_dash(index)}d="M0 6H36"/>'
        f'<path class="marker" d="M18 6{marker}"/></g></svg>'
    )


def _dash(index: int) -> str:
    dashes = _DASHES[index % len(_DASHES)]
    return f'stroke-dasharray="{dashes}" ' if dashes else ""


def _defined(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[np.isfinite(array)]


def _value_axis(arrays: Sequence[NDArray[np.float64]], *, start: float, end: float) -> _Axis:
    """Return an axis with a little room beyond the least and the greatest value."""
    everything = np.concatenate([*arrays, np.zeros(0)])
    low, high = (everything.min(), everything.max()) if everything.size else (0.0, 1.0)
    # Where all values are equal up to rounding, there is still an axis around them.
    room = max(0.04 * (high - low), 1e-6 * max(abs(low), abs(high)), 1e-12)
    return _Axis(float(low - room), float(high + room), start, end)


def _grid_line(path: str) -> str:
    return f'<path class="grid" d="{path}"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{html.escape(text)}</text>'


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _svg(
    height: int,
    says: str,
    given: Mapping[str, ArrayLike],
    known: Mapping[str, NDArray[np.float64]],
    parts: Sequence[str],
) -> str:
    """Return the chart, with a line on the values that it leaves out."""
    missing = {label: np.size(given[label]) - known[label].size for label in given}
    left_out = [f"{label}: {count}" for label, count in missing.items() if count]
    line = ""
    if left_out:
        total = sum(missing.values())
        line = _text(
            _LEFT, height + 8, f"{total} undefined value{'s'[: total > 1]} left out", "start"
        )
        height += 16
        says = f"{says}Undefined and left out: {', '.join(left_out)}."
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{html.escape(says.strip())}">{"".join(parts)}{line}</svg>'
    )
