import re
import time

import numpy as np
import pytest

from imfuse.metrics.metric import MetricInfo
from imfuse.report.grid import DASH
from imfuse.report.scores import Case, Section, evaluation_page
from report.scored import INFOS, NASTY, QUOTED, Tree, evaluation, picture

NAN = float("nan")
SETTINGS = {"software": "imfuse", "protocol": "reference"}


def page_of(rows, **more):
    return evaluation_page("Scores", rows, INFOS, settings=SETTINGS, **more)


@pytest.fixture
def rows():
    return [
        evaluation("a", EN=[6.1, 7.2, 6.5], SD=[40, 50, NAN], Nabf=[0.1, 0.2, 0.3]),
        evaluation("b", EN=[5.1, 6.2, 7.9], SD=[41, 52, 30], Nabf=[0.2, 0.2, 0.3]),
    ]


def cases(*labels):
    fused = {label: picture(i) for i, label in enumerate(labels, start=2)}
    return [Case(name="p", caption="worst", ir=picture(0), vis=picture(1), fused=fused)]


def test_numbers_of_the_tables_are_those_of_the_evaluations(rows):
    tree = Tree(page_of(rows))
    main, definitions, pictures = tree.tables
    assert [cell.split()[0] for cell in main[0]] == ["method", "EN", "SD", "Nabf"]
    for line, row in zip(main[1:], rows, strict=True):
        assert line[0] == row.label
        shown = [float(cell.split()[0]) for cell in line[1:]]
        assert shown == pytest.approx(list(map(row.__getitem__, row)), rel=1e-3)
    assert [line[0] for line in definitions[1:]] == ["EN", "SD", "Nabf"]
    assert pictures[1:] == [
        ["a", "p", "6.100", "40.00", "0.1000"],
        ["a", "q", "7.200", "50.00", "0.2000"],
        ["a", "r", "6.500", DASH, "0.3000"],
        ["b", "p", "5.100", "41.00", "0.2000"],
        ["b", "q", "6.200", "52.00", "0.2000"],
        ["b", "r", "7.900", "30.00", "0.3000"],
    ]


def test_best_and_second_are_said_in_words_too(rows):
    main = Tree(page_of(rows)).tables[0]
    assert main[1][1].endswith(" best")
    assert main[2][1].endswith(" second best")
    assert main[0][3] == "Nabf\N{NO-BREAK SPACE}↓ lower is better"


def test_the_line_below_the_title_says_what_the_numbers_stand_on(rows):
    page = page_of(rows)
    sha = rows[0].pairs_sha256[:12]
    assert f"Means over 3 pairs; protocol reference, channel y, pairs {sha}." in page
    assert "Warning" not in page


def test_rows_over_different_pairs_raise_an_alarm(rows):
    page = page_of([rows[0], evaluation("b", names=("p",), EN=[6])])
    assert "rows are over different pairs: not comparable" in page
    assert ">best<" not in page
    assert "<strong>6" not in page


def test_notes_failures_and_undefined_values_are_listed(rows):
    text = " ".join(Tree(page_of(rows)).text)
    assert "SD is undefined for 1 of 3 pictures (r): the fused picture is constant" in text
    assert "mean over 2 of 3 pairs; undefined: the fused picture is constant (1 of 3 pairs)" in text
    assert "1 undefined value left out" in text


def test_quoted_rows_are_marked(rows):
    tree = Tree(page_of(rows, quoted=[QUOTED]))
    assert tree.tables[0][3] == ["GTF", "7.9", "20.1", ""]
    text = " ".join(tree.text)
    for words in ("quoted: PSFusion, table 3", "evaluated by tang", "printed twice & unlike"):
        assert words in text


def test_a_chart_of_each_kind_per_metric(rows):
    tree = Tree(page_of(rows))
    assert [a["class"] for a in tree.all("svg")].count("chart") == 2 * 3
    assert [a["class"] for a in tree.all("svg")].count("swatch") == 2


def test_one_pair_has_no_charts_intervals_or_marks():
    page = page_of([evaluation("a", names=("p",), EN=[6])])
    assert "<svg" not in page
    assert "interval" not in page
    assert "Bold" not in page


def test_pictures_of_a_case_stand_in_the_page_once(rows):
    tree = Tree(page_of(rows, cases=cases("a", "b")))
    images = tree.all("img")
    assert [image["alt"] for image in images] == ["p, infrared", "p, visible", "p, a", "p, b"]
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in images)


def test_sections_are_plain_tables_with_numbers_to_the_right(rows):
    speed = Section(
        "Speed", "One core.", ("method", "ms", "why"), [("a", "3.1", "x"), ("b", "1 ms", "")]
    )
    empty = Section("Ranks", "", ("method", "rank"), [])
    assert speed.numeric == [False, True, False]
    tables = Tree(page_of(rows, sections=[speed, empty])).tables
    assert tables[2] == [["method", "ms", "why"], ["a", "3.1", "x"], ["b", "1 ms", ""]]
    assert tables[3] == [["method", "rank"]]


@pytest.mark.parametrize(
    ("text", "is_number"),
    [
        *((text, True) for text in ("1.5", "-2e-05", "3.1 ± 0.2", "120 MB", "12%", "", DASH)),
        *((text, False) for text in ("average", "640x480", "3 of 4 pairs")),
    ],
)
def test_what_counts_as_a_number(text, is_number):
    assert Section("", "", ("x",), [(text,)]).numeric == [is_number]


def test_nothing_from_outside_gets_into_the_page_as_markup():
    row = evaluation(NASTY, names=(NASTY,), protocol=NASTY, EN=[NAN])
    other = evaluation(NASTY + "2", names=(NASTY, "x"), EN=[1, 2])
    page = evaluation_page(
        NASTY,
        [row, other],
        {"EN": MetricInfo(symbol="EN", title=NASTY, better="lower", reference=NASTY)},
        settings={NASTY: NASTY},
        cases=[
            Case(
                name=NASTY, caption=NASTY, ir=picture(0), vis=picture(1), fused={NASTY: picture(2)}
            )
        ],
        quoted=[QUOTED],
        sections=[Section(NASTY, NASTY, (NASTY,), [(NASTY,)])],
    )
    tree = Tree(page)
    assert all("onerror" not in image for image in tree.all("img"))
    assert len(tree.all("script")) == 1
    assert not any(name.startswith("on") for _, attrs in tree.tags for name in attrs)


def test_nothing_is_fetched(rows):
    page = page_of(rows, cases=cases("a"), quoted=[QUOTED])
    tree = Tree(page)
    links = [a.get("src") or a.get("href") for _, a in tree.tags if "src" in a or "href" in a]
    assert all(link.startswith(("data:image/", "#note-")) for link in links)
    assert not tree.all("link")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp", page)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_a_large_page_is_small_and_quick():
    rng = np.random.default_rng(0)
    infos = {
        f"M{i}": MetricInfo(symbol=f"M{i}", title="metric", better="higher", reference="folklore")
        for i in range(9)
    }
    names = [f"{i:05d}N" for i in range(361)]
    rows = [
        evaluation(f"method {k}", names=names, **{symbol: rng.random(361) for symbol in infos})
        for k in range(10)
    ]
    content = b"\xff\xd8\xff" + bytes(24_000)
    fused = {row.label: content for row in rows}
    shown = [Case(name=n, caption="", ir=content, vis=content, fused=fused) for n in names[:6]]
    start = time.perf_counter()
    page = evaluation_page("Large", rows, infos, settings=SETTINGS, cases=shown)
    taken = time.perf_counter() - start
    pictures = sum(len(url) for url in re.findall(r"base64,[^\"]*", page))
    assert len(page) - pictures < 1_500_000
    assert len(page) < 4_000_000
    assert taken < 5  # about 1 s; machines that run tests are shared
