"""Tables of scores as Markdown, LaTeX and CSV."""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from imfuse.metrics.evaluation import Evaluation
from imfuse.metrics.metric import MetricInfo
from imfuse.metrics.published import QuotedRow
from imfuse.report.grid import ARROWS, DASH, Grid, Line, make_grid, symbols_of
from imfuse.report.scores import Section

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

_LATEX_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",  # bare, it would be an argument of the line break before it
    "]": "{]}",
    DASH: "--",
    ARROWS["higher"]: r"$\uparrow$",
    ARROWS["lower"]: r"$\downarrow$",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}


@dataclass(frozen=True)
class _Format:
    """How a format writes the parts of a row."""

    escape: Callable[[str], str]
    best: str
    second: str
    raise_numbers: Callable[[Sequence[int]], str]
    row: str
    between: str

    def line(self, line: Line) -> str:
        name = f"{line.name} (quoted: {line.source})" if line.source else line.name
        marks = {"": "{}", "best": self.best, "second": self.second}
        return self.cells(
            self.escape(name) + self.raise_numbers(line.notes),
            *(
                marks[cell.mark].format(self.escape(cell.text)) + self.raise_numbers(cell.notes)
                for cell in line.cells
            ),
        )

    def head(self, grid: Grid) -> str:
        heads = [f"{info.symbol} {ARROWS[info.better]}" for info in grid.columns]
        return self.cells("method", *map(self.escape, heads))

    def cells(self, *texts: str) -> str:
        return self.row.format(self.between.join(texts))

    def caption(self, grid: Grid) -> str:
        """Return the caption, with what the marks mean if there are any."""
        caption = self.escape(grid.caption)
        if any(cell.mark for line in grid.scored for cell in line.cells):
            best, second = self.best.format("Bold"), self.second.format("underlined")
            among = " of the rows that are not quoted" if grid.quoted else ""
            caption += f" {best}: best, {second}: second best{among}."
        return caption


def _one_line(text: str) -> str:
    return " ".join(text.split())


_MARKDOWN = _Format(
    escape=lambda text: re.sub(r"([\\`*_\[\]<>|&~#$])", r"\\\1", _one_line(text)),
    best="**{}**",
    second="<u>{}</u>",
    # Superscript letters, which every viewer shows.
    raise_numbers=lambda ns: "\N{NARROW NO-BREAK SPACE}".join(
        str(n).translate(_SUPERSCRIPTS) for n in ns
    ),
    row="| {} |",
    between=" | ",
)

_LATEX = _Format(
    escape=lambda text: "".join(_LATEX_SIGNS.get(sign, sign) for sign in _one_line(text)),
    best=r"\textbf{{{}}}",
    second=r"\underline{{{}}}",
    raise_numbers=lambda ns: rf"\textsuperscript{{{','.join(map(str, ns))}}}" if ns else "",
    row=r"{} \\",
    between=" & ",
)


def as_markdown(
    evaluations: Sequence[Evaluation],
    infos: Mapping[str, MetricInfo],
    quoted: Sequence[QuotedRow] = (),
) -> str:
    """Return a table with a row a method, its caption and its footnotes.

    Args:
        evaluations: The rows.
        infos: Symbol to description, for all metrics of the evaluations.
        quoted: Rows of papers, to stand below.
    """
    form, grid = _MARKDOWN, make_grid(evaluations, infos, quoted)
    empty = [""] * len(grid.columns)
    lines = [f"> **Warning: {form.escape(grid.warning)}**", ""] if grid.warning else []
    lines += [form.head(grid), form.cells(":--", *["--:" for _ in grid.columns])]
    lines += map(form.line, grid.scored)
    if grid.quoted:
        lines += [form.cells("*quoted, as printed:*", *empty), *map(form.line, grid.quoted)]
    lines += ["", form.caption(grid)]
    for index, text in enumerate(grid.footnotes, start=1):
        lines += ["", f"{form.raise_numbers((index,))} {form.escape(text)}"]
    return "\n".join(lines) + "\n"


def as_latex(
    evaluations: Sequence[Evaluation],
    infos: Mapping[str, MetricInfo],
    quoted: Sequence[QuotedRow] = (),
) -> str:
    """Return the table for a paper; it needs the package `booktabs`.

    Args:
        evaluations: The rows.
        infos: Symbol to description, for all metrics of the evaluations.
        quoted: Rows of papers, to stand below a rule.
    """
    form, grid = _LATEX, make_grid(evaluations, infos, quoted)
    width = len(grid.columns)
    warning = rf" \textbf{{Warning: {form.escape(grid.warning)}.}}" if grid.warning else ""
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{form.caption(grid)}{warning}}}",
        rf"\begin{{tabular}}{{l{'r' * width}}}",
        r"\toprule",
        form.head(grid),
        r"\midrule",
        *map(form.line, grid.scored),
    ]
    if grid.quoted:
        title = rf"\multicolumn{{{width + 1}}}{{l}}{{\emph{{Quoted, as printed}}}}"
        lines += [r"\midrule", form.cells(title), *map(form.line, grid.quoted)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [
        rf"\par\smallskip{{\footnotesize{form.raise_numbers((index,))} {form.escape(text)}\par}}"
        for index, text in enumerate(grid.footnotes, start=1)
    ]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def as_csv(evaluations: Sequence[Evaluation]) -> str:
    """Return every value, a row a picture, in full precision; undefined ones are empty."""
    symbols = symbols_of(evaluations)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["label", "name", *symbols])
    for evaluation in evaluations:
        columns = [
            evaluation.columns[symbol].tolist()
            if symbol in evaluation.columns
            else [math.nan] * evaluation.count
            for symbol in symbols
        ]
        for name, *values in zip(evaluation.names, *columns, strict=True):
            cells = [repr(value) if math.isfinite(value) else "" for value in values]
            writer.writerow([_cell(evaluation.label), _cell(name), *cells])
    return out.getvalue()


def values_csv(header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """Return a table with a value a row, in full precision; undefined values are empty.

    Args:
        header: Names of the columns.
        rows: Texts and numbers.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(
            [
                _cell(one) if isinstance(one, str) else repr(one) if math.isfinite(one) else ""
                for one in row
            ]
        )
    return out.getvalue()


def _cell(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def plain_markdown(sections: Sequence[Section]) -> str:
    """Return plain tables with their titles and leads, as Markdown."""
    form = _MARKDOWN
    parts = []
    for section in sections:
        numeric = section.numeric
        lines = [f"**{form.escape(section.title)}**", "", form.escape(section.lead), ""]
        lines += [form.cells(*map(form.escape, section.header))]
        lines += [form.cells(*("--:" if one else ":--" for one in numeric))]
        lines += [form.cells(*map(form.escape, row)) for row in section.rows]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
