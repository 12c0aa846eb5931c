"""`imfuse explain`: why two people get different values of a metric for the same pictures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imfuse.cli import thermal
from imfuse.cli.console import JsonOption, print_json, print_table, say, say_list, show
from imfuse.cli.evaluate import (
    FusedArgument,
    IrArgument,
    IrRangeOption,
    PairRegexOption,
    ResizeOption,
    StretchOption,
    VisArgument,
    WorkersOption,
    score_paths,
    shared_options,
)
from imfuse.errors import ImfuseError

if TYPE_CHECKING:
    from imfuse.metrics.metric import MetricInfo
    from imfuse.scoring.explain import Finding


def complete_metric(incomplete: str) -> list[str]:
    """Complete the symbol of a metric in the shell."""
    from imfuse.metrics.catalogue import METRICS

    return [symbol for symbol in METRICS if symbol.casefold().startswith(incomplete.casefold())]


def explain(
    metric: Annotated[
        str, typer.Argument(help="Symbol, such as VIF or SSIM.", autocompletion=complete_metric)
    ],
    fused: FusedArgument,
    ir: IrArgument,
    vis: VisArgument,
    mine: Annotated[str | None, typer.Option(metavar="X", help="The value that you got.")] = None,
    theirs: Annotated[
        str | None, typer.Option(metavar="Y", help="The value that somebody else got.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Also compare with this picture of the ideal result, or with a folder of such "
            "pictures, named like the fused ones.",
        ),
    ] = None,
    pair_regex: PairRegexOption = None,
    resize: ResizeOption = None,
    stretch: StretchOption = False,
    ir_range: IrRangeOption = None,
    ir_unit: thermal.UnitOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which conventions give which value of a metric, and which one matches a number.

    Folders are scored as a whole: values are means over the pairs. A number stands for all values
    that round to it, so give it with the digits that were printed.

    For example `imfuse explain VIF --mine 0.7042 --theirs 0.7507 fused/ ir/ vis/`.
    """
    from imfuse.options import FuseOptions
    from imfuse.scoring.explain import Explainer, matching
    from imfuse.scoring.references import References

    references = None if reference is None else References(reference, folder=fused.is_dir())
    explainer = Explainer(metric, references)
    info = explainer.metric.info
    options = FuseOptions(
        resize=None if resize is None else resize.value,
        stretch=stretch,
        ir_range=ir_range,
        ir_unit=None if ir_unit is None else ir_unit.value,
    )
    paths = fused, ir, vis
    options = shared_options(options, *paths, pair_regex=pair_regex, workers=workers)
    evaluation = score_paths(explainer, *paths, options, pair_regex=pair_regex, workers=workers)
    findings = explainer.findings(evaluation)
    if not findings:
        raise ImfuseError(
            f"{info.symbol} is undefined for these pictures: {evaluation.undefined[0].reason}",
            file=fused,
            remedy="Ask for a metric that is defined, or for other pictures.",
        )
    asked = {
        who: (printed, *matching(findings, printed))
        for who, printed in (("mine", mine), ("theirs", theirs))
        if printed is not None
    }
    say_list("remarks", evaluation.remarks())
    if as_json:
        print_json(
            {
                "metric": info.symbol,
                "title": info.title,
                "unit": info.unit,
                "count": evaluation.count,
                "pairs_sha256": evaluation.pairs_sha256,
                "values": [_as_json(finding) for finding in findings],
                "namesakes": explainer.namesakes,
            }
            | {
                who: {
                    "value": float(printed),
                    "matches": [_as_json(finding) for finding in fitting],
                    "nearest": _as_json(nearest),
                }
                for who, (printed, fitting, nearest) in asked.items()
            }
        )
    else:
        _show(info, findings, evaluation.count, asked)
        for kit, symbol in explainer.namesakes.items():
            show(f"{kit} calls our {symbol} by this name: see `imfuse explain {symbol}`")
    if evaluation.failed:
        sys.exit(ImfuseError.exit_code)


def _as_json(finding: "Finding") -> dict[str, object]:
    return {
        "value": finding.value,
        "protocols": list(dict.fromkeys(n for way in finding.ways for n in way.protocols)),
        "ways": [
            {
                "names": list(way.names),
                "convention": dict(way.convention),
                "channel": way.channel,
                "pictures": way.pictures,
            }
            for way in finding.ways
        ],
    }


def _show(
    info: "MetricInfo",
    findings: "list[Finding]",
    count: int,
    asked: "dict[str, tuple[str, list[Finding], Finding]]",
) -> None:
    from rich.table import Table

    of = f"mean of {count} pictures" if count > 1 else "one picture"
    show(f"{info.symbol}, {info.title}{f' in {info.unit}' if info.unit else ''}: {of}")
    table = Table("value", "computed this way by", "departures from our definition", box=None)
    table.columns[0].justify = "right"
    for finding in findings:
        marks = [who for who, (_, fitting, _) in asked.items() if finding in fitting]
        plain = finding.ways[0]
        exact = list(dict.fromkeys(name for way in finding.ways for name in way.protocols))
        table.add_row(
            f"{finding.value:.6g}",
            ", ".join(exact) or f"({' / '.join(plain.names)})",
            "; ".join(plain.departures) or "nothing",
            style="bold" if marks or exact else "",
        )
    print_table(table)
    for who, (printed, fitting, nearest) in asked.items():
        if fitting:
            others = f" (and {len(fitting) - 1} less simple ways)" if len(fitting) > 1 else ""
            show(f"{who} {printed} = {fitting[0].by}{others}")
        else:
            share = 100 * (nearest.value / float(printed) - 1) if float(printed) else float("inf")
            show(
                f"{who} {printed} matches none; nearest is {nearest.value:.6g} ({share:+.2g} %): "
                f"{nearest.by}. Are these the same pictures, saved without loss?"
            )
    if len(asked) == 2:
        _show_difference(asked)


def _show_difference(asked: "dict[str, tuple[str, list[Finding], Finding]]") -> None:
    """Print the differences between the most plausible ways to compute the two numbers."""
    if not all(fitting for _, fitting, _ in asked.values()):
        say("One of the two numbers matches nothing, so their difference stays unexplained.")
        return
    mine, theirs = (set(fitting[0].ways[0].departures) for _, fitting, _ in asked.values())
    if mine == theirs:
        show("both numbers were computed in the same way")
        return
    parts = [
        f"{who}: {'; '.join(sorted(only)) or 'our definition there'}"
        for who, only in (("mine", mine - theirs), ("theirs", theirs - mine))
    ]
    show(f"they differ: {' | '.join(parts)}")
