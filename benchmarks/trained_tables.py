"""Tables of the networks trained here, from `results/trained.json`, for `tables.py`."""

import json
from collections.abc import Mapping

from harness import RESULTS
from schedules import share_of_paper

from imfuse.metrics.published import QuotedRow, published_rows

_STRETCHED = ("seafusion", "scgrfuse", "smfnet")
"""Networks whose published programs stretch every fused picture to the full range when saving."""

_GOALS = ("VIF", "Qabf", "EN", "SD", "SF", "SCD")
"""Metrics that should reach 95 % of the paper's value on MSRS."""

_GOAL = 0.95

_SYSTEMS = ("scgrfuse", "psfusion", "smfnet", "refinefuse", "seafusion", "bffr")
"""Networks of the summary, in order."""

_UNMEASURED = {"bffr": "mIoU (no MFNet here)"}
"""Printed values that were not measured."""


def _results() -> dict[str, object]:
    return json.loads((RESULTS / "trained.json").read_text())["results"]


def summary() -> str:
    """Return one row per paper: the share of its printed values that is reached, what is missing.

    BFFR's paper prints no scores of pictures; its row is compared with the average, which its
    network learns first.
    """
    lines = [
        f"| network | printed VIF | our VIF | share | {' | '.join(_GOALS[1:])} | what is missing "
        "| pixels seen |",
        "|---|---:|---:|---:|" + "---:|" * len(_GOALS[1:]) + "---|---:|",
    ]
    found = _results()
    for name in _SYSTEMS:
        row, printed = _row(found["rows"], name), _target(found["rows"], name)
        if row is None or printed is None:
            continue
        shares = {s: row[s] / printed[s] for s in _GOALS if s in printed}
        low = [symbol for symbol, share in shares.items() if share < _GOAL]
        low += [_UNMEASURED[name]] if name in _UNMEASURED else []
        cells = [_percent(shares[s]) if s in shares else "-" for s in _GOALS[1:]]
        target = f"{printed['VIF']:.3f}"
        target = target if _printed("MSRS", name) else f"({target})"
        missing = ", ".join(low) or "nothing"
        pixels = share_of_paper(name, found["trainings"][name])
        lines.append(
            f"| `{name}` | {target} | {row['VIF']:.3f} "
            f"| **{_percent(shares['VIF'])}** | {' | '.join(cells)} | {missing} | {pixels} |"
        )
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _row(rows: list[dict[str, object]], name: str) -> dict[str, float] | None:
    """Return the means of a network on MSRS, saved and scored as in its paper; None: no such row.

    Of several that agree with the printed convention, the one over the most pairs counts.
    """
    output = "stretched" if name in _STRETCHED else "as it is"
    quoted = next(iter(_printed("MSRS", name)), None)
    protocol = "tang" if quoted is None else quoted.convention.split(";")[0]
    mine = [
        row
        for row in rows
        if (row["model"], row["dataset"], row["output"], row["protocol"])
        == (name, "MSRS", output, protocol)
    ]
    return max(mine, key=lambda row: row["pairs"])["means"] if mine else None


def _target(rows: list[dict[str, object]], name: str) -> Mapping[str, float] | None:
    """Return the values that a paper prints for its network; for BFFR, those of the average."""
    quoted = next(iter(_printed("MSRS", name)), None)
    return _row(rows, "average") if quoted is None else quoted.values


def trainings() -> str:
    """Return one row per training run."""
    lines = [
        "| network | preset | pairs | steps before | steps | pixels seen | time |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for name, card in _results()["trainings"].items():
        steps = sum(one["steps"] for one in card["stages"])
        time = f"{card['seconds'] / 60:.0f} min, {card['device']}"
        before = card.get("begun_steps") or 0
        lines.append(
            f"| `{name}` | `{card['preset']}` | {card['pairs']} | {before:,} | {steps:,} "
            f"| {share_of_paper(name, card)} | {time} |"
        )
    return "\n".join(lines)


def _printed(dataset: str, model: str) -> list[QuotedRow]:
    """Return the printed rows of a network, one per paper, its own paper first."""
    rows = [*published_rows(dataset), *published_rows(dataset, task="ablation")]
    method = model.replace(" (medical)", "*")  # SMFNet's mark for medical training
    mine = [row for row in rows if row.method.casefold() == method]
    mine.sort(key=lambda row: row.paper.casefold() != method.rstrip("*"))
    return list({row.paper: row for row in reversed(mine)}.values())[::-1]


def goals() -> str:
    """Return one row per network: its values on MSRS, and their share of the printed ones."""
    lines = [
        f"| network | printed in | {' | '.join(_GOALS)} |",
        "|---|---|" + "---:|" * len(_GOALS),
    ]
    rows = _results()["rows"]
    whole = max(row["pairs"] for row in rows if row["dataset"] == "MSRS")
    for row in rows:
        output = "stretched" if row["model"] in _STRETCHED else "as it is"
        if row["dataset"] != "MSRS" or row["output"] != output:
            continue
        for quoted in _printed("MSRS", row["model"])[:1]:
            if quoted.convention.split(";")[0] != row["protocol"]:
                continue
            cells = [
                f"{row['means'][s]:.4g} ({_percent(row['means'][s] / quoted.values[s])})"
                if s in quoted.values
                else f"{row['means'][s]:.4g}"
                for s in _GOALS
            ]
            part = "" if row["pairs"] == whole else f", {row['pairs']} pairs"
            lines.append(f"| `{row['model']}`{part} | {quoted.source} | {' | '.join(cells)} |")
    return "\n".join(lines)


def scores() -> str:
    """Return the scores of networks trained here, next to the printed ones, for each dataset."""
    rows = _results()["rows"]
    symbols = list(rows[0]["means"])
    lines = [
        f"| pairs | network | output | protocol | {' | '.join(symbols)} |",
        "|---|---|---|---|" + "---:|" * len(symbols),
    ]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        of_set = [row for row in rows if row["dataset"] == dataset]
        for model in dict.fromkeys(row["model"] for row in of_set):
            for quoted in _printed(dataset, model):
                cells = [f"*{quoted.values[s]:g}*" if s in quoted.values else "" for s in symbols]
                lines.append(
                    f"| {dataset} | `{model}` | *printed: {quoted.source}* | {quoted.convention} "
                    f"| {' | '.join(cells)} |"
                )
            for row in (row for row in of_set if row["model"] == model):
                cells = [f"{row['means'][s]:.4g}" if s in row["means"] else "" for s in symbols]
                lines.append(
                    f"| {dataset} ({row['pairs']}) | `{model}` | {row['output']} "
                    f"| `{row['protocol']}` | {' | '.join(cells)} |"
                )
    return "\n".join(lines)
