import csv
import io
import re

import numpy as np
import pytest

from imfuse.report.grid import DASH, decimals, make_grid, number
from imfuse.report.tables import as_csv, as_latex, as_markdown
from report.scored import INFOS, NASTY, QUOTED, evaluation

NAN = float("nan")


def column(grid, symbol):
    index = [info.symbol for info in grid.columns].index(symbol)
    return [line.cells[index] for line in grid.scored]


def marks(*means, symbol="EN"):
    rows = [evaluation(str(i), names=("p",), **{symbol: [m]}) for i, m in enumerate(means)]
    return [cell.mark for cell in column(make_grid(rows, INFOS), symbol)]


def test_best_and_second_follow_the_direction():
    assert marks(1, 3, 2) == ["", "best", "second"]
    assert marks(1, 3, 2, symbol="Nabf") == ["best", "", "second"]


def test_equal_numbers_share_a_mark():
    assert marks(3, 3, 2, 1) == ["best", "best", "second", ""]
    assert marks(3, 2, 2, 1) == ["best", "second", "second", ""]
    # Unlike only in digits that are not shown.
    assert marks(6.51234, 6.51239, 2) == ["best", "best", "second"]


def test_an_undefined_mean_is_never_best_and_a_lone_one_is_not_marked():
    assert marks(NAN, 1, 2) == ["", "second", "best"]
    assert marks(NAN, 1) == ["", ""]
    assert marks(1) == [""]


def test_quoted_rows_take_no_part_in_the_marks():
    rows = [evaluation("a", EN=[6, 6, 6]), evaluation("b", EN=[5, 5, 5])]
    grid = make_grid(rows, INFOS, [QUOTED])
    assert [cell.mark for cell in column(grid, "EN")] == ["best", "second"]
    assert [cell.mark for cell in grid.quoted[0].cells] == [""]
    assert grid.quoted[0].cells[0].text == "7.9"  # above 6, and still no best


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6.6512, "6.651"),
        (42.312, "42.31"),
        (0.96884, "0.9688"),
        (0.0512345, "0.05123"),
        (9.99996, "10.00"),
        (12345.6, "12346"),
        (0.0, "0.000"),
        (-1.5, "-1.500"),
        (1e-12, "0.000000"),
        (NAN, DASH),
        (float("inf"), DASH),
    ],
)
def test_numbers_have_four_digits(value, text):
    assert number(value, decimals([value])) == text


def test_a_column_is_aligned_by_its_largest_value_and_has_no_negative_zero():
    assert decimals([0.001, 42.0, NAN]) == 2
    assert number(-0.001, 2) == "0.00"


def test_a_partly_undefined_mean_tells_its_count_and_reason():
    grid = make_grid([evaluation("a", EN=[6, NAN, 7], SD=[NAN] * 3)], INFOS)
    en, sd = grid.scored[0].cells
    assert (en.text, sd.text) == ("6.500", DASH)
    assert [grid.footnotes[n - 1] for n in (*en.notes, *sd.notes)] == [
        "mean over 2 of 3 pairs; undefined: the fused picture is constant (1 of 3 pairs)",
        "undefined: the fused picture is constant (3 of 3 pairs)",
    ]


def test_a_row_without_pairs_says_so():
    grid = make_grid([evaluation("a", names=(), EN=[])], INFOS)
    assert grid.scored[0].cells[0].text == DASH
    assert grid.footnotes == ("no pair was scored",)


def test_equal_footnotes_stand_once():
    rows = [evaluation("a", EN=[NAN, 6, 7]), evaluation("b", EN=[1, NAN, 2])]
    assert len(make_grid(rows, INFOS).footnotes) == 1


def test_a_metric_that_a_row_lacks_is_empty_and_not_undefined():
    rows = [evaluation("a", EN=[1, 2, 3]), evaluation("b", EN=[1, 2, 3], SD=[1, 2, 3])]
    grid = make_grid(rows, INFOS)
    assert [cell.text for cell in column(grid, "SD")] == ["", "2.000"]
    assert not grid.footnotes


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"names": ("p", "q", "s")}, "rows are over different pairs"),
        ({"protocol": "tang"}, "rows follow different protocols"),
        ({"channel": "gray"}, "rows compare different channels"),
    ],
)
def test_rows_that_do_not_compare_are_said_loudly_and_not_marked(other, words):
    rows = [evaluation("a", EN=[1, 2, 3]), evaluation("b", EN=[4, 5, 6], **other)]
    grid = make_grid(rows, INFOS)
    assert f"{words}: not comparable" in grid.warning
    assert [cell.mark for cell in column(grid, "EN")] == ["", ""]
    assert f"Warning: {words}" in as_markdown(rows, INFOS)
    assert rf"\textbf{{Warning: {words}" in as_latex(rows, INFOS)


def test_markdown():
    rows = [evaluation("a", EN=[6, 7, 8], Nabf=[0.1, 0.2, NAN]), evaluation("b_c|", EN=[1, 2, 3])]
    sha = rows[0].pairs_sha256[:12]
    assert as_markdown(rows, INFOS, [QUOTED]).splitlines() == [
        "| method | EN ↑ | Nabf ↓ |",
        "| :-- | --: | --: |",
        "| a | **7.000** | 0.1500¹ |",
        r"| b\_c\| | <u>2.000</u> |  |",
        "| *quoted, as printed:* |  |  |",
        "| GTF (quoted: PSFusion, table 3)²\N{NARROW NO-BREAK SPACE}³ | 7.9 |  |",
        "",
        f"Means over 3 pairs; protocol reference, channel y, pairs {sha}. **Bold**: best, "
        "<u>underlined</u>: second best of the rows that are not quoted.",
        "",
        "¹ mean over 2 of 3 pairs; undefined: the fused picture is constant (1 of 3 pairs)",
        "",
        "² PSFusion, table 3: evaluated by tang",
        "",
        r"³ printed twice \& unlike",
    ]


def test_latex():
    rows = [evaluation("a", EN=[6, 7, 8], Nabf=[0.1, 0.2, NAN]), evaluation("[b]_&", EN=[1, 2, 3])]
    text = as_latex(rows, INFOS, [QUOTED])
    for line in (
        r"\begin{tabular}{lrr}",
        r"method & EN $\uparrow$ & Nabf $\downarrow$ \\",
        r"a & \textbf{7.000} & 0.1500\textsuperscript{1} \\",
        r"{[}b{]}\_\& & \underline{2.000} &  \\",
        r"GTF (quoted: PSFusion, table 3)\textsuperscript{2,3} & 7.9 &  \\",
    ):
        assert line in text.splitlines()
    assert re.findall(r"\\(\w+rule)\b", text) == ["toprule", "midrule", "midrule", "bottomrule"]
    assert rows[0].pairs_sha256[:12] in text
    assert text.isascii()


@pytest.mark.parametrize("name", [NASTY, "a\\b{c}~^#%", "line\nbreak"])
def test_names_cannot_break_a_table(name):
    rows = [evaluation(name, EN=[1, 2, 3]), evaluation("b", EN=[1, 2, 3])]
    latex = as_latex(rows, INFOS)
    bare = re.sub(r"\\[{}]", "", latex)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?<!\\)[#_]", latex)
    row = next(line for line in latex.splitlines() if "best" not in line and r"\textbf" in line)
    assert len(re.findall(r"(?<!\\)&", row)) == 1
    table = as_markdown(rows, INFOS).splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", table)) == 3
    assert "<img" not in re.sub(r"\\<", "", table)


def test_csv_has_every_value_in_full_precision():
    values = [1 / 3, NAN, np.pi]
    rows = [evaluation("a,b", EN=values), evaluation(NASTY, EN=[1, 2, 3], SD=[4, 5, 6])]
    table = list(csv.reader(io.StringIO(as_csv(rows))))
    assert table[0] == ["label", "name", "EN", "SD"]
    assert table[1:4] == [
        ["a,b", "p", repr(1 / 3), ""],
        ["a,b", "q", "", ""],
        ["a,b", "r", repr(np.pi), ""],
    ]
    assert table[4] == [NASTY, "p", "1.0", "4.0"]
    assert len(table) == 7
