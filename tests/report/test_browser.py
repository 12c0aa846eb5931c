"""The page in a real browser: widths, slider, sorting, colours, paper, and that nothing is fetched.

The page itself holds no checks: a wrapper shows it in frames and looks into them.
"""

import html
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from imfuse.metrics.metric import MetricInfo
from imfuse.report.scores import Case, Section, evaluation_page
from report.scored import INFOS, QUOTED, evaluation, picture

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(autouse=True, scope="module")  # before the pages are looked at
def _chromium():
    """Skip without a browser; with IMFUSE_REQUIRE_BROWSER set, fail."""
    if CHROMIUM is None:
        reason = "no Chromium is installed"
        if os.environ.get("IMFUSE_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)


FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--window-size=1400,900",
    "--virtual-time-budget=3000",
)

CHECKS = """
const kinds = {};
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument;
  const seen = (node) => node.getClientRects().length > 0;
  const charts = [...page.querySelectorAll("svg.chart")];
  const box_of = (node) => node.getBoundingClientRect();
  const loads = frame.contentWindow.performance.getEntriesByType("resource");
  const found = {
    inner: frame.contentWindow.innerWidth,
    scroll: page.documentElement.scrollWidth,
    charts: charts.length,
    chart_columns: new Set(charts.map(c => Math.round(box_of(c).left))).size,
    letters: Math.min(...charts.map(c => 12 * box_of(c).width / c.viewBox.baseVal.width)),
    fetched: loads.map(e => e.name.slice(0, 5)),
    figures: [...page.querySelectorAll(".pictures figure")].filter(seen).length,
    wipes: [...page.querySelectorAll(".wipe")].filter(seen).length,
    wide_scrolls: [...page.querySelectorAll(".wide")].some(w => w.scrollWidth > w.clientWidth),
    colours: [...Array(8).keys()].map(i => {
      const probe = page.body.appendChild(page.createElement("i"));
      probe.className = "s" + i;
      return frame.contentWindow.getComputedStyle(probe).color;
    }),
    ink: frame.contentWindow.getComputedStyle(page.body).color,
    quiet: frame.contentWindow.getComputedStyle(page.querySelector(".lead")).color,
    paper: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
  };
  kinds[frame.id] = found;
  if (frame.id === "phone") {
    const box = page.querySelector(".wide");
    const head = box.querySelector("tbody th");
    const before = head.getBoundingClientRect().left;
    box.scrollLeft = 100;
    found.sticky = Math.abs(head.getBoundingClientRect().left - before) < 1 && box.scrollLeft > 50;
  }
  if (frame.id !== "desk") continue;
  const wipe = page.querySelector(".wipe");
  const range = wipe.querySelector("input");
  const area = wipe.querySelector(".frame");
  const divider = wipe.querySelector(".divider");
  const state = () => {
    const all = area.getBoundingClientRect();
    const line = divider.getBoundingClientRect();
    return {
      at: 100 * (line.left + line.width / 2 - all.left) / all.width,
      clip: frame.contentWindow.getComputedStyle(area.querySelectorAll("img")[1]).clipPath,
      tags: [...wipe.querySelectorAll(".tag")].map(t => t.textContent),
      shown: [...area.querySelectorAll("img")].map(i => i.alt),
      name: range.getAttribute("aria-label"), value: range.getAttribute("aria-valuetext"),
      height: all.height,
    };
  };
  found.first = state();
  range.value = 25;
  range.dispatchEvent(new Event("input"));
  found.moved = state();
  area.setPointerCapture = () => {};
  area.hasPointerCapture = () => true;
  const left = area.getBoundingClientRect().left, width = area.getBoundingClientRect().width;
  for (const [kind, share] of [["pointerdown", 0.1], ["pointermove", 0.8]])
    area.dispatchEvent(new PointerEvent(kind, { clientX: left + share * width, pointerId: 1 }));
  found.dragged = state();
  const choices = wipe.querySelectorAll("select");
  found.offered = [...choices[0].options].map(o => o.textContent);
  choices[0].selectedIndex = 0;
  choices[1].selectedIndex = 3;
  for (const choice of choices) choice.dispatchEvent(new Event("change"));
  found.chosen = state();
  const table = page.querySelector(".sortable");
  table.closest("details").open = true;
  const column = (c) => [...table.tBodies[0].rows].map(r => r.cells[c].textContent);
  const columns = () => [0, 1, 2].map(column);
  const buttons = table.querySelectorAll("th button");
  buttons[2].click();
  found.up = columns();
  found.sorted = table.querySelector("[aria-sort]").getAttribute("aria-sort");
  buttons[2].click();
  found.down = columns();
  buttons[1].click();
  found.by_name = columns();
  found.heads_sorted = table.querySelectorAll("[aria-sort]").length;
}
const out = document.createElement("pre");
out.id = "findings";
out.textContent = JSON.stringify(kinds);
document.body.append(out);
"""


def browse(folder, page, *flags):
    address = folder / "page.html"
    address.write_text(page, encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    run = subprocess.run(
        [CHROMIUM, *FLAGS, profile, *flags, address.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    # What a page writes to the console: its own errors, and what its policy refused.
    assert "CONSOLE" not in run.stderr
    return run.stdout


def look(folder, frames, *flags):
    """Return what the checks find in frames: id to width and page."""
    shown = "".join(
        f'<iframe id="{name}" style="width:{width}px;height:800px;border:0" '
        f'srcdoc="{html.escape(page)}"></iframe>'
        for name, (width, page) in frames.items()
    )
    late = f"addEventListener('load', () => setTimeout(() => {{{CHECKS}}}, 500))"
    wrapper = f"<!DOCTYPE html><meta charset=utf-8><body>{shown}<script>{late}</script></body>"
    dom = browse(folder, wrapper, *flags, "--dump-dom")
    return json.loads(html.unescape(re.search(r'<pre id="findings">(.*?)</pre>', dom, re.S)[1]))


def scores_page(pairs=12, metrics=9):
    rng = np.random.default_rng(1)
    infos = INFOS | {
        f"M{i}": MetricInfo(symbol=f"M{i}", title="more", better="higher", reference="folklore")
        for i in range(metrics - len(INFOS))
    }
    names = [f"a-rather-long-name-of-a-picture-{i:05d}" for i in range(pairs)]
    rows = [
        evaluation(label, names=names, **{s: rng.random(pairs) * 40 for s in infos})
        for label in ("average", "a-method-with-a-name-as-long-as-a-folder", "<i>&")
    ]
    rows[0].columns["EN"][0] = np.nan
    shown = [
        Case(
            name=names[i],
            caption="worst of all",
            ir=picture(0),
            vis=picture(1),
            fused={row.label: picture(k) for k, row in enumerate(rows, start=2)},
        )
        for i in range(2)
    ]
    speed = Section(
        "Speed", "On one core.", ("method", "ms"), [(row.label, "12.5") for row in rows]
    )
    settings = {"software": "imfuse", "pairs": f"{pairs}, {rows[0].pairs_sha256}"}
    return evaluation_page(
        "Scores of three methods",
        rows,
        infos,
        settings=settings,
        cases=shown,
        quoted=[QUOTED],
        sections=[speed],
    )


def without_script(page):
    return re.sub(r"<script>.*</script>", "", page, flags=re.S)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    page = scores_page()
    frames = {
        "desk": (1280, page),
        "phone": (360, page.replace("<details>", "<details open>")),
        "plain": (360, without_script(page)),
        # 182 mm are left of A4 between the margins; with the rules for paper in force.
        "paper": (
            688,
            page.replace("@media print", "@media all").replace("@media screen", "@media speech"),
        ),
    }
    return look(tmp_path_factory.mktemp("browser"), frames)


@pytest.mark.parametrize("kind", ["desk", "phone", "plain", "paper"])
def test_no_page_is_wider_than_its_window(found, kind):
    assert found[kind]["scroll"] <= found[kind]["inner"]


def test_on_a_phone_wide_tables_scroll_within_themselves_and_keep_their_first_column(found):
    assert found["phone"]["wide_scrolls"]
    assert found["phone"]["sticky"]


def test_on_paper_tables_are_not_cut(found):
    assert not found["paper"]["wide_scrolls"]


def test_charts_stack_on_a_phone_and_stay_legible(found):
    assert [found[kind]["charts"] for kind in ("desk", "phone")] == [18, 18]
    assert found["desk"]["chart_columns"] == 3
    assert found["phone"]["chart_columns"] == 1
    assert min(found[kind]["letters"] for kind in ("desk", "phone")) >= 11


def test_nothing_is_fetched(found):
    assert {name for kind in found.values() for name in kind["fetched"]} <= {"data:"}


def test_the_slider_moves_the_divider(found):
    first, moved, dragged = (found["desk"][name] for name in ("first", "moved", "dragged"))
    assert first["tags"] == ["visible", "average"]
    assert first["height"] > 100
    assert [state["at"] for state in (first, moved, dragged)] == pytest.approx(
        [50, 25, 80], abs=0.6
    )
    assert moved["clip"] == "inset(0px 75% 0px 0px)"
    assert moved["value"] == "25 % visible"


def test_any_two_pictures_can_be_compared(found):
    chosen = found["desk"]["chosen"]
    name = "a-rather-long-name-of-a-picture-00000"
    long = "a-method-with-a-name-as-long-as-a-folder"
    assert found["desk"]["offered"] == ["infrared", "visible", "average", long, "<i>&"]
    assert chosen["tags"] == ["infrared", long]
    assert chosen["shown"] == [f"{name}, {long}", f"{name}, infrared"]
    assert chosen["name"] == f"Divider: left infrared, right {long}"


def test_pictures_stand_side_by_side_without_a_script_and_on_paper(found):
    shown = {kind: (found[kind]["wipes"], found[kind]["figures"]) for kind in found}
    assert shown == {"desk": (2, 0), "phone": (2, 0), "plain": (0, 10), "paper": (0, 10)}


def test_a_click_on_a_header_sorts_and_a_second_one_reverses(found):
    up, down = found["desk"]["up"][2], found["desk"]["down"][2]
    numbers = [float(text) for text in up[:-1]]
    assert numbers == sorted(numbers)
    assert down[:-1] == up[:-1][::-1]
    assert up[-1] == down[-1] == "\N{EN DASH}"
    assert found["desk"]["sorted"] == "ascending"
    assert found["desk"]["by_name"][1] == sorted(found["desk"]["by_name"][1])
    assert found["desk"]["heads_sorted"] == 1


def luminance(colour):
    channels = [int(v) / 255 for v in re.findall(r"\d+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_curves_stand_out_in_light_and_dark(tmp_path, found, dark):
    kind = found["plain"]
    if dark:
        plain = without_script(scores_page(3, 3))
        kind = look(tmp_path, {"plain": (700, plain)}, "--blink-settings=preferredColorScheme=0")[
            "plain"
        ]
    assert (luminance(kind["paper"]) < 0.1) == dark
    assert contrast(kind["ink"], kind["paper"]) > 7
    assert contrast(kind["quiet"], kind["paper"]) > 4.5
    # WCAG asks for 3 of what is not text.
    assert min(contrast(colour, kind["paper"]) for colour in kind["colours"]) > 3
    assert len(set(kind["colours"])) == 8


def pages_of(folder, page):
    pdf = folder / "page.pdf"
    browse(folder, page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    return len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))


def test_printing_opens_what_is_folded_unless_it_is_too_long(tmp_path):
    folded, long = scores_page(120, 3), scores_page(140, 3)
    counts = [pages_of(tmp_path, page) for page in (folded, without_script(folded), long)]
    assert counts[2] >= 2
    # 360 rows are printed, with and without a script; 420 are not.
    assert counts[0] == counts[1] >= counts[2] + 4
