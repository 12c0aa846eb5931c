"""Values printed in the tables of papers, shown next to measured ones and marked as quoted."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class QuotedRow:
    """One row of a printed table.

    Attributes:
        paper: Key of the paper, such as `RefineFuse`.
        table: Number of the table in it.
        dataset: Dataset as the paper names it.
        method: The method of the row.
        convention: Evaluation protocol behind the numbers, as far as it is known.
        values: Metric symbol to the printed value.
        notes: Known errors and doubts about the row.
    """

    paper: str
    table: str
    dataset: str
    method: str
    convention: str
    values: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The paper and the table, such as `RefineFuse, table 1`."""
        return f"{self.paper}, table {self.table}"


_CONVENTIONS = {
    "SCGRFuse": "tang; MI partly bits, partly nats (rows copied from CDDFuse)",
    "PSFusion": "tang",
    "SMFNet": "smfnet",
    "RefineFuse": "tang; SSIM as cddfuse",
}
"""Protocol behind each paper's table, found by scoring the same pictures."""


def published_rows(dataset: str, *, task: str = "fusion") -> list[QuotedRow]:
    """Return the rows that the papers print for a dataset.

    Args:
        dataset: As the papers name it (`MSRS`, `RoadScene`, `TNO`, `M3FD`, `Harvard MRI-CT`,
            `Harvard MRI-PET`, `Harvard MRI-SPECT`), in any case.
        task: `fusion`: their comparisons of fused pictures; `ablation`: their ablation studies.

    Returns:
        The rows in the order of the papers and tables; empty if no paper has the dataset.
    """
    return [row for row in _all_rows(task) if row.dataset.casefold() == dataset.casefold()]


def published_datasets() -> list[str]:
    """Return the datasets that have rows."""
    return sorted({row.dataset for row in _all_rows("fusion")})


@cache
def _all_rows(task: str) -> tuple[QuotedRow, ...]:
    text = files("imfuse.metrics").joinpath("papers.csv").read_text(encoding="utf-8")
    grouped: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for cell in csv.DictReader(text.splitlines()):
        if cell["task"] == task and not cell["class"]:
            key = tuple(cell[name] for name in ("paper", "table", "dataset", "method"))
            grouped.setdefault(key, []).append(cell)
    return tuple(
        QuotedRow(
            paper=paper,
            table=table,
            dataset=dataset,
            method=method,
            convention=_CONVENTIONS.get(paper, ""),
            values={cell["metric"]: float(cell["value"]) for cell in cells},
            notes=tuple(dict.fromkeys(cell["note"] for cell in cells if cell["note"])),
        )
        for (paper, table, dataset, method), cells in grouped.items()
    )
