"""Output of `imfuse evaluate` and `imfuse bench`: the files that were asked for, and the table."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imfuse.cli.console import print_table, say, show

if TYPE_CHECKING:
    from imfuse.metrics.evaluation import Evaluation
    from imfuse.metrics.published import QuotedRow
    from imfuse.report.scores import Section


def check_outputs(wanted: "Sequence[Path | None]", *, inputs: "Sequence[Path]" = ()) -> None:
    """Refuse outputs that would only fail after the work is done, or that would destroy a file.

    Raises:
        OutputError: A file can't be written, is an input, or is asked for twice.
    """
    from imfuse.errors import OutputError
    from imfuse.io.outputs import files_of, identities, refuse_source

    paths = [path for path in wanted if path is not None]
    resolved = [path.resolve() for path in paths]
    # Listed only if an output exists already, since datasets have many files.
    sources = identities(files_of(inputs) if any(path.exists() for path in paths) else ())
    for path in paths:
        refuse_source(path, sources)
        if resolved.count(path.resolve()) > 1:
            found = "two results would be written to it"
            raise OutputError(found, file=path, remedy="Give each its own name.")
        if path.is_dir() or not path.parent.is_dir():
            found = "it is a folder" if path.is_dir() else "its folder does not exist"
            raise OutputError(found, file=path, remedy="Give the name of a file in a folder.")


def write_tables(
    evaluations: "Sequence[Evaluation]",
    *,
    csv: Path | None,
    markdown: Path | None,
    latex: Path | None,
    quoted: "Sequence[QuotedRow]" = (),
) -> None:
    """Write the tables that were asked for."""
    if csv is markdown is latex is None:
        return
    from imfuse.io.atomic import write_text
    from imfuse.report.tables import as_csv, as_latex, as_markdown

    infos = evaluations[0].infos
    if csv is not None:
        write_text(csv, as_csv(evaluations))
    if markdown is not None:
        write_text(markdown, as_markdown(evaluations, infos, quoted))
    if latex is not None:
        write_text(latex, as_latex(evaluations, infos, quoted))


def show_table(evaluations: "Sequence[Evaluation]") -> None:
    """Print one table, a row per metric; a single evaluation also gets spread and titles."""
    from rich.table import Table

    from imfuse.report.grid import ARROWS

    first = evaluations[0]
    many = first.count > 1
    table = Table("metric", box=None, pad_edge=False)
    for label in [e.label for e in evaluations] if len(evaluations) > 1 else ["value"]:
        table.add_column(label, justify="right", no_wrap=True)
    if len(evaluations) == 1:
        for title in ("std", "95 % interval") if many else ():
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("what it is", overflow="fold", min_width=20)
    for symbol in first:
        info = first.infos[symbol]
        cells = [_number(evaluation[symbol]) for evaluation in evaluations]
        if len(evaluations) == 1:
            if many:
                ends = first.interval(symbol)
                cells += [_number(first.std(symbol)), f"{_number(ends[0])} .. {_number(ends[1])}"]
            cells.append(info.title + (f", {info.unit}" if info.unit else ""))
        table.add_row(f"{symbol} {ARROWS[info.better]}", *cells)
    print_table(table)
    hashes = {evaluation.pairs_sha256[:12] for evaluation in evaluations}
    counts = "/".join(dict.fromkeys(str(evaluation.count) for evaluation in evaluations))
    sys.stdout.write(
        f"protocol {first.protocol}, channel {first.channel}, {counts} "
        f"picture{'' if counts == '1' else 's'}, pairs {' '.join(sorted(hashes))}\n"
    )
    if len(hashes) > 1:
        say("warning: the columns are over different pairs and not comparable")


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.4f}"  # noqa: PLR0124 - NaN


def show_sections(sections: "Sequence[Section]") -> None:
    """Print plain tables with their titles and leads."""
    from shutil import get_terminal_size
    from textwrap import fill

    from rich.table import Table

    for section in sections:
        show(f"\n{section.title}\n{fill(section.lead, get_terminal_size().columns)}")
        table = Table(*section.header, box=None, pad_edge=False)
        for column in table.columns:
            column.no_wrap = True
        for column in table.columns[1:]:
            column.justify = "right"
        for row in section.rows:
            table.add_row(*row)
        print_table(table)
