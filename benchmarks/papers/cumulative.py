"""Cumulative curves of metrics, as SCGRFuse and PSFusion plot them, from results of imfuse bench.

    imfuse bench --data MSRS --models seafusion,scgrfuse --json | \
        python benchmarks/papers/cumulative.py - -o curves

A point (x, y) of a curve says that x % of the pictures have a value of at most y. Writes
curves.json, the points, and curves.svg, one chart a metric.
"""

import argparse
import html
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import write_json

from imfuse.errors import ImfuseError, UsageError
from imfuse.io.atomic import write_atomically
from imfuse.metrics.catalogue import infos_of
from imfuse.report import plots

_WIDTH, _HEIGHT, _COLUMNS = 345, 285, 3
"""Pixels of a cell of the sheet, which holds a chart and its title; cells in a row."""
_LINE = 20
"""Pixels of a line of the legend."""
_COLOURS = ["0072b2", "d55e00", "00875f", "b4538f", "b87f00", "1b1f24", "2b94c9", "8a7f00"]
_STYLE = (
    "text{font:12px sans-serif;fill:#444}.title{font-weight:bold;fill:#000}"
    "path{fill:none;stroke:currentColor}.grid{stroke:#ddd}.curve{stroke-width:1.75}"
    ".marker{fill:#fff;stroke-width:1.5}"
    + "".join(f".s{number}{{color:#{colour}}}" for number, colour in enumerate(_COLOURS))
)

Curves = Mapping[str, Mapping[str, Sequence[float | None]]]
"""Metric to method to values, one a picture; None where a metric is undefined."""


def read_curves(text: str, symbols: Sequence[str]) -> Curves:
    """Return the values of each picture in results of `imfuse bench --json`.

    Args:
        text: The results.
        symbols: Metrics to take; empty: all.

    Raises:
        UsageError: They are other results, or lack a metric.
    """
    try:
        models = json.loads(text)["models"]
        rows = {str(one["model"]): one["rows"] for one in models}
        known = [symbol for symbol in next(iter(rows.values()))[0] if symbol != "name"]
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration) as error:
        raise UsageError(
            "a file without the values of each picture", expected="what imfuse bench --json prints"
        ) from error
    missing = [symbol for symbol in symbols if symbol not in known]
    if missing:
        raise UsageError(f"--metrics {missing[0]}", expected=f"some of {', '.join(known)}")
    return {
        symbol: {label: [row.get(symbol) for row in each] for label, each in rows.items()}
        for symbol in symbols or known
    }


def points(values: Sequence[float | None]) -> dict[str, list[float]]:
    """Return the different values in order, and the share of pictures with at most each of them."""
    known = np.array([value for value in values if value is not None], np.float64)
    at_most, counts = np.unique(known, return_counts=True)
    share = np.cumsum(counts) / max(1, known.size)
    return {"at_most": at_most.tolist(), "share": share.tolist()}


def sheet(curves: Curves) -> str:
    """Return all charts with a legend as one SVG file."""
    infos = infos_of(curves)
    labels = list(next(iter(curves.values())))
    top = _LINE * len(labels) + 10
    parts = [
        f'<g transform="translate(10 {_LINE * number + 6})">{_sized(plots.swatch(number), 36, 12)}'
        f'<text x="44" y="10">{html.escape(label)}</text></g>'
        for number, label in enumerate(labels)
    ]
    for number, (symbol, values) in enumerate(curves.items()):
        row, column = divmod(number, _COLUMNS)
        numbers = {label: np.array(each, np.float64) for label, each in values.items()}
        chart = _sized(plots.cumulative(numbers, infos[symbol]), 328, 254)
        parts.append(
            f'<g transform="translate({column * _WIDTH + 8} {top + row * _HEIGHT})">'
            f'<text class="title" x="0" y="14">{html.escape(symbol)}</text>'
            f'<g transform="translate(0 22)">{chart}</g></g>'
        )
    width = _WIDTH * min(_COLUMNS, len(curves))
    height = top + _HEIGHT * -(-len(curves) // _COLUMNS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _sized(drawing: str, width: int, height: int) -> str:
    """Return a drawing for a page with the room that it takes in another drawing."""
    return drawing.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)


def main() -> None:
    """Write the curves of all metrics, or of those that are named."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("results", metavar="BENCH.json", help="- reads them from the pipe")
    arguments.add_argument("-o", "--out", type=Path, default=Path("curves"), metavar="STEM")
    arguments.add_argument("--metrics", default="", metavar="A,B,...", help="default: all")
    given = arguments.parse_args()
    symbols = [part.strip() for part in given.metrics.split(",") if part.strip()]
    try:
        curves = read_curves(_text(given.results), symbols)
        data: dict[str, Any] = {
            symbol: {label: points(values) for label, values in each.items()}
            for symbol, each in curves.items()
        }
        picture = sheet(curves)
        write_json(Path(f"{given.out}.json"), data)
        write_atomically(Path(f"{given.out}.svg"), [picture.encode()])
    except (ImfuseError, OSError) as error:
        sys.exit(str(error))
    print(f"{given.out}.json and {given.out}.svg: {', '.join(curves)}")


def _text(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
