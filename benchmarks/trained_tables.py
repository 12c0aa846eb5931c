"""Tables of the networks trained here, from `results/trained.json`, for `tables.py`."""

import json

from harness import RESULTS

from imfuse.metrics.published import QuotedRow, published_rows

_STRETCHED = ("seafusion", "scgrfuse", "smfnet")
"""Networks whose published programs stretch every fused picture to the full range when saving."""

_GOALS = ("VIF", "Qabf", "EN", "SD", "SF")
"""Metrics that should reach 95 % of the paper's value on MSRS."""


def _results() -> dict[str, object]:
    return json.loads((RESULTS / "trained.json").read_text())["results"]


def trainings() -> str:
    """Return one row per training run."""
    lines = [
        "| network | preset | pairs | steps before | steps | of the preset's schedule | time |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for name, card in _results()["trainings"].items():
        steps, planned = (sum(one[key] for one in card["stages"]) for key in ("steps", "planned"))
        time = f"{card['seconds'] / 60:.0f} min, {card['device']}"
        before = card.get("begun_steps") or 0
        lines.append(
            f"| `{name}` | `{card['preset']}` | {card['pairs']} | {before:,} | {steps:,} "
            f"| {steps / planned:.1%} | {time} |"
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
                f"{row['means'][s]:.4g} ({row['means'][s] / quoted.values[s]:.0%})"
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
